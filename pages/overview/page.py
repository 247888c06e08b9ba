"""Overview: whether the pipeline works, in one word and one picture, and what needs attention."""

from __future__ import annotations

import time

import streamlit as st

from components import charts, formats
from components.boxes import guarded
from components.freshness import freshness, latest
from components.parts import part
from components.verdict_box import pipeline_verdict
from core import names
from core.errors import DashboardError
from pages.frame import context
from pages.overview import notices
from pages.overview.picture import Mood, Node, Picture, picture_html
from services.app.notices import Readings
from services.app.notices import notices as find_notices
from services.app.pipeline import Pipeline
from services.pipes.health import SPARK_POINT_S, SPARK_S, Health, PipeHealth
from services.pipes.verdicts import Verdict
from services.topic.subscription_state import FeedState

_MOODS = {
    Verdict.OK: Mood.GOOD,
    Verdict.IDLE: Mood.PLAIN,
    Verdict.LAGGING: Mood.WAIT,
    Verdict.UNKNOWN: Mood.WAIT,
}


def _pipe_node(pipe: PipeHealth) -> Node:
    finding, waiting = pipe.finding, pipe.evidence.waiting
    count = _per_second(pipe.rate)
    if pipe.failed_rate:
        count += f", {_per_second(pipe.failed_rate)} fail"
    if waiting:
        count += f", {waiting:,} {'waits' if waiting == 1 else 'wait'}"
    mood = _MOODS.get(finding.verdict, Mood.BAD)
    return Node(pipe.flow, finding.verdict.value, count, mood, f"pipes?flow={pipe.flow}")


def _per_second(rate: float) -> str:
    return f"{rate:,.1f}/s"


def _picture(pipeline: Pipeline, readings: Readings, health: Health) -> Picture:
    flows = {pipe.flow: _pipe_node(pipe) for pipe in health.pipes}
    return Picture(
        table=_table_node(pipeline, health),
        stream=_stream_node(health),
        cache_put=flows[names.CACHE_PUT],
        topic_publish=flows[names.TOPIC_PUBLISH],
        cache_delete=flows[names.CACHE_DELETE],
        cache=_cache_node(pipeline),
        topic=_topic_node(pipeline, readings),
        queue=_queue_node(readings),
    )


def _table_node(pipeline: Pipeline, health: Health) -> Node:
    try:
        known = pipeline.records.last()
    except DashboardError:
        return Node("DynamoDB table", "cannot be read", "", Mood.BAD, "weather")
    page = known.value
    if known.error is not None:
        count = formats.counted(len(page.items), "record")
        age = formats.ago(time.time() - known.read_at)
        return Node("DynamoDB table", "cannot be read", f"{count} {age}", Mood.BAD, "weather")
    count = f"over {len(page.items):,} records" if page.more else formats.counted(len(page.items), "record")
    if health.written_rate is not None:
        count += f", {_per_second(health.written_rate)}"
    return Node("DynamoDB table", "active", count, Mood.GOOD, "weather")


def _stream_node(health: Health) -> Node:
    watch = health.watch
    if not watch.on:
        return Node("Stream", "not watched", "kept for 24 h", Mood.PLAIN, "pipes")
    if watch.problem or watch.late_s(time.time()) is not None:
        return Node("Stream", "cannot be read", "kept for 24 h", Mood.BAD, "pipes")
    rate = "" if health.written_rate is None else f"{_per_second(health.written_rate)}, "
    return Node("Stream", "watched", f"{rate}kept for 24 h", Mood.GOOD, "pipes")


def _cache_node(pipeline: Pipeline) -> Node:
    tally = pipeline.lookups.tally()
    count = f"{tally.hits:,} hits, {tally.misses:,} misses"
    try:
        latency = pipeline.cache_latency_ms.get().value
    except DashboardError:
        return Node("Momento cache", "cannot be read", count, Mood.BAD, "lookup")
    return Node("Momento cache", f"answers in {formats.milliseconds(latency)}", count, Mood.GOOD, "lookup")


def _topic_node(pipeline: Pipeline, readings: Readings) -> Node:
    feed = readings.feed
    mood = Mood.GOOD if feed.state is FeedState.LIVE else Mood.BAD
    until = int(time.time())
    lately = [rate for rate in context.recent_rates(pipeline.feed) if until - 10 <= rate.start < until]
    per_second = sum(rate.insert + rate.modify + rate.remove + rate.other for rate in lately) / 10
    return Node(
        "Momento topic", feed.state.value, f"{_per_second(per_second)}, {feed.received:,} received", mood, "live-topic"
    )


def _queue_node(readings: Readings) -> Node:
    title, page = "Dead-letter queue", "dead-letters"
    if readings.depth is None:
        return Node(title, "cannot be read", "", Mood.BAD, page)
    total = readings.depth.total
    if readings.depth_age_s is not None:
        count = f"{formats.counted(total, 'message')} {formats.ago(readings.depth_age_s)}"
        return Node(title, "cannot be read", count, Mood.BAD, page)
    if total:
        return Node(title, "not empty", formats.counted(total, "message"), Mood.BAD, page)
    return Node(title, "empty", "0 messages", Mood.GOOD, page)


@part(run_every=2)
def _live() -> None:
    with guarded():
        pipeline = context.pipeline()
        health = latest(pipeline.health)
        readings = context.readings(pipeline)
        pipeline_verdict(health.verdict, [(pipe.flow, pipe.finding) for pipe in health.pipes])
        st.html(picture_html(_picture(pipeline, readings, health)))
        st.caption(_as_of(health))
        st.subheader("What needs attention")
        notices.show(find_notices(readings), "Nothing beside the pipes: the topic is live, and the queue is empty.")
        _numbers(pipeline, readings, health)
        freshness(pipeline.pipes, pipeline.log, pipeline.depth, pipeline.records, key="refresh_overview")
        st.subheader("Events per second")
        charts.events_per_second(context.recent_rates(pipeline.feed), context.viewer_zone(), key="overview_rates")
        st.caption(f"What the topic brought in the last {formats.age(context.RATE_WINDOW_S)}.")


def _as_of(health: Health) -> str:
    log = "the log cannot be read" if health.log_unread else f"the log is {health.late_s:.1f} s behind"
    words = f"As of {formats.clock(health.at, context.viewer_zone())}; {log}."
    return f"{words} Rates are those of ten seconds. Each box leads to its page."


def _numbers(pipeline: Pipeline, readings: Readings, health: Health) -> None:
    tally = pipeline.lookups.tally()
    delivered = [sum(pipe.spark) * SPARK_POINT_S for pipe in health.pipes]
    failed = [sum(count for _, count in pipe.causes) for pipe in health.pipes]
    last = max((pipe.evidence.last_success_at or 0.0 for pipe in health.pipes), default=0.0)
    depth = readings.depth
    lately = f"In the last {formats.age(SPARK_S)}"
    with st.container(horizontal=True):
        st.metric("Delivered lately", formats.number(sum(delivered)), border=True, help=lately)
        st.metric("Failed lately", formats.number(sum(failed)), border=True, help=lately)
        st.metric("Last delivery", formats.ago(time.time() - last) if last else "none lately", border=True)
        st.metric(
            "Dead letters",
            "–" if depth is None else formats.number(depth.total),
            None if readings.depth_age_s is None else formats.ago(readings.depth_age_s),
            delta_color="off",
            delta_arrow="off",
            border=True,
        )
        st.metric(
            "Cache hits", formats.number(tally.hits), border=True, help="Lookups of this dashboard since it started"
        )
        st.metric("Cache misses", formats.number(tally.misses), border=True)
        st.metric("DynamoDB reads", formats.number(tally.table_reads), border=True)


st.title("Overview")
_live()
