"""Dead letters are repaired by their keys, with proof, and nothing else is touched."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence

import pytest

from core import names
from core.aws import Aws
from sandbox.state import SandboxState
from services.app.pipeline import Pipeline
from services.app.sandbox_admin import SandboxAdmin
from services.audit.log import Audit, Stage
from services.cache.reconcile import Reconciler, Step
from services.dead_letters.diagnosis import Casebook
from services.dead_letters.log_evidence import Evidence
from services.dead_letters.message import DeadLetter
from services.dead_letters.orders import Order
from services.dead_letters.repair import FAILURES, Handle, Task, deleting, repairing, work
from services.dead_letters.repair_status import Case, Standing, plan
from services.dead_letters.republish import republishing
from services.dead_letters.results import Fate, Report, Result
from services.jobs.jobs import Control
from services.weather.table import WeatherRecord, check
from tests.conftest import AwsClients, wait_until
from tests.support.running_pipeline import drain_queue, put_and_follow, quiet, running_pipeline


@pytest.fixture(scope="module")
def pipeline(sandbox_stack: SandboxState) -> Iterator[Pipeline]:
    with running_pipeline(sandbox_stack) as pipeline:
        yield pipeline


@pytest.fixture
def own(pipeline: Pipeline) -> Iterator[Aws]:
    """Clients of the run's sandbox."""
    made = Aws(pipeline.access)
    yield made
    made.close()


@pytest.fixture
def admin(sandbox_stack: SandboxState, aws: AwsClients) -> Iterator[SandboxAdmin]:
    """The admin port of a sandbox at rest: its queue is empty, and all is put right afterwards."""
    admin = SandboxAdmin(sandbox_stack.admin_url, sandbox_stack.admin_token)
    quiet(admin, {})
    drain_queue(aws)
    yield admin
    admin.clear_faults()
    admin.use_right_key()
    quiet(admin, {})
    drain_queue(aws)


def record(location: str, high: int = 70) -> WeatherRecord:
    made, problems = check(
        {"Location": location, "MaxTemp": high, "MinTemp": 20, "ChancesOfPrecipitation": 10, "TTL": 300}
    )
    assert made is not None, problems
    return made


def letters_of(pipeline: Pipeline, count: int) -> tuple[DeadLetter, ...]:
    """The letters of the queue, once there are so many."""
    found: tuple[DeadLetter, ...] = wait_until(
        lambda: (look := pipeline.queue.look()) and len(look.letters) >= count and look.letters,
        what=f"{count} dead letters",
    )
    return found


def book(pipeline: Pipeline, own: Aws, told: Mapping[str, str] | None = None) -> Casebook:
    return Casebook(own, pipeline.cache, pipeline.table, lambda _: Evidence(locations=told or {}), dict)


def order(cases: tuple[Case, ...], why: str = "the key was revoked") -> Order:
    return Order(
        "Repair dead letters",
        "ann@example.com",
        why,
        {case.letter.message_id: case.letter for case in cases},
        {case.letter.message_id: tuple(key.location for key in case.keys) for case in cases},
        per_second=1000,
    )


def carry_out(pipeline: Pipeline, own: Aws, wanted: Order, handle: Handle | None = None) -> Report:
    handle = handle or repairing(Reconciler(pipeline.cache, pipeline.table))
    return work(pipeline.queue, Audit(own), wanted, handle, Control())


def test_failed_writes_and_deletes_are_put_right_and_proved(pipeline: Pipeline, own: Aws, admin: SandboxAdmin) -> None:
    # Given a key that is revoked while records are written, changed and deleted
    stamp = time.time_ns()
    written, deleted = f"Bodø {stamp}", f"Vardø {stamp}"
    put_and_follow(pipeline, record(deleted))
    admin.use_wrong_key()
    pipeline.table.put(record(written, 61))
    pipeline.table.put(record(written, 64))
    pipeline.table.delete(deleted)
    letters = letters_of(pipeline, 6)
    admin.use_right_key()

    # When the cases are made, and repaired
    cases = book(pipeline, own).cases(letters)
    planned = plan(cases)
    report = carry_out(pipeline, own, order(cases))

    # Then the plan said so, the cache is as the table, and the queue is empty
    assert {case.standing for case in cases} == {Standing.REPAIRABLE}
    assert {key.location: key.step for case in cases for key in case.keys} == {
        written: Step.PUT,
        deleted: Step.DELETE,
    }
    assert planned.words() == "2 keys: 1 to put, 1 to delete, 0 already right."
    assert planned.events_lost == 3
    assert report.count(Fate.REPAIRED) == 2
    assert report.count(Fate.ALREADY_RIGHT) == 4
    cached = pipeline.cache.get(names.CACHE, written).value
    assert cached is not None
    assert json.loads(cached)["MaxTemp"] == "64"
    assert not pipeline.cache.get(names.CACHE, deleted).hit
    assert pipeline.queue.look().letters == ()


def test_every_act_is_in_the_audit_log(pipeline: Pipeline, own: Aws, admin: SandboxAdmin) -> None:
    since = time.time() - 1
    admin.use_wrong_key()
    pipeline.table.put(record(f"Alta {time.time_ns()}"))
    letters = letters_of(pipeline, 2)
    admin.use_right_key()
    cases = book(pipeline, own).cases(letters)

    carry_out(pipeline, own, order(cases, why="incident 17"))

    entries = [entry for entry in Audit(own).entries(since) if entry.why == "incident 17"]
    assert {entry.who for entry in entries} == {"ann@example.com"}
    told = [line for entry in entries if entry.stage is Stage.DETAIL for line in entry.details["lines"]]
    assert {line["message"] for line in told} == {letter.message_id for letter in letters}
    assert {line["fate"] for line in told if "fate" in line} == {"repaired", "already right"}
    (outcome,) = [entry for entry in entries if entry.stage is Stage.OUTCOME]
    assert outcome.details["failed"] == 0


def test_only_the_chosen_ones_are_touched(pipeline: Pipeline, own: Aws, admin: SandboxAdmin) -> None:
    admin.use_wrong_key()
    places = [f"Moss {time.time_ns()}-{number}" for number in range(3)]
    for place in places:
        pipeline.table.put(record(place))
    letters = letters_of(pipeline, 6)
    admin.use_right_key()
    chosen = tuple(case for case in book(pipeline, own).cases(letters) if case.keys[0].location == places[0])

    report = carry_out(pipeline, own, order(chosen))

    assert len(report.results) == 2
    left = wait_until(lambda: len(found := pipeline.queue.look().letters) == 4 and found)
    assert {letter.message_id for letter in left}.isdisjoint(result.message_id for result in report.results)
    assert pipeline.cache.get(names.CACHE, places[0]).hit
    assert not pipeline.cache.get(names.CACHE, places[1]).hit


def test_a_target_that_keeps_failing_stops_the_work_and_loses_nothing(
    pipeline: Pipeline, own: Aws, admin: SandboxAdmin
) -> None:
    admin.use_wrong_key()
    for number in range(FAILURES + 2):
        pipeline.table.put(record(f"Odda {time.time_ns()}-{number}"))
    letters = letters_of(pipeline, 2 * (FAILURES + 2))
    cases = book(pipeline, own).cases(letters)

    def fails(tasks: Sequence[Task]) -> Iterator[Result]:
        return (Result(task.message_id, Fate.FAILED, task.locations, "Momento answers 500.") for task in tasks)

    report = carry_out(pipeline, own, order(cases), fails)

    assert report.count(Fate.FAILED) == FAILURES
    assert "Momento answers 500." in report.stopped
    assert len(wait_until(lambda: len(found := pipeline.queue.look().letters) == len(letters) and found)) == len(
        letters
    )


def test_messages_that_lead_nowhere_stay_and_do_not_stop_the_work(
    pipeline: Pipeline, own: Aws, admin: SandboxAdmin
) -> None:
    url = own.sqs.get_queue_url(QueueName=names.QUEUE)["QueueUrl"]
    for number in range(FAILURES + 2):
        own.sqs.send_message(QueueUrl=url, MessageBody=f"somebody else's {number}")
    admin.use_wrong_key()
    pipeline.table.put(record(f"Hamar {time.time_ns()}"))
    letters = letters_of(pipeline, FAILURES + 4)
    admin.use_right_key()

    report = carry_out(pipeline, own, order(book(pipeline, own).cases(letters)))

    assert report.stopped == ""
    assert report.words() == f"1 repaired, 1 already right, {FAILURES + 2} left as it is."
    assert len(letters_of(pipeline, FAILURES + 2)) == FAILURES + 2


def test_what_somebody_else_holds_is_not_seen_and_stays(
    pipeline: Pipeline, own: Aws, admin: SandboxAdmin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.dead_letters.repair.PATIENCE_S", 0)
    admin.use_wrong_key()
    pipeline.table.put(record(f"Voss {time.time_ns()}"))
    letters = letters_of(pipeline, 2)
    admin.use_right_key()
    cases = book(pipeline, own).cases(letters)
    held = wait_until(lambda: pipeline.queue.receive(wait_s=1))

    report = carry_out(pipeline, own, order(cases))

    not_seen = {result.message_id for result in report.results if result.fate is Fate.NOT_SEEN}
    assert not_seen == {each.letter.message_id for each in held}
    assert (report.rest.unseen, report.all_done) == (len(held), False)
    pipeline.queue.release(each.handle for each in held)
    assert {letter.message_id for letter in letters_of(pipeline, len(held))} == not_seen


def test_a_later_change_makes_an_old_letter_right_and_is_never_overwritten(
    pipeline: Pipeline, own: Aws, admin: SandboxAdmin
) -> None:
    place = f"Røros {time.time_ns()}"
    admin.use_wrong_key()
    pipeline.table.put(record(place, 40))
    letters = letters_of(pipeline, 2)
    admin.use_right_key()
    assert put_and_follow(pipeline, record(place, 55)).complete

    cases = book(pipeline, own).cases(letters)
    report = carry_out(pipeline, own, order(cases))

    assert {case.standing for case in cases} == {Standing.ALREADY_RIGHT}
    assert report.count(Fate.ALREADY_RIGHT) == 2
    cached = pipeline.cache.get(names.CACHE, place).value
    assert cached is not None
    assert json.loads(cached)["MaxTemp"] == "55"


def test_a_forgotten_record_is_recovered_from_the_log_or_stays(
    pipeline: Pipeline, own: Aws, admin: SandboxAdmin, aws: AwsClients
) -> None:
    place = f"Lom {time.time_ns()}"
    put_and_follow(pipeline, record(place))
    pipeline.cache.delete(names.CACHE, place)
    url = own.sqs.get_queue_url(QueueName=names.QUEUE)["QueueUrl"]
    arn = own.dynamodb.describe_table(TableName=names.TABLE)["Table"]["LatestStreamArn"].rpartition("/")[0]
    for number in ("1234567800000000001234567891", "1234567800000000001234567892"):
        own.sqs.send_message(QueueUrl=url, MessageBody=_pointer(f"{arn}/2019-01-01T00:00:00.000", number))
    letters = letters_of(pipeline, 2)

    cases = book(pipeline, own, {"1234567800000000001234567891": place}).cases(letters)
    report = carry_out(pipeline, own, order(cases))

    assert sorted(case.standing.value for case in cases) == ["repairable", "unknown"]
    assert sorted(result.fate.value for result in report.results) == ["left as it is", "repaired"]
    assert pipeline.cache.get(names.CACHE, place).hit
    assert len(letters_of(pipeline, 1)) == 1


def _pointer(stream_arn: str, number: str) -> str:
    return json.dumps(
        {
            "context": {
                "partnerResourceArn": f"arn:aws:pipes:us-west-2:123456789012:pipe/{names.pipe(names.CACHE_PUT)}",
                "condition": "RetryAttemptsExhausted",
            },
            "version": "1.0",
            "timestamp": "2026-11-21T21:33:33.333Z",
            "DDBStreamBatchInfo": {
                "shardId": "shardId-00000001763760813333-abcdef12",
                "startSequenceNumber": number,
                "endSequenceNumber": number,
                "approximateArrivalOfFirstRecord": "2026-11-21T21:33:31Z",
                "approximateArrivalOfLastRecord": "2026-11-21T21:33:31Z",
                "batchSize": 1,
                "streamArn": stream_arn,
            },
        }
    )


def test_an_event_is_published_again_only_by_choice_and_marked(
    pipeline: Pipeline, own: Aws, admin: SandboxAdmin
) -> None:
    place = f"Geilo {time.time_ns()}"
    admin.use_wrong_key()
    pipeline.table.put(record(place, 33))
    letters = letters_of(pipeline, 2)
    admin.use_right_key()
    casebook = book(pipeline, own)
    lost = tuple(case for case in casebook.cases(letters) if case.event_lost)
    version = pipeline.feed.version

    handle = republishing(pipeline.cache, casebook.hydrated(case.letter for case in lost))
    report = carry_out(pipeline, own, order(lost), handle)

    event = pipeline.feed.wait_for(lambda event: event.location == place, 10, version)
    assert report.count(Fate.PUBLISHED) == 1
    assert event is not None
    assert isinstance(event.raw, str)
    assert (event.event_type, event.max_temp, event.problem) == ("INSERT", 33.0, None)
    assert json.loads(event.raw)["ReplayOf"] == lost[0].letter.first_sequence_number


def test_deleting_needs_no_key_and_leaves_the_rest(pipeline: Pipeline, own: Aws, admin: SandboxAdmin) -> None:
    url = own.sqs.get_queue_url(QueueName=names.QUEUE)["QueueUrl"]
    for number in range(3):
        own.sqs.send_message(QueueUrl=url, MessageBody=f"hello {number}")
    letters = letters_of(pipeline, 3)
    cases = book(pipeline, own).cases(letters)

    report = carry_out(pipeline, own, order(cases[:2]), deleting)

    assert report.count(Fate.DELETED) == 2
    assert [letter.body for letter in letters_of(pipeline, 1)] == [cases[2].letter.body]
