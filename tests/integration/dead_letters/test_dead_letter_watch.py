"""The watch over the queue looks when that is worth it, and never during work; what is kept outlives the stream."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from botocore.stub import Stubber

from core import names
from core.aws import Aws
from core.errors import InvalidInput, ServiceFailed, Throttled
from core.momento_client import CacheRead, MomentoCache
from sandbox.state import SandboxState
from services.app.pipeline import Pipeline
from services.app.sandbox_admin import SandboxAdmin
from services.audit.acts import acts
from services.audit.log import Audit, whole_lines
from services.dead_letters import diagnosis as cases
from services.dead_letters import monitor as watch
from services.dead_letters.diagnosis import Casebook
from services.dead_letters.failure_cause import Join
from services.dead_letters.log_evidence import Evidence
from services.dead_letters.message import DeadLetter
from services.dead_letters.monitor import Watch, Watched
from services.dead_letters.orders import Order
from services.dead_letters.purge import PURGE, purge
from services.dead_letters.queue import DeadLetterQueue, QueueBusy
from services.dead_letters.repair import deleting, work
from services.dead_letters.repair_status import Case, Standing
from services.dead_letters.saved import Memory
from services.dead_letters.stream_records import Hydrated, Recovery
from services.jobs.cached_read import Shared
from services.jobs.jobs import Control, Jobs
from services.lookup.table_check import make_right_audited
from tests.conftest import AwsClients, wait_until
from tests.support.running_pipeline import (
    a_location,
    a_record,
    drain_queue,
    put_and_follow,
    quiet,
    running_pipeline,
)


@pytest.fixture(scope="module")
def pipeline(sandbox_stack: SandboxState) -> Iterator[Pipeline]:
    with running_pipeline(sandbox_stack) as pipeline:
        yield pipeline


@pytest.fixture
def own(pipeline: Pipeline) -> Iterator[Aws]:
    made = Aws(pipeline.access)
    yield made
    made.close()


@pytest.fixture
def admin(sandbox_stack: SandboxState, aws: AwsClients) -> Iterator[SandboxAdmin]:
    """The admin port of a sandbox at rest with an empty queue, put right afterwards."""
    admin = SandboxAdmin(sandbox_stack.admin_url, sandbox_stack.admin_token)
    quiet(admin, {})
    drain_queue(aws)
    yield admin
    admin.clear_faults()
    quiet(admin, {})
    drain_queue(aws)


def send(own: Aws, *bodies: str) -> None:
    url = own.sqs.get_queue_url(QueueName=names.QUEUE)["QueueUrl"]
    for body in bodies:
        own.sqs.send_message(QueueUrl=url, MessageBody=body)


class CountingQueue(DeadLetterQueue):
    """The queue, and how many looks were taken at it."""

    looks = 0

    def look(self, limit: int = 500) -> watch.Look:
        self.looks += 1
        return super().look(limit)


@pytest.fixture
def watched(own: Aws, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Watch, CountingQueue]]:
    """A watch of its own that may look at any time, and its queue."""
    monkeypatch.setattr(watch, "PAUSE_S", 0.0)
    queue = CountingQueue(own)
    book = Casebook(own, pipeline.cache, pipeline.table, lambda _: Evidence(), dict)
    made = Watch(queue, book, Shared(queue.depth, 0.0))
    yield made, queue
    made.close()


def test_a_look_is_taken_when_the_depth_changed_or_somebody_asks_and_not_otherwise(
    admin: SandboxAdmin, own: Aws, watched: tuple[Watch, CountingQueue]
) -> None:
    watch, queue = watched
    assert watch.get().look.letters == ()
    for _ in range(20):
        watch.get()
    assert queue.looks == 1

    send(own, "one", "two")
    wait_until(lambda: len(watch.get().look.letters) == 2, what="a look at the change")
    for _ in range(20):
        watch.get()
    assert queue.looks == 2

    watch.ask(1)
    found = wait_until(
        lambda: (seen := watch.get()) and len(seen.look.letters) == 1 and seen, what="the look asked for"
    )
    assert not found.look.complete
    assert found.look.about == 2
    assert [case.standing for case in found.cases] == [Standing.UNKNOWN]


def test_what_was_seen_is_given_out_before_it_is_judged(
    admin: SandboxAdmin, own: Aws, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "FIRST_S", 0.1)
    judge, queue = threading.Event(), DeadLetterQueue(own)

    def slow(_: object) -> Evidence:
        judge.wait(30)
        return Evidence()

    made = Watch(queue, Casebook(own, pipeline.cache, pipeline.table, slow, dict), Shared(queue.depth, 0.0))
    send(own, "one")
    try:
        (seen,) = wait_until(lambda: _seen(made), what="the letter").cases
        assert (seen.letter.body, seen.standing) == ("one", Standing.NOT_READ)
        judge.set()
        wait_until(lambda: made.get().cases[0].standing is Standing.UNKNOWN, what="its standing")
    finally:
        judge.set()
        made.close()


def _seen(watch: Watch) -> Watched | None:
    try:
        return watch.get()
    except ServiceFailed:
        # The first look is not done yet.
        return None


def test_a_cache_that_does_not_answer_is_not_asked_for_every_key(
    admin: SandboxAdmin, own: Aws, pipeline: Pipeline
) -> None:
    asked: list[str] = []

    class Counting(MomentoCache):
        def get(self, cache: str, key: str) -> CacheRead:
            asked.append(key)
            return super().get(cache, key)

    cache = Counting(pipeline.momento_address)
    told = {str(number): a_location(f"Key {number}") for number in range(100)}
    letters = [
        DeadLetter(number, "{}", datetime.now(UTC), 1, batch_size=1, first_sequence_number=number) for number in told
    ]
    admin.stop_momento()
    try:
        found = Casebook(own, cache, pipeline.table, lambda _: Evidence(locations=told), dict).cases(letters)
    finally:
        admin.start_momento()
        cache.close()

    assert {case.standing for case in found} == {Standing.NEEDS_ATTENTION}
    assert any("Not tried, since others failed: " in case.why for case in found)
    assert cases.FAILURES <= len(asked) < 50


def test_no_look_is_taken_during_work_and_the_last_one_stays(
    admin: SandboxAdmin, own: Aws, watched: tuple[Watch, CountingQueue]
) -> None:
    watch, queue = watched
    send(own, "one")
    wait_until(lambda: len(watch.get().look.letters) == 1, what="the first look")
    before = queue.looks

    with queue.work():
        watch.ask()
        send(own, "two")
        assert len(watch.get().look.letters) == 1
        assert queue.looks == before
        with pytest.raises(QueueBusy, match="somebody works on its messages"):
            queue.look()

    wait_until(lambda: len(watch.get().look.letters) == 2, what="the look after the work")


def test_a_failed_delivery_is_an_explained_row_within_ten_seconds(admin: SandboxAdmin, pipeline: Pipeline) -> None:
    place = a_location("Explained")
    pipeline.dead_letters.get()
    admin.fail_momento(500, 2)

    pipeline.table.put(a_record(place))

    def explained() -> list[Case] | None:
        pipeline.log.forget()
        cases = pipeline.dead_letters.get().cases
        found = [case for case in cases if case.locations == (place,) and case.cause.join is Join.BY_NUMBER]
        return found if len(found) == 2 else None

    found = wait_until(explained, 10, "two explained rows")
    assert {case.cause.stage for case in found} == {"target call"}
    assert {case.cause.status for case in found} == {500}
    assert {case.event_names for case in found} == {("INSERT",)}


def test_work_is_one_piece_at_a_time_and_asks_for_a_reason(admin: SandboxAdmin, own: Aws, pipeline: Pipeline) -> None:
    send(own, "hello")
    letters = wait_until(lambda: pipeline.queue.look().letters, what="the letter")
    order = Order("Delete dead letters", "ann", "drill", {each.message_id: each for each in letters}, {})
    jobs = Jobs()

    with pytest.raises(InvalidInput, match="reason"):
        pipeline.letter_works.start(jobs, replace(order, why=" "), deleting)
    with pytest.raises(InvalidInput, match="No message"):
        pipeline.letter_works.start(jobs, replace(order, letters={}), deleting)
    work = pipeline.letter_works.start(jobs, order, deleting)
    with pytest.raises(Throttled):
        pipeline.letter_works.start(jobs, order, deleting)

    assert work.job.join(10)
    assert work.job.result is not None
    assert work.job.result.words() == "1 deleted."
    wait_until(lambda: not pipeline.dead_letters.get().look.letters, what="the look after the work")


def test_saved_records_and_notes_are_read_back_by_another_dashboard(
    admin: SandboxAdmin, own: Aws, pipeline: Pipeline
) -> None:
    # Given a letter whose record was saved while the stream had it
    place = a_location("Saved")
    admin.fail_momento(500, 2)
    pipeline.table.put(a_record(place, MaxTemp=66))
    letters = wait_until(lambda: len(seen := pipeline.queue.look().letters) == 2 and seen, what="two letters")
    pipeline.memory.save("ann", "before the weekend", pipeline.casebook.hydrated(letters))
    pipeline.memory.note("bob", "put · HTTP 500", "The vendor knows; ticket 4711")

    # When the stream has forgotten it, another dashboard looks
    memory = Memory(lambda: Audit(own))
    book = Casebook(own, pipeline.cache, pipeline.table, lambda _: Evidence(), lambda: memory.kept().records)
    gone = [replace(letter, stream_arn=f"{letter.stream_arn[:-3]}000") for letter in letters]
    cases = book.cases(gone)

    # Then it has record and key
    assert {case.hydrated.recovery for case in cases} == {Recovery.SAVED}
    assert {case.locations for case in cases} == {(place,)}
    assert cases[0].hydrated.records[0].new is not None
    assert cases[0].hydrated.records[0].new["MaxTemp"] == "66"
    (note,) = memory.kept().notes["put · HTTP 500"]
    assert (note.who, note.text) == ("bob", "The vendor knows; ticket 4711")
    with pytest.raises(InvalidInput):
        memory.note("bob", "put", "   ")
    with pytest.raises(InvalidInput):
        memory.save("bob", "why", {"m": Hydrated(Recovery.TRIMMED)})


@pytest.mark.parametrize(
    "body",
    [
        "<script>alert(1)</script> ![pixel](http://elsewhere.invalid/p.png) **stars**",
        "[" * 100_000,
        json.dumps(
            {"context": {"partnerResourceArn": ["x"] * 9, "condition": {}}, "DDBStreamBatchInfo": {"batchSize": "9"}}
        ),
        '"\\ud800"',
        '\\"\u00e6' * 60_000,
    ],
    ids=["markup", "deep JSON", "wrong types", "lone surrogate", "256 KB"],
)
def test_a_hostile_body_is_judged_deleted_and_kept_whole_in_the_audit_log(
    admin: SandboxAdmin, own: Aws, pipeline: Pipeline, body: str
) -> None:
    since = time.time() - 1
    send(own, body)
    (letter,) = wait_until(lambda: pipeline.queue.look().letters, what="the letter")
    (case,) = pipeline.casebook.cases([letter])
    order = Order("Delete dead letters", "ann", f"hostile {time.time_ns()}", {letter.message_id: letter}, {})

    report = work(pipeline.queue, pipeline.audit, order, deleting, Control())

    assert case.standing is Standing.UNKNOWN
    assert report.words() == "1 deleted."
    entries = [entry for entry in Audit(own).entries(since) if entry.why == order.why]
    (line,) = [line for line in whole_lines(entries) if "body" in line]
    assert line["body"] == body


def test_a_purge_wants_the_name_keeps_the_bodies_and_says_when_it_was_too_soon(
    admin: SandboxAdmin, own: Aws, pipeline: Pipeline
) -> None:
    since = time.time() - 1
    send(own, "one", "two")
    letters = wait_until(lambda: len(seen := pipeline.queue.look().letters) == 2 and seen, what="two letters")

    with pytest.raises(InvalidInput, match="not the queue's name"):
        purge(pipeline.queue, pipeline.audit, "ann", "drill", "dlq", letters)
    assert pipeline.queue.depth().total == 2
    assert purge(pipeline.queue, pipeline.audit, "ann", "drill", names.QUEUE, letters) == 2

    wait_until(lambda: pipeline.queue.depth().total == 0 or None, what="the empty queue")
    kept = whole_lines(Audit(own).entries(since, act=PURGE))
    assert {line["body"] for line in kept} == {"one", "two"}
    with Stubber(own.sqs) as found, Stubber(own.patient.sqs) as stub:
        found.add_response("get_queue_url", {"QueueUrl": "https://sqs.us-west-2.amazonaws.com/1/q"})
        stub.add_client_error("purge_queue", "AWS.SimpleQueueService.PurgeQueueInProgress", "Only one PurgeQueue")
        with pytest.raises(Throttled, match="less than 60 s ago"):
            DeadLetterQueue(own).purge()


def test_keys_that_are_made_right_on_lookup_are_an_act_of_the_audit_log(own: Aws, pipeline: Pipeline) -> None:
    since, place = time.time() - 1, a_location("Audited")
    assert put_and_follow(pipeline, a_record(place)).complete
    pipeline.cache.delete(names.CACHE, place)

    make_right_audited(pipeline.reconciler, pipeline.audit, "ann", [place], Control())

    (act,) = [act for act in acts(Audit(own).entries(since), time.time()) if act.act == "Make keys right"]
    assert (act.who, act.outcome) == ("ann", "1 of 1 right, 0 gave up")
    assert [line["key"] for line in act.lines] == [place, place]


def test_a_look_ends_before_its_first_messages_come_again(
    admin: SandboxAdmin, own: Aws, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(own, "one")
    wait_until(lambda: pipeline.queue.depth().visible == 1 or None, what="the letter")
    monkeypatch.setattr("services.dead_letters.queue.LOOK_S", 0)

    look = pipeline.queue.look()

    assert (look.letters, look.complete, look.about) == ((), False, 1)
