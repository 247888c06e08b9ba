"""What goes wrong on the way, what becomes of the records, and what the dashboard says of it."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from core import names
from core.errors import DashboardError, NotAuthorized, NotFound, Unreachable
from core.momento_client import MomentoCache
from core.momento_keys import for_sandbox
from sandbox.state import SandboxState
from services.app.notices import Severity
from services.app.pipeline import Pipeline
from services.app.sandbox_admin import SandboxAdmin
from services.cache.agreement import Agreement, Standing
from services.logs.executions import Outcome
from services.pipes.verdicts import Verdict
from services.topic.subscription_state import FeedState
from services.weather.table import Write
from tests.conftest import AwsClients, wait_until
from tests.support.running_pipeline import (
    a_location,
    a_record,
    counts,
    noticed,
    now_ms,
    put_and_follow,
    quiet,
    running_pipeline,
    tallies,
    verdicts,
)


@pytest.fixture(scope="module")
def pipeline(sandbox_stack: SandboxState) -> Iterator[Pipeline]:
    with running_pipeline(sandbox_stack) as pipeline:
        yield pipeline


def reads_after(admin: SandboxAdmin, records: int) -> dict[str, int]:
    """How many records each pipe will have read after so many more."""
    return {flow: pipe["read"] + records for flow, pipe in counts(admin).items()}


def letters(pipeline: Pipeline) -> list[str]:
    """The pipes of the messages in the dead-letter queue, by flow."""
    return [names.FLOW_OF[letter.pipe] for letter in pipeline.queue.look().letters]


def test_a_look_at_the_queue_sees_all_and_changes_only_the_receive_counts(
    pipeline: Pipeline, admin: SandboxAdmin, aws: AwsClients
) -> None:
    sqs = aws.client("sqs")
    url = sqs.get_queue_url(QueueName=names.QUEUE)["QueueUrl"]
    sent = {sqs.send_message(QueueUrl=url, MessageBody=f"message {number}")["MessageId"] for number in range(25)}

    first = pipeline.queue.look().letters
    second = pipeline.queue.look().letters

    assert {letter.message_id for letter in first} == sent
    assert {letter.message_id for letter in second} == sent
    assert {letter.receive_count for letter in first} == {1}
    assert {letter.receive_count for letter in second} == {2}
    assert [letter.sent_at for letter in first] == sorted(letter.sent_at for letter in first)
    assert {letter.body for letter in first} == {f"message {number}" for number in range(25)}
    depth = pipeline.queue.depth()
    assert (depth.visible, depth.in_flight) == (25, 0)


def test_looks_at_the_same_time_each_see_all(pipeline: Pipeline, admin: SandboxAdmin, aws: AwsClients) -> None:
    sqs = aws.client("sqs")
    url = sqs.get_queue_url(QueueName=names.QUEUE)["QueueUrl"]
    for number in range(15):
        sqs.send_message(QueueUrl=url, MessageBody=f"message {number}")

    with ThreadPoolExecutor(4) as viewers:
        seen = list(viewers.map(lambda _: {letter.body for letter in pipeline.queue.look().letters}, range(4)))

    assert seen == [{f"message {number}" for number in range(15)}] * 4
    assert pipeline.queue.depth().visible == 15


def test_a_look_gives_no_more_than_it_was_asked_for(pipeline: Pipeline, admin: SandboxAdmin, aws: AwsClients) -> None:
    sqs = aws.client("sqs")
    url = sqs.get_queue_url(QueueName=names.QUEUE)["QueueUrl"]
    for number in range(7):
        sqs.send_message(QueueUrl=url, MessageBody=f"message {number}")

    assert len(pipeline.queue.look(limit=3).letters) == 3
    assert pipeline.queue.depth().visible == 7


def test_a_fault_for_the_next_six_requests_makes_exactly_six_dead_letters(
    pipeline: Pipeline, admin: SandboxAdmin
) -> None:
    since, location = now_ms(), a_location()
    reads = reads_after(admin, 10)
    admin.fail_momento(500, 6)

    for degrees in range(60, 70):
        pipeline.table.put(a_record(location, MaxTemp=degrees))
    quiet(admin, reads)

    found = Counter(letters(pipeline))
    assert found.total() == 6
    assert set(found) == {names.CACHE_PUT, names.TOPIC_PUBLISH}
    assert {letter.condition for letter in pipeline.queue.look().letters} == {"RetryAttemptsExhausted"}
    assert admin.status()["faults"] == []
    # The last writes got through, so both sides agree again.
    assert pipeline.lookups.look_up(location).agreement is Agreement.EQUAL

    def told() -> bool:
        failed = {names.FLOW_OF[pipe]: tally.failed for pipe, tally in tallies(pipeline, since).items() if tally.failed}
        return failed == dict(found)

    wait_until(told, what="six failed executions")
    headlines = [notice.headline for notice in noticed(pipeline)]
    assert verdicts(pipeline)[names.CACHE_PUT] is Verdict.FAILING
    assert "6 messages wait in the dead-letter queue" in headlines


def test_a_dead_letter_points_at_its_record_in_the_stream(pipeline: Pipeline, admin: SandboxAdmin) -> None:
    location = a_location()
    reads = reads_after(admin, 1)
    admin.fail_momento(503, 1)
    pipeline.table.put(a_record(location))
    quiet(admin, reads)

    (letter,) = pipeline.queue.look().letters

    streams = pipeline._aws.streams
    iterator = streams.get_shard_iterator(
        StreamArn=letter.stream_arn,
        ShardId=letter.shard_id,
        ShardIteratorType="AT_SEQUENCE_NUMBER",
        SequenceNumber=letter.first_sequence_number,
    )["ShardIterator"]
    (record,) = streams.get_records(ShardIterator=iterator, Limit=1)["Records"]
    assert record["dynamodb"]["Keys"] == {"Location": {"S": location}}
    assert (letter.batch_size, letter.problem) == (1, "")


def test_a_wrong_key_fills_the_queue_and_the_notices_and_the_right_one_ends_it(
    pipeline: Pipeline, admin: SandboxAdmin
) -> None:
    since, location = now_ms(), a_location()
    reads = reads_after(admin, 1)
    admin.use_wrong_key()

    pipeline.table.put(a_record(location))
    quiet(admin, reads)

    assert sorted(letters(pipeline)) == [names.CACHE_PUT, names.TOPIC_PUBLISH]
    assert pipeline.lookups.look_up(location).agreement is Agreement.MISS

    def told() -> bool:
        failed = {pipe: tally.failed for pipe, tally in tallies(pipeline, since).items()}
        return failed == {names.pipe(flow): 1 for flow in (names.CACHE_PUT, names.TOPIC_PUBLISH)}

    wait_until(told, what="two failed executions")
    found = {pipe.flow: pipe.finding for pipe in pipeline.doctor.examine().pipes}
    for flow in (names.CACHE_PUT, names.TOPIC_PUBLISH):
        assert found[flow].verdict is Verdict.FAILING
        assert "401" in found[flow].detail
    errors = [record for record in pipeline.log.get().value.records if record.status == 401]
    assert errors
    assert all(record.level == "ERROR" for record in errors)

    admin.use_right_key()
    assert put_and_follow(pipeline, a_record(location, MaxTemp=99)).complete
    for flow in (names.CACHE_PUT, names.TOPIC_PUBLISH):
        wait_until(lambda flow=flow: verdicts(pipeline)[flow] is Verdict.OK, 30, f"{flow} to be well")
    assert all(notice.severity is Severity.WARNING for notice in noticed(pipeline))


def test_a_stopped_momento_holds_the_pipes_and_nothing_is_lost(pipeline: Pipeline, admin: SandboxAdmin) -> None:
    towns, known = [a_location() for _ in range(4)], a_location("Known")
    assert put_and_follow(pipeline, a_record(known)).complete
    quiet(admin, {})
    since, version, reads = now_ms(), pipeline.feed.version, reads_after(admin, 5)
    admin.stop_momento()

    first = put_and_follow(pipeline, a_record(towns[0]))
    for town in towns[1:]:
        pipeline.table.put(a_record(town))
    pipeline.table.delete(known)

    # The write is done and says that its arrival cannot be watched.
    assert (first.write.kind, first.complete) == ("INSERT", False)
    assert "nothing answers" in " ".join(first.problems)

    def holding() -> bool:
        found = tallies(pipeline, since)
        return all(found[pipe].holding == 1 for pipe in names.PIPES[:2] if pipe in found) and len(found) >= 2

    wait_until(holding, what="executions that hold")
    wait_until(lambda: pipeline.feed.status().state is FeedState.RECONNECTING, what="the feed to notice")
    found = noticed(pipeline)
    assert verdicts(pipeline)[names.CACHE_PUT] is Verdict.STALLED
    assert any("subscription is reconnecting" in notice.headline for notice in found)
    assert any("cannot be read" in notice.headline for notice in found)
    held = [execution for execution in pipeline.log.get().value.executions if execution.outcome is Outcome.HOLDING]
    assert {execution.location for execution in held if execution.started_ms >= since} >= {towns[0]}
    assert pipeline.queue.depth().total == 0
    lookup = pipeline.lookups.look_up(towns[0])
    assert isinstance(lookup.cache_error, Unreachable)
    assert lookup.table is not None, "a dead Momento must not hide the table"
    assert lookup.agreement is None

    admin.start_momento()
    after = quiet(admin, reads)

    assert all(pipe["holding_since"] is None for pipe in after.values())
    assert pipeline.queue.depth().total == 0
    wait_until(lambda: pipeline.feed.status().state is FeedState.LIVE, what="the feed")

    def events() -> list[str | None]:
        return [event.location for event in pipeline.feed.snapshot(after=version).events]

    wait_until(lambda: len(events()) >= 5, what="all five events")
    assert events() == [*towns, known], "in the order of the writes"
    wait_until(lambda: pipeline.lookups.look_up(known).cache_error is None, what="the cache's connection")
    for town in towns:
        assert pipeline.lookups.look_up(town).agreement is Agreement.EQUAL
    assert pipeline.lookups.look_up(known).agreement is Agreement.NEITHER
    wait_until(lambda: noticed(pipeline) == [], what="no notice any more")
    wait_until(lambda: set(verdicts(pipeline).values()) == {Verdict.OK}, 30, "the pipes to be well")


def test_a_delete_overtakes_a_put_that_is_slow_and_the_lookup_shows_the_orphan(
    pipeline: Pipeline, admin: SandboxAdmin
) -> None:
    """A property of the stack, in AWS too: the pipes that put and delete know nothing of each other."""
    location = a_location()
    reads = reads_after(admin, 2)
    admin.add_faults({"route": "PUT /cache", "status": None, "count": 1, "delay_ms": 1000})

    pipeline.table.put(a_record(location))
    pipeline.table.delete(location)
    quiet(admin, reads)

    assert pipeline.lookups.look_up(location).agreement is Agreement.ORPHANED
    assert "a late put brought the item back" in reason(pipeline, location)


def test_a_delete_that_is_slow_removes_the_newer_item_and_the_lookup_says_so(
    pipeline: Pipeline, admin: SandboxAdmin
) -> None:
    """The other order of the same property: the key is deleted and written again, and the put arrives first."""
    location = a_location()
    assert put_and_follow(pipeline, a_record(location)).complete
    reads = reads_after(admin, 2)
    admin.add_faults({"route": "DELETE /cache", "status": None, "count": 1, "delay_ms": 1000})

    pipeline.table.delete(location)
    pipeline.table.put(a_record(location, MaxTemp=71))
    quiet(admin, reads)

    assert pipeline.lookups.look_up(location).agreement is Agreement.MISS
    assert "A late delete, of an older change, removed the newer item" in reason(pipeline, location)


def reason(pipeline: Pipeline, location: str) -> str:
    """Why a key that changed a while ago differs, in the words of the page Lookup."""

    def told() -> str | None:
        pipeline.log.forget()
        judgement = pipeline.checker.compare(location).judgement
        settled = judgement is not None and judgement.standing is not Standing.IN_FLIGHT
        return judgement.reason if settled and judgement is not None else None

    found: str = wait_until(told, 20, "the judgement")
    return found


def test_every_write_is_delivered_or_dead_or_filtered_and_the_sum_balances(
    pipeline: Pipeline, admin: SandboxAdmin
) -> None:
    writes, faults, chance = 200, 40, random.Random(7)
    towns = [a_location("Ledger") for _ in range(12)]
    before = counts(admin)
    admin.fail_momento(500, faults)

    kinds: Counter[str] = Counter()
    last: dict[str, Write] = {}
    for _ in range(writes):
        town = chance.choice(towns)
        if chance.random() < 0.25:
            write = pipeline.table.delete(town)
        else:
            write = pipeline.table.put(a_record(town, MaxTemp=chance.randint(60, 64)))
        kinds[write.kind] += 1
        last[town] = write
    changes = kinds["INSERT"] + kinds["MODIFY"] + kinds["REMOVE"]
    after = quiet(admin, {flow: pipe["read"] + changes for flow, pipe in before.items()})

    # The dice made every kind of write, those that change nothing too.
    assert all(kinds[kind] for kind in ("INSERT", "MODIFY", "REMOVE", ""))
    gained = {
        flow: {
            name: after[flow][name] - before[flow][name] for name in ("read", "filtered", "delivered", "dead_lettered")
        }
        for flow in names.FLOWS
    }
    for flow, gain in gained.items():
        assert gain["read"] == changes, flow
        assert gain["filtered"] + gain["delivered"] + gain["dead_lettered"] == changes, flow
        assert after[flow]["dropped"] == before[flow]["dropped"]
    assert gained[names.CACHE_PUT]["filtered"] == kinds["REMOVE"]
    assert gained[names.TOPIC_PUBLISH]["filtered"] == 0
    assert gained[names.CACHE_DELETE]["filtered"] == kinds["INSERT"] + kinds["MODIFY"]
    assert sum(gain["dead_lettered"] for gain in gained.values()) == faults
    assert Counter(letters(pipeline)) == Counter(
        {flow: gain["dead_lettered"] for flow, gain in gained.items() if gain["dead_lettered"]}
    )


def test_each_order_to_the_admin_port_that_makes_no_sense_is_refused_with_a_reason(admin: SandboxAdmin) -> None:
    orders: tuple[Callable[[], None], ...] = (
        lambda: admin.fail_momento(99, 1),
        lambda: admin.fail_momento(500, 0),
        lambda: admin.start_traffic("no-such-source", 5, 10, 0),
        lambda: admin.start_traffic("csv:/etc/passwd", 5, 10, 0),
    )
    for wrong in orders:
        with pytest.raises(DashboardError, match="refused the order: .+") as caught:
            wrong()
        assert caught.value.advice
    assert admin.status()["faults"] == []


def test_a_key_that_momento_does_not_know_is_told_without_showing_it(sandbox_stack: SandboxState) -> None:
    key = "not-the-key-of-this-sandbox"
    state = sandbox_stack
    cache = MomentoCache(for_sandbox(state.momento_host, state.momento_port, state.momento_http_endpoint, key))

    with pytest.raises(NotAuthorized) as caught:
        cache.get(names.CACHE, "Oslo")

    assert key not in str(caught.value)
    cache.close()


def test_a_cache_that_does_not_exist_is_told_as_missing(pipeline: Pipeline) -> None:
    with pytest.raises(NotFound, match="no-such-cache"):
        pipeline.cache.get("no-such-cache", "Oslo")
