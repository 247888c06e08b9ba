"""Checks of each pipe's settings. Pure: a pipe in, findings out (facts/aws-pipes.md, sections 3 and 8)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from core import names
from services.checks.finding import Finding, Severity
from services.checks.settings import pipe_label
from services.pipes.describe import Pipe

_ALL = frozenset({"INSERT", "MODIFY", "REMOVE"})
#: The kinds of change that each flow is there for.
_NEEDED = {
    names.CACHE_PUT: frozenset({"INSERT", "MODIFY"}),
    names.TOPIC_PUBLISH: _ALL,
    names.CACHE_DELETE: frozenset({"REMOVE"}),
}
_UP = "Create the stack with `python -m provision up`."


def _found(pipe: Pipe, severity: Severity, what: str, why: str, advice: str) -> Finding:
    return Finding(pipe_label(pipe.flow), severity, what, why, advice)


def running(pipe: Pipe) -> Iterator[Finding]:
    """A pipe that does not run."""
    if pipe.state == "MISSING":
        yield _found(pipe, Severity.LOSES, "The pipe does not exist.", "No record goes its way.", _UP)
    elif pipe.state in ("STOPPED", "STOPPING"):
        yield _found(
            pipe,
            Severity.RISK,
            "The pipe is stopped.",
            "Records wait in the stream, which forgets them after 24 h.",
            "Start it on the page Pipes before then.",
        )
    elif not pipe.running:
        yield _found(
            pipe,
            Severity.LOSES if pipe.state.endswith("_FAILED") else Severity.RISK,
            f"The pipe is {pipe.state.lower().replace('_', ' ')}. {pipe.reason}".strip(),
            "Records wait in the stream, which forgets them after 24 h.",
            "Mend what the reason says; a pipe that failed to be created is deleted and created anew.",
        )


def dead_letters(pipe: Pipe) -> Iterator[Finding]:
    """No dead-letter queue, or one that Pipes cannot use."""
    if pipe.state == "MISSING":
        return
    if not pipe.dead_letter_queue:
        yield _found(
            pipe,
            Severity.LOSES,
            "It has no dead-letter queue.",
            "A record that cannot be delivered is dropped, and nothing tells which it was.",
            f"Set DeadLetterConfig to queue {names.QUEUE}.",
        )
    elif pipe.dead_letter_queue.endswith(".fifo"):
        yield _found(
            pipe,
            Severity.LOSES,
            "Its dead-letter queue is a FIFO queue.",
            "Pipes cannot send dead letters to one, so they are dropped.",
            "Use a standard queue.",
        )


def retries(pipe: Pipe) -> Iterator[Finding]:
    """Retries that never end, and none at all."""
    if pipe.state == "MISSING":
        return
    endless = pipe.retries in (None, -1) and pipe.record_age_s in (None, -1)
    if endless:
        yield _found(
            pipe,
            Severity.RISK,
            "It retries without end, and has no age limit.",
            "One record that always fails holds back its shard for 24 h; then the stream forgets those behind it.",
            "Set MaximumRetryAttempts, or MaximumRecordAgeInSeconds to a few hours.",
        )
    elif pipe.retries == 0:
        yield _found(
            pipe,
            Severity.RISK,
            "It does not retry.",
            "One answer of 429 or 5xx, or one of more than 5 s, and the record leaves the pipe. "
            "Only a pointer goes to the dead-letter queue.",
            "Set MaximumRetryAttempts to 3 or more, unless somebody repairs dead letters within 24 h.",
        )


def starting_position(pipe: Pipe) -> Iterator[Finding]:
    """LATEST, which skips records."""
    if pipe.starting_position == "LATEST":
        yield _found(
            pipe,
            Severity.RISK,
            "It starts at LATEST.",
            "Records that are written while the pipe is being created or updated can be missed.",
            "The position cannot be changed: create the pipe anew with TRIM_HORIZON, or write only once it runs.",
        )


def batches(pipe: Pipe) -> Iterator[Finding]:
    """More than one record in one call of the target."""
    if pipe.state != "MISSING" and pipe.batch_size != 1:
        size = "100, which is the default" if pipe.batch_size is None else f"{pipe.batch_size:,}"
        yield _found(
            pipe,
            Severity.RISK,
            f"Its batch size is {size}.",
            "Momento does not tell which record of a batch failed, so one bad record fails all of them. "
            "What AWS sends to an API destination for a batch is not documented.",
            "Set BatchSize to 1.",
        )


def filters(pipe: Pipe) -> Iterator[Finding]:
    """A filter that leaves out changes which the flow is there for."""
    taken = event_names(pipe.filters)
    if taken is None:
        yield _found(
            pipe,
            Severity.NOTE,
            "Its filter looks at more than the kind of change.",
            "Which records it leaves out cannot be told. They are not delivered, and nothing counts them.",
            "Read the filter on the page Pipes.",
        )
    elif missed := sorted(_NEEDED[pipe.flow] - taken):
        yield _found(
            pipe,
            Severity.LOSES,
            f"Its filter leaves out {' and '.join(missed)}.",
            "No other pipe does this part of the work: the cache or the topic never learns of such changes.",
            f"Let the filter take {', '.join(sorted(_NEEDED[pipe.flow]))}.",
        )


def logs(pipe: Pipe) -> Iterator[Finding]:
    """A log that does not tell what happens to a record."""
    if pipe.state == "MISSING":
        return
    if pipe.log_level in ("", "OFF", "ERROR"):
        silent = pipe.log_level != "ERROR"
        yield _found(
            pipe,
            Severity.BLIND,
            "It writes no log." if silent else "Its log tells failures only.",
            "Nothing says why a record failed."
            if silent
            else "A record that was delivered cannot be told from a late one.",
            "Set the log level to INFO.",
        )
    elif not pipe.execution_data:
        yield _found(
            pipe,
            Severity.BLIND,
            "Its log holds no execution data.",
            "An execution cannot be joined with its record, so nobody can say which record failed.",
            "Set IncludeExecutionData to ALL.",
        )


def event_names(patterns: Sequence[str]) -> frozenset[str] | None:
    """The kinds of change that a filter takes, or None when it looks at anything else as well."""
    if not patterns:
        return _ALL
    taken: set[str] = set()
    for pattern in patterns:
        try:
            content = json.loads(pattern)
        except ValueError:
            return None
        values = content.get("eventName") if isinstance(content, dict) and set(content) == {"eventName"} else None
        if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
            return None
        taken.update(values)
    return frozenset(taken)
