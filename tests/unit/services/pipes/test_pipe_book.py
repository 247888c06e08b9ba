"""The books balance, whatever the order in which the stream and the log tell, and whatever is late, twice or lost."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.names import CACHE_DELETE, CACHE_PUT, FLOWS, TOPIC_PUBLISH, pipe
from services.logs.executions import LogRecord, parse
from services.pipes import tracker
from services.pipes.describe import Pipe
from services.pipes.ledger import Row
from services.pipes.stream_changes import Change
from services.pipes.tracker import PipeBook
from services.pipes.verdicts import Evidence

T0 = 1_760_000_000
PUT, PUBLISH, DELETE = (pipe(flow) for flow in FLOWS)
FILTERS = {
    CACHE_PUT: ('{"eventName":["INSERT","MODIFY"]}',),
    TOPIC_PUBLISH: (),
    CACHE_DELETE: ('{"eventName":["REMOVE"]}',),
}


def described(retries: int = 0, lanes: int = 1, filters: dict[str, tuple[str, ...]] | None = None) -> list[Pipe]:
    """The pipes of the stack as EventBridge describes them."""
    return [
        Pipe(pipe(flow), flow, "RUNNING", filters=(filters or FILTERS)[flow], retries=retries, lanes=lanes)
        for flow in FLOWS
    ]


def a_change(number: int, event_name: str = "INSERT", at: float = T0, shard: str = "shard-1") -> Change:
    """The change with that number in the stream."""
    return Change(f"4{number:020d}", event_name, f'{{"Location": {{"S": "Town {number}"}}}}', at, 120, shard)


def payload(*changes: Change) -> str:
    """The payload of an ExecutionStarted with these changes (facts/aws-pipes.md, section 1)."""
    return json.dumps(
        [
            {
                "eventName": change.event_name,
                "dynamodb": {
                    "ApproximateCreationDateTime": change.created_s,
                    "Keys": json.loads(change.key),
                    "SequenceNumber": change.sequence,
                    "SizeBytes": change.size,
                },
            }
            for change in changes
        ]
    )


def records(execution: str, name: str, changes: tuple[Change, ...], at: float, end: str) -> list[LogRecord]:
    """The log of one execution: start, target, and how it ended ("" for not at all)."""

    def record(kind: str, ms: int, payload: str = "", error: str = "") -> LogRecord:
        message = {
            "resourceArn": f"arn:aws:pipes:us-west-2:123456789012:pipe/{name}",
            "timestamp": int(at * 1000) + ms,
            "executionId": execution,
            "messageType": kind,
            "logLevel": "INFO",
            "payload": payload,
            "error": {"message": error, "httpStatusCode": 500} if error else None,
        }
        return parse(f"{execution} {kind}", 0, json.dumps(message))

    found = [record("ExecutionStarted", 0, payload=payload(*changes)), record("TargetStageEntered", 1)]
    if end == "ExecutionSucceeded":
        found += [record("TargetStageSucceeded", 5), record(end, 6)]
    elif end:
        found += [record("TargetInvocationFailed", 5, error="status 500"), record("TargetStageFailed", 5, error="500")]
        found += [record(end, 6, error="The endpoint answered with status 500.")]
    return found


def hear(book: PipeBook, found: list[LogRecord]) -> None:
    for record in found:
        book.hear(record)


def row(book: PipeBook, name: str, horizon: float = T0 + 600) -> Row:
    return book.account(name).row(T0 - 60, horizon)


def evidence(book: PipeBook, name: str, horizon: float) -> Evidence:
    return book.account(name).evidence(Evidence(horizon, "RUNNING", horizon=horizon))


@pytest.fixture
def book() -> PipeBook:
    made = PipeBook()
    made.agree(described())
    return made


def test_a_change_waits_is_taken_up_and_is_delivered(book: PipeBook) -> None:
    change = a_change(1, at=T0)
    book.see([change])
    assert row(book, PUT) == Row(written=1, in_flight=1)
    assert row(book, DELETE) == Row(written=1, filtered=1)
    assert evidence(book, PUT, T0 + 8).waiting == 1
    assert evidence(book, PUT, T0 + 8).oldest_waiting_s == 8

    hear(book, records("e1", PUT, (change,), T0 + 9, "ExecutionSucceeded"))

    assert row(book, PUT) == Row(written=1, delivered=1)
    found = evidence(book, PUT, T0 + 10)
    assert (found.waiting, found.last_success_at, found.completed_lately) == (0, T0 + 9.006, 1)
    assert found.lag_s == pytest.approx(9.006)


def test_what_the_log_tells_before_the_stream_does_counts_when_the_stream_shows_it(book: PipeBook) -> None:
    change = a_change(1)
    hear(book, records("e1", PUT, (change,), T0, "ExecutionSucceeded"))
    assert row(book, PUT) == Row()

    book.see([change])

    assert row(book, PUT) == Row(written=1, delivered=1)


def test_what_was_delivered_stays_so_when_it_is_taken_up_again_before_the_stream_shows_it(book: PipeBook) -> None:
    change = a_change(1)
    hear(book, records("e1", PUT, (change,), T0, "ExecutionSucceeded"))
    hear(book, records("e2", PUT, (change,), T0 + 1, ""))

    book.see([change])

    assert row(book, PUT) == Row(written=1, delivered=1)


def test_what_the_stream_shows_before_the_settings_are_known_is_entered_then() -> None:
    book = PipeBook()
    book.see([a_change(1), a_change(2, "REMOVE")])

    book.agree(described())

    assert row(book, PUT) == Row(written=2, filtered=1, in_flight=1)


def test_a_failure_is_a_dead_letter_only_after_the_last_attempt() -> None:
    book = PipeBook()
    book.agree(described(retries=1))
    change = a_change(1)
    book.see([change])

    hear(book, records("e1", PUT, (change,), T0 + 1, "ExecutionFailed"))
    assert row(book, PUT) == Row(written=1, in_flight=1)

    hear(book, records("e2", PUT, (change,), T0 + 2, "ExecutionFailed"))
    assert row(book, PUT) == Row(written=1, given_up=1)
    assert book.account(PUT).causes(T0) == [("HTTP 500: The endpoint answered with status <n>.", 2)]


def test_a_change_that_was_given_up_early_is_known_by_the_pipe_going_on() -> None:
    """AWS does not repeat every status; the log does not say which attempt is the last."""
    book = PipeBook()
    book.agree(described(retries=5))
    first, second = a_change(1), a_change(2)
    book.see([first, second])

    hear(book, records("e1", PUT, (first,), T0 + 1, "ExecutionFailed"))
    hear(book, records("e2", PUT, (second,), T0 + 2, "ExecutionSucceeded"))

    assert row(book, PUT) == Row(written=2, delivered=1, given_up=1)


@pytest.mark.parametrize("log_first", [False, True])
def test_a_change_that_the_pipe_went_on_behind_is_a_difference_once_the_log_cannot_be_late(
    book: PipeBook, log_first: bool
) -> None:
    lost, later = a_change(1), a_change(2)
    told = records("e2", PUT, (later,), T0 + 2, "ExecutionSucceeded")
    if log_first:
        hear(book, told)
    book.see([lost, later])
    if not log_first:
        hear(book, told)

    assert row(book, PUT, horizon=T0 + 1) == Row(written=2, delivered=1, in_flight=1)
    assert row(book, PUT, horizon=T0 + 3) == Row(written=2, delivered=1, difference=1)
    assert evidence(book, PUT, T0 + 60).waiting == 0

    hear(book, records("e1", PUT, (lost,), T0 + 1, "ExecutionSucceeded"))
    assert row(book, PUT) == Row(written=2, delivered=2), "a late record mends it"


def test_shards_and_keys_of_several_lanes_do_not_overtake_each_other(book: PipeBook) -> None:
    here, there = a_change(1, shard="shard-1"), a_change(2, shard="shard-2")
    book.see([here])
    book.see([there])
    hear(book, records("e2", PUT, (there,), T0 + 2, "ExecutionSucceeded"))
    assert row(book, PUT) == Row(written=2, delivered=1, in_flight=1)

    lanes = PipeBook()
    lanes.agree(described(lanes=2))
    lanes.see([a_change(1), a_change(2)])
    hear(lanes, records("e2", PUT, (a_change(2),), T0 + 2, "ExecutionSucceeded"))
    assert row(lanes, PUT) == Row(written=2, delivered=1, in_flight=1)


def test_a_delivery_that_comes_again_is_counted_apart(book: PipeBook) -> None:
    change = a_change(1)
    book.see([change])
    for execution in ("e1", "e2"):
        hear(book, records(execution, PUT, (change,), T0 + 1, "ExecutionSucceeded"))

    assert row(book, PUT) == Row(written=1, delivered=1, duplicates=1)


def test_a_filter_that_the_event_name_does_not_decide_leaves_it_open_until_an_execution_shows(book: PipeBook) -> None:
    other = PipeBook()
    other.agree(described(filters={**FILTERS, CACHE_PUT: ('{"dynamodb":{"NewImage":{"TTL":{"N":["60"]}}}}',)}))
    first, second = a_change(1), a_change(2)
    other.see([first, second])
    assert row(other, PUT) == Row(written=2, untold=2)

    hear(other, records("e2", PUT, (second,), T0 + 1, "ExecutionSucceeded"))

    assert row(other, PUT) == Row(written=2, delivered=1, filtered=1)


def test_an_execution_whose_attempts_fail_holds_until_it_ends_or_is_begun_anew(book: PipeBook) -> None:
    change = a_change(1)
    book.see([change])
    hear(book, records("e1", PUT, (change,), T0 + 1, "ExecutionFailed")[:3])
    found = evidence(book, PUT, T0 + 5)
    assert (found.holding, found.holding_since, found.last_error) == (1, T0 + 1.005, "status 500")

    # The pipe was stopped and started: the first execution never ends.
    hear(book, records("e2", PUT, (change,), T0 + 20, "ExecutionSucceeded"))

    assert evidence(book, PUT, T0 + 21).holding == 0
    assert row(book, PUT) == Row(written=1, delivered=1)


def test_what_waits_is_kept_for_as_long_as_the_stream_has_it(book: PipeBook) -> None:
    waits, done = a_change(1), a_change(2, "REMOVE")
    book.see([waits, done])
    hear(book, records("e2", PUBLISH, (waits,), T0 + 1, "ExecutionSucceeded"))

    book.prune(T0 + 3600)
    assert evidence(book, PUT, T0 + 3600).waiting == 1
    assert evidence(book, PUT, T0 + 3600).oldest_waiting_s == 3600

    book.prune(T0 + tracker.STREAM_S + 1)
    assert evidence(book, PUT, T0 + tracker.STREAM_S).waiting == 0


def test_too_many_changes_leave_from_the_oldest_and_it_is_said(book: PipeBook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracker, "CHANGES", 10)
    book.see([a_change(number, at=T0 + number) for number in range(25)])

    assert row(book, PUT).written == 10
    assert book.complete_since == T0 + 14


def test_a_payload_that_was_cut_off_still_counts_as_a_success(book: PipeBook) -> None:
    found = records("e1", PUT, (a_change(1),), T0, "ExecutionSucceeded")
    hear(book, [replace(found[0], changes=()), *found[1:]])

    assert evidence(book, PUT, T0 + 1).last_success_at == T0 + 0.006
    assert row(book, PUT) == Row()


@dataclass(frozen=True)
class Story:
    """A change, how its executions in the pipe cache-put end, and which of their records (by place) get lost."""

    event_name: str
    ends: tuple[str, ...]
    lost: frozenset[int]
    stream_lost: bool


_stories = st.builds(
    Story,
    event_name=st.sampled_from(["INSERT", "MODIFY", "REMOVE"]),
    ends=st.lists(st.sampled_from(["ExecutionSucceeded", "ExecutionFailed", ""]), max_size=3).map(tuple),
    lost=st.frozensets(st.integers(0, 5), max_size=2),
    stream_lost=st.booleans(),
)


def interleaved(changes: list[Change], told: list[LogRecord], chance: random.Random) -> list[LogRecord | Change]:
    """The changes in the stream's order, with the records of the log between them in any order."""
    places = sorted(chance.choices(range(len(changes) + 1), k=len(told)))
    chance.shuffle(told)
    steps: list[LogRecord | Change] = []
    for place, change in enumerate([*changes, None]):
        steps += [record for record, at in zip(told, places, strict=True) if at == place]
        if change is not None:
            steps.append(change)
    return steps


def tell(book: PipeBook, step: LogRecord | Change) -> None:
    if isinstance(step, Change):
        book.see([step])
    else:
        book.hear(step)


@settings(max_examples=200, deadline=None)
@given(st.lists(_stories, min_size=1, max_size=10), st.integers(-1, 2), st.integers(1, 2), st.randoms())
def test_the_sums_balance_whatever_comes_in_whatever_order(
    stories: list[Story], retries: int, lanes: int, chance: random.Random
) -> None:
    """The log is shuffled, doubled, and has holes; the stream has holes; old changes are let go of in between."""
    told: list[LogRecord] = []
    changes = [a_change(number, story.event_name, T0 + 300 * number) for number, story in enumerate(stories)]
    for number, story in enumerate(stories):
        for turn, end in enumerate(story.ends):
            found = records(f"{number}-{turn}", PUT, (changes[number],), T0 + 300 * number + turn, end)
            told += [record for place, record in enumerate(found) if place not in story.lost]
    shown = [change for change, story in zip(changes, stories, strict=True) if not story.stream_lost]
    book = PipeBook()
    book.agree(described(retries, lanes))

    for number, step in enumerate(interleaved(shown, told + told[:3], chance)):
        tell(book, step)
        if number % 4 == 3:
            book.prune(T0 + 300 * number)
        for name in (PUT, PUBLISH, DELETE):
            for horizon in (T0, T0 + 9_000):
                found = book.account(name).row(T0, horizon)
                counts = (found.delivered, found.given_up, found.filtered, found.untold, found.in_flight)
                assert found.written == sum(counts) + found.difference
                assert min(*counts, found.difference) >= 0


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["INSERT", "MODIFY", "REMOVE"]), st.sampled_from(["Succeeded", "Failed"])),
        max_size=12,
    ),
    st.randoms(),
)
def test_when_all_is_told_in_the_end_the_order_of_telling_made_no_difference(
    stories: list[tuple[str, str]], chance: random.Random
) -> None:
    changes = [a_change(number, event_name, T0 + number) for number, (event_name, _) in enumerate(stories)]
    told = [
        record
        for change, (event_name, end) in zip(changes, stories, strict=True)
        if event_name != "REMOVE"
        for record in records(change.sequence, PUT, (change,), change.created_s, f"Execution{end}")
    ]
    book = PipeBook()
    book.agree(described())

    for step in interleaved(changes, told, chance):
        tell(book, step)

    ends = [end for event_name, end in stories if event_name != "REMOVE"]
    assert row(book, PUT) == Row(
        written=len(stories),
        delivered=ends.count("Succeeded"),
        given_up=ends.count("Failed"),
        filtered=len(stories) - len(ends),
    )
    assert book.account(PUT).fates.waiting(T0 + 600) == (0, None)
