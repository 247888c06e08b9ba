"""One pipe on the page Pipes: its verdict first, then when, how fast, how much, what failed, and how it is set."""

from __future__ import annotations

import time
from collections.abc import Sequence

import streamlit as st

from components import charts, formats
from components.verdict_box import pipe_verdict
from services.dead_letters.age import LetterAges, forgets_in_s
from services.pipes.describe import Pipe
from services.pipes.health import PipeHealth

#: Causes of failures that a card names.
_CAUSES_SHOWN = 4
#: What "lag" means, and how exact it is.
_LAG_HELP = (
    "From the creation of a record to its delivery, of the last five minutes. DynamoDB gives the creation in whole "
    "seconds: the lag may be up to a second shorter."
)


def show(health: PipeHealth, watched: bool) -> None:
    """Verdict, last success, lag, throughput and failures; what waits only where the stream is watched."""
    pipe_verdict(health.finding)
    evidence = health.evidence
    success = evidence.last_success_at
    st.text(f"Last success {formats.ago(evidence.now - success)}" if success else "No success in the log's window")
    with st.container(horizontal=True):
        st.metric("Lag p50", _seconds(health.p50_s), help=_LAG_HELP)
        st.metric("Lag p99", _seconds(health.p99_s), help=_LAG_HELP)
        st.metric("Waiting", _waiting(health) if watched else "unknown")
    st.metric("Delivered per second", f"{health.rate:,.1f}")
    charts.spark(health.spark, f"{health.flow}: deliveries in the last five minutes", key=f"spark_{health.flow}")
    _failures(health)


def _seconds(value: float | None) -> str:
    return "–" if value is None else f"{value:,.1f} s"


def _waiting(health: PipeHealth) -> str:
    return formats.number(health.evidence.waiting) if health.waiting_known else "unknown"


def _failures(health: PipeHealth) -> None:
    if not health.causes:
        st.text("No failure in the last five minutes")
        return
    st.text("\n".join(["Failures in the last five minutes:", *_counted(health.causes)]))


def _counted(causes: Sequence[tuple[str, int]]) -> list[str]:
    """A line for each of the most frequent causes, and one for the rest."""
    lines = [f"{count:,} × {cause}" for cause, count in causes[:_CAUSES_SHOWN]]
    rest = sum(count for _, count in causes[_CAUSES_SHOWN:])
    return [*lines, f"{rest:,} × other causes"] if rest else lines


def dead_letters(ages: LetterAges | None) -> None:
    """How many dead letters the pipe has, and how long the stream keeps the record of the first of them."""
    if ages is None:
        st.text("Dead letters: the queue cannot be read")
        return
    if not ages.count:
        st.text("No dead letters")
        return
    more = "at least " if ages.partial else ""
    st.text(f"Dead letters: {more}{ages.count:,}, the oldest {formats.age(time.time() - ages.oldest_at)} old")
    left = forgets_in_s(ages, time.time())
    if left > 0:
        st.text(f"The stream forgets the first of them in {formats.age(left)}")
    else:
        st.text("The stream has forgotten the first of them: its record cannot be read any more")


def state(pipe: Pipe) -> None:
    """What EventBridge says of it."""
    words = pipe.state.lower().replace("_", " ")
    st.badge(
        words, icon=":material/check:" if pipe.running else ":material/error:", color="green" if pipe.running else "red"
    )
    if pipe.desired_state and pipe.desired_state != pipe.state:
        st.text(f"It is meant to be {pipe.desired_state.lower()}")
    if pipe.reason:
        st.text(pipe.reason)


def settings(pipe: Pipe) -> None:
    """The settings that decide what happens to a record."""
    lines = (
        f"Filter: {' or '.join(pipe.filters) or 'none, every record'}",
        f"Batch size: {pipe.batch_size}",
        f"Retries: {'without end' if pipe.retries == -1 else pipe.retries}",
        f"Starting position: {pipe.starting_position}",
        f"Log level: {pipe.log_level or 'OFF'}",
        f"Execution data in the log: {'yes' if pipe.execution_data else 'no'}",
        f"Target: {pipe.target.rpartition('api-destination/')[2]}",
        f"Dead-letter queue: {pipe.dead_letter_queue.rpartition(':')[2] or 'none'}",
    )
    with st.expander("Settings"):
        st.text("\n".join(lines))
