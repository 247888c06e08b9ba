"""Settings that lose records: each is found, and settings that are right are not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from core import names
from core.errors import NotAuthorized, NotFound, Unreachable
from services.checks.finding import Finding, Severity
from services.checks.lint import CHECKS, lint
from services.checks.pipe_rules import event_names
from services.checks.settings import (
    Connection,
    Denied,
    Destination,
    LogGroup,
    Queue,
    StackSettings,
    Table,
    Unread,
)
from services.pipes.describe import Pipe

STREAM = "arn:aws:dynamodb:us-west-2:123456789012:table/weather-stats-demo/stream/2026-11-21T21:33:31.000"
QUEUE_ARN = f"arn:aws:sqs:us-west-2:123456789012:{names.QUEUE}"
DAY_S = 86_400
_FILTERS = {
    names.CACHE_PUT: ('{"eventName":["INSERT","MODIFY"]}',),
    names.TOPIC_PUBLISH: (),
    names.CACHE_DELETE: ('{"eventName":["REMOVE"]}',),
}


def a_pipe(flow: str, **changes: Any) -> Pipe:
    """A pipe that loses nothing."""
    pipe = Pipe(
        name=names.pipe(flow),
        flow=flow,
        state="RUNNING",
        source=STREAM,
        target=f"arn:aws:events:us-west-2:123456789012:api-destination/{names.api_destination(flow)}/0f8e",
        filters=_FILTERS[flow],
        starting_position="TRIM_HORIZON",
        batch_size=1,
        retries=5,
        record_age_s=-1,
        dead_letter_queue=QUEUE_ARN,
        log_level="INFO",
        execution_data=True,
        role=f"arn:aws:iam::123456789012:role/{names.ROLE}",
    )
    return replace(pipe, **changes)


def a_destination(flow: str, **changes: Any) -> Destination:
    endpoint = "https://api.cache.cell-us-west-2-1.prod.a.momentohq.com/cache/*"
    return replace(Destination(flow, names.api_destination(flow), "ACTIVE", endpoint, 300), **changes)


def right(**changes: Any) -> StackSettings:
    """Settings that lose nothing; the queue keeps messages for as long as the stream keeps records, and 14 days
    where a test says so."""
    settings = StackSettings(
        pipes=tuple(a_pipe(flow) for flow in names.FLOWS),
        table=Table(STREAM, "NEW_AND_OLD_IMAGES", ""),
        queues=(Queue(names.QUEUE, 14 * DAY_S),),
        log_group=LogGroup("weather-stats-demo-logs-us-west-2", 90),
        connection=Connection(names.CONNECTION, "AUTHORIZED", ""),
        destinations=tuple(a_destination(flow) for flow in names.FLOWS),
    )
    return replace(settings, **changes)


def with_pipe(flow: str = names.CACHE_PUT, **changes: Any) -> StackSettings:
    return right(pipes=tuple(a_pipe(each, **(changes if each == flow else {})) for each in names.FLOWS))


def with_destination(**changes: Any) -> StackSettings:
    flows = names.FLOWS
    return right(destinations=tuple(a_destination(flow, **(changes if flow == flows[0] else {})) for flow in flows))


#: How the finding begins that two pipes of a key are held up differently.
OVERTAKES = "It and cache-put read the stream independently"


def found(settings: StackSettings, rates: dict[str, float] | None = None) -> list[Finding]:
    """The findings beside two that have tests of their own: a pointer outlives its record, and pipes that differ."""
    return [each for each in _without_pointers(settings, rates) if not each.what.startswith(OVERTAKES)]


def _without_pointers(settings: StackSettings, rates: dict[str, float] | None) -> list[Finding]:
    return [
        finding for finding in lint(settings, rates or {}) if "and the stream a record for 24 h" not in finding.what
    ]


def test_settings_that_lose_nothing_give_only_the_note_that_a_pointer_outlives_its_record() -> None:
    (note,) = lint(right(), {})

    assert note.severity is Severity.NOTE
    assert note.what == "It keeps a message for 14 d, and the stream a record for 24 h."


@pytest.mark.parametrize(
    ("settings", "severity", "words"),
    [
        (with_pipe(state="MISSING"), Severity.LOSES, "does not exist"),
        (with_pipe(state="STOPPED"), Severity.RISK, "is stopped"),
        (with_pipe(state="CREATE_FAILED", reason="Cannot access stream"), Severity.LOSES, "Cannot access stream"),
        (with_pipe(state="UPDATING"), Severity.RISK, "is updating"),
        (with_pipe(dead_letter_queue=""), Severity.LOSES, "no dead-letter queue"),
        (with_pipe(dead_letter_queue=QUEUE_ARN + ".fifo"), Severity.LOSES, "FIFO"),
        (with_pipe(retries=-1), Severity.RISK, "without end"),
        (with_pipe(retries=None, record_age_s=None), Severity.RISK, "without end"),
        (with_pipe(retries=0), Severity.RISK, "does not retry"),
        (with_pipe(starting_position="LATEST"), Severity.RISK, "LATEST"),
        (with_pipe(batch_size=10), Severity.RISK, "batch size is 10."),
        (with_pipe(batch_size=None), Severity.RISK, "batch size is 100, which is the default"),
        (with_pipe(filters=('{"eventName":["INSERT"]}',)), Severity.LOSES, "leaves out MODIFY"),
        (with_pipe(names.TOPIC_PUBLISH, filters=('{"eventName":["REMOVE"]}',)), Severity.LOSES, "INSERT and MODIFY"),
        (with_pipe(filters=('{"dynamodb":{"Keys":{}}}',)), Severity.NOTE, "more than the kind of change"),
        (with_pipe(log_level="OFF"), Severity.BLIND, "writes no log"),
        (with_pipe(log_level=""), Severity.BLIND, "writes no log"),
        (with_pipe(log_level="ERROR"), Severity.BLIND, "failures only"),
        (with_pipe(execution_data=False), Severity.BLIND, "no execution data"),
        (with_pipe(source=STREAM + "-old"), Severity.LOSES, "another stream"),
        (right(table=Table("", "", "")), Severity.LOSES, "no stream"),
        (right(table=Table(STREAM, "KEYS_ONLY", "")), Severity.LOSES, "KEYS_ONLY"),
        (right(table=Table(STREAM, "OLD_IMAGE", "")), Severity.LOSES, "OLD_IMAGE"),
        (right(table=Table(STREAM, "NEW_IMAGE", "TTL")), Severity.RISK, "own time to live"),
        (right(queues=(Queue(names.QUEUE, 4 * DAY_S),)), Severity.NOTE, "less than the 14 days"),
        (right(queues=(Queue(names.QUEUE, 3600),)), Severity.RISK, "keeps a message for 1 h"),
        (right(queues=(Queue(names.QUEUE, 60),)), Severity.RISK, "keeps a message for 60 s"),
        (right(log_group=LogGroup("logs", 3)), Severity.BLIND, "3 d, and the queue its messages for 14 d"),
        (right(log_group=None), Severity.BLIND, "log group does not exist"),
        (right(connection=Connection("c", "DEAUTHORIZED", "Wrong secret")), Severity.LOSES, "Wrong secret"),
        (with_destination(state="INACTIVE"), Severity.LOSES, "is inactive"),
        (with_destination(endpoint="http://api.example.com/cache/*"), Severity.RISK, "plain http."),
        (with_destination(endpoint="http://127.0.0.1:4567/cache/*"), Severity.NOTE, "on this machine"),
        (right(denied=(Denied("r", "sqs:SendMessage", QUEUE_ARN),)), Severity.LOSES, "may not do sqs:SendMessage"),
        (right(denied=(Denied("r", "dynamodb:GetRecords", STREAM),)), Severity.LOSES, "dynamodb:GetRecords"),
        (right(unread=(Unread("Connection", NotFound("Gone.")),)), Severity.LOSES, "does not exist"),
        (right(unread=(Unread("Table", Unreachable("Down.", "Wait.")),)), Severity.UNCHECKED, "could not be read"),
        (right(unread=(Unread("Permissions", NotAuthorized("No.")),)), Severity.UNCHECKED, "not allowed to check"),
    ],
)  # fmt: skip
def test_a_setting_that_matters_is_the_one_finding(settings: StackSettings, severity: Severity, words: str) -> None:
    (finding,) = found(settings)

    assert finding.severity is severity
    assert words in finding.what
    assert finding.why
    assert finding.advice or isinstance(settings.unread[0].error, NotAuthorized)


@pytest.mark.parametrize(
    "settings",
    [
        with_pipe(retries=-1, record_age_s=3600),
        with_pipe(filters=('{"eventName":["INSERT"]}', '{"eventName":["MODIFY"]}')),
        with_pipe(names.TOPIC_PUBLISH, filters=('{"eventName":["INSERT","MODIFY","REMOVE"]}',)),
        with_pipe(dead_letter_queue="arn:aws:sns:us-west-2:123456789012:failed"),
        with_pipe(log_level="TRACE"),
        right(table=Table(STREAM, "NEW_IMAGE", "expires_at")),
        right(log_group=LogGroup("logs", None)),
        right(table=None, queues=(), connection=None, destinations=()),
    ],
)
def test_a_setting_that_does_no_harm_is_no_finding(settings: StackSettings) -> None:
    assert found(settings) == []


@pytest.mark.parametrize(("rate", "expected"), [(9.0, 1), (8.9, 0), (40.0, 1)])
def test_a_rate_at_the_limit_of_its_destination_is_found(rate: float, expected: int) -> None:
    assert len(found(with_destination(rate_limit=10), {names.CACHE_PUT: rate})) == expected


def test_a_log_group_that_could_not_be_read_is_not_said_to_be_missing() -> None:
    settings = right(log_group=None, unread=(Unread("Log group", Unreachable("Down.", "Wait.")),))

    (finding,) = found(settings)

    assert finding.severity is Severity.UNCHECKED


def test_findings_follow_the_way_of_a_record_the_worst_first_within_each_resource() -> None:
    settings = with_pipe(starting_position="LATEST", log_level="OFF", dead_letter_queue="")
    settings = replace(settings, table=Table(STREAM, "KEYS_ONLY", ""), connection=Connection("c", "UPDATING", ""))

    shown = [(finding.resource, finding.severity) for finding in lint(settings, {})]

    assert shown == [
        ("Table", Severity.LOSES),
        ("Pipe cache-put", Severity.LOSES),
        ("Pipe cache-put", Severity.RISK),
        ("Pipe cache-put", Severity.BLIND),
        ("Connection", Severity.LOSES),
        (f"Queue {names.QUEUE}", Severity.NOTE),
    ]


def test_every_check_says_what_it_looks_at() -> None:
    titles = [check.title for check in CHECKS]

    assert len(set(titles)) == len(titles)
    assert all(titles)


@pytest.mark.parametrize(
    ("patterns", "taken"),
    [
        ((), {"INSERT", "MODIFY", "REMOVE"}),
        (('{"eventName":["REMOVE"]}',), {"REMOVE"}),
        (("not JSON",), None),
        (('{"eventName":[{"prefix":"INS"}]}',), None),
        (('{"eventName":["INSERT"],"dynamodb":{"Keys":{"Location":{"S":["Oslo"]}}}}',), None),
        (("[]",), None),
    ],
)
def test_the_kinds_of_change_that_a_filter_takes(patterns: tuple[str, ...], taken: set[str] | None) -> None:
    assert event_names(patterns) == (None if taken is None else frozenset(taken))


def test_two_pipes_of_which_one_is_held_up_longer_are_told_with_both_orders() -> None:
    (finding,) = [each for each in lint(with_pipe(retries=9), {}) if each.what.startswith(OVERTAKES)]

    assert not any(each.what.startswith(OVERTAKES) for each in lint(right(), {}))

    assert (finding.severity, "different retries" in finding.what) == (Severity.NOTE, True)
    assert "A late put leaves" in finding.why
    assert "a late delete removes the newer item" in finding.why
