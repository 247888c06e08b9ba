"""The proof that repair makes things right: cache equals table afterwards, whatever happens while it goes on.

DEAD_LETTERS sets how many letters the first story has; a few for every run, thousands to measure.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from core import names
from core.aws import Aws
from sandbox.state import SandboxState
from services.app.pipeline import Pipeline
from services.app.sandbox_admin import SandboxAdmin
from services.audit.acts import ActState, acts
from services.audit.log import Audit
from services.cache.reconcile import Outcome, Reconciled, Reconciler
from services.dead_letters import queue
from services.dead_letters.diagnosis import Casebook
from services.dead_letters.log_evidence import Evidence
from services.dead_letters.message import DeadLetter
from services.dead_letters.orders import Order
from services.dead_letters.queue import DeadLetterQueue
from services.dead_letters.repair import repairing, work
from services.dead_letters.repair_status import Case
from services.dead_letters.results import Fate, Report
from services.jobs.jobs import Control
from services.weather.table import TableRead, WeatherTable
from tests.conftest import AwsClients, wait_until
from tests.integration.dead_letters.test_dead_letter_repair import _pointer as pointer
from tests.support.running_pipeline import (
    a_location,
    a_record,
    delete_and_follow,
    drain_queue,
    put_and_follow,
    quiet,
    running_pipeline,
)

LETTERS = int(os.environ.get("DEAD_LETTERS", "60"))
#: Keys of the first story; every third of them is deleted.
KEYS = 12
DONE = {"repaired", "already right"}


@pytest.fixture(scope="module")
def pipeline(sandbox_stack: SandboxState) -> Iterator[Pipeline]:
    with running_pipeline(sandbox_stack) as pipeline:
        yield pipeline


@pytest.fixture
def admin(sandbox_stack: SandboxState, aws: AwsClients) -> Iterator[SandboxAdmin]:
    """The admin port of a sandbox at rest, put right afterwards."""
    admin = SandboxAdmin(sandbox_stack.admin_url, sandbox_stack.admin_token)
    quiet(admin, {})
    drain_queue(aws)
    yield admin
    admin.clear_faults()
    quiet(admin, {})
    drain_queue(aws)


def order(cases: tuple[Case, ...], who: str) -> Order:
    return Order(
        "Repair dead letters",
        who,
        "the story",
        {case.letter.message_id: case.letter for case in cases},
        {case.letter.message_id: case.locations for case in cases},
        per_second=1000,
    )


def wrong_keys(pipeline: Pipeline, places: list[str]) -> dict[str, tuple[object, object]]:
    """The keys of which the cache does not say what the table says, with both sides."""
    found = {}
    for place in places:
        cached, item = pipeline.cache.get(names.CACHE, place).value, pipeline.table.get(place).item
        wanted = None if item is None else {name: item[name] for name in item if name != "TTL"}
        if (None if cached is None else json.loads(cached)) != wanted:
            found[place] = (item, cached)
    return found


def look_for(pipeline: Pipeline, count: int) -> tuple[DeadLetter, ...]:
    def seen() -> tuple[DeadLetter, ...] | None:
        letters = pipeline.queue.look(count + 100).letters
        return letters if len(letters) >= count else None

    # A pipe pauses after each failure: about ten letters a second come of three pipes.
    patience_s = 60 + count / 4
    wait_until(lambda: pipeline.queue.depth().total >= count, patience_s, f"{count} dead letters")
    found: tuple[DeadLetter, ...] = wait_until(seen, patience_s, f"a look at {count} dead letters")
    return found


class Writer(threading.Thread):
    """Goes on writing to some keys, and deletes some others, each once."""

    def __init__(self, pipeline: Pipeline, written: list[str], deleted: list[str]) -> None:
        super().__init__(daemon=True)
        self._pipeline = pipeline
        self._written, self._deleted = written, list(deleted)
        self._dice = random.Random(7)
        self._ended = threading.Event()

    def run(self) -> None:
        while not self._ended.wait(0.05):
            place = self._dice.choice(self._written)
            self._pipeline.table.put(a_record(place, MaxTemp=self._dice.randint(60, 99), TTL=3600))
            if self._deleted and self._dice.random() < 0.2:
                self._pipeline.table.delete(self._deleted.pop())

    def end(self) -> None:
        self._ended.set()
        self.join(20)


def test_all_is_right_after_a_repair_by_two_while_writes_go_on_and_momento_fails(
    pipeline: Pipeline,
    sandbox_stack: SandboxState,
    admin: SandboxAdmin,
    record_property: Callable[[str, object], None],
) -> None:
    # Given records in the cache, and dead letters of writes and deletes while Momento answered 500
    started, dice = time.time() - 1, random.Random(3)
    places = [a_location("Story") for _ in range(KEYS)]
    for place in places:
        assert put_and_follow(pipeline, a_record(place, TTL=3600)).complete
    admin.fail_momento(500, None)
    # Each write is a letter of one of the cache's pipes and one of the topic's.
    for number in range(LETTERS // 2):
        if number % 5 == 4:
            pipeline.table.delete(dice.choice(places[::3]))
        pipeline.table.put(a_record(dice.choice(places), MaxTemp=51 + number % 40, TTL=3600))
    for place in places[::3]:
        pipeline.table.delete(place)
    letters = look_for(pipeline, LETTERS)
    quiet(admin, {})
    letters = look_for(pipeline, pipeline.queue.depth().total)
    admin.clear_faults()

    # When two operators repair all of it at the same time, Momento fails now and then, and people go on writing
    writer = Writer(pipeline, places[1::3], places[2::3])
    writer.start()
    admin.add_faults({"target": "momento.grpc *", "code": "UNAVAILABLE", "share": 0.03, "count": LETTERS // 4})
    reports: list[Report] = []
    began = time.monotonic()

    def operator(who: str) -> None:
        with running_pipeline(sandbox_stack) as own:
            cases = own.casebook.cases(letters)
            reports.append(work(own.queue, own.audit, order(cases, who), repairing(own.reconciler), Control()))

    rounds = 0
    while left := set(_ids(pipeline)) & {letter.message_id for letter in letters}:
        rounds += 1
        assert rounds < 8, f"{len(left)} letters are left"
        both = [threading.Thread(target=operator, args=(who,)) for who in ("ann", "bob")]
        for each in both:
            each.start()
        for each in both:
            each.join(60 + LETTERS / 5)
            assert not each.is_alive()
        admin.clear_faults()
    took = time.monotonic() - began
    writer.end()
    quiet(admin, {})

    # Then the cache is as the table for every key, the deleted ones are gone, and every letter is in the audit log
    assert wait_until(lambda: not wrong_keys(pipeline, places) or None, 10, "cache and table to agree")
    assert not any(pipeline.cache.get(names.CACHE, place).hit for place in places[::3])
    told = [act for act in acts(pipeline.audit.entries(started), time.time()) if act.why == "the story"]
    assert {act.state for act in told} == {ActState.ENDED}
    done = {line["message"] for act in told for line in act.lines if line.get("fate") in DONE}
    assert done == {letter.message_id for letter in letters}
    words = f"{len(letters):,} letters, {took:.1f} s, {rounds} rounds: {[report.words() for report in reports]}"
    record_property("story", words)


def _ids(pipeline: Pipeline) -> list[str]:
    look = wait_until(lambda: (seen := pipeline.queue.look(20_000)).complete and seen, 60, "the whole queue")
    return [letter.message_id for letter in look.letters]


class Killed(BaseException):
    """What a kill is to the work: no handler of ours runs after it."""


class Hangman:
    """Counts the calls of several objects, and kills at the one with this number."""

    def __init__(self, at: int) -> None:
        self._at = at
        self.calls = 0

    def watch(self, target: Any, *methods: str) -> None:
        """Each call of these methods counts: before it is made, and once more after it."""
        for name in methods:
            setattr(target, name, self._counted(getattr(target, name)))

    def _counted(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            self._step()
            answer = method(*arguments, **named)
            self._step()
            return answer

        return call

    def _step(self) -> None:
        self.calls += 1
        if self.calls >= self._at:
            # A dead process calls nothing: what handlers try after the kill is not carried out either.
            raise Killed


def send_pointers(own: Aws, count: int) -> list[str]:
    """Letters whose records nobody has; the numbers that they point at."""
    url = own.sqs.get_queue_url(QueueName=names.QUEUE)["QueueUrl"]
    numbers = [f"12345678{time.time_ns()}{number}" for number in range(count)]
    for number in numbers:
        arn = "arn:aws:dynamodb:us-west-2:123456789012:table/weather-stats-demo/stream/2019-01-01T00:00:00.000"
        own.sqs.send_message(QueueUrl=url, MessageBody=pointer(arn, number))
    return numbers


def test_killed_between_any_two_steps_and_done_again_it_ends_right(
    pipeline: Pipeline, admin: SandboxAdmin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "HOLD_S", 1)
    own, since = Aws(pipeline.access), time.time() - 1
    missing, orphan = a_location("Missing"), a_location("Orphan")
    assert put_and_follow(pipeline, a_record(missing, TTL=3600)).complete
    for at in itertools.count(1):
        # Given a key that the cache lacks, and one that only the cache has
        pipeline.cache.delete(names.CACHE, missing)
        pipeline.cache.set_if_absent(names.CACHE, orphan, b"{}", 600)
        told = dict(zip(send_pointers(own, 2), (missing, orphan), strict=True))
        letters = look_for(pipeline, 2)
        book = Casebook(
            own,
            pipeline.cache,
            pipeline.table,
            lambda _, told=told: Evidence(locations=told),
            dict,  # type: ignore[misc]
        )
        cases = book.cases(letters)

        # When the work dies at its n-th step, and somebody does it again
        doomed, audit, reconciler = DeadLetterQueue(own), Audit(own), Reconciler(pipeline.cache, pipeline.table)
        hangman = Hangman(at)
        hangman.watch(doomed, "receive", "delete", "release", "hold_on")
        hangman.watch(audit, "write")
        hangman.watch(reconciler, "reconcile_all")
        killed = False
        try:
            work(doomed, audit, order(cases, "doomed"), repairing(reconciler), Control())
        except Killed:
            killed = True
        left = tuple(case for case in cases if case.letter.message_id in _visible(pipeline))
        again = (
            work(DeadLetterQueue(own), Audit(own), order(left, "again"), repairing(pipeline.reconciler), Control())
            if left
            else Report(())
        )

        # Then nothing is left to do, and what was done is in the audit log
        assert all(result.fate in (Fate.REPAIRED, Fate.ALREADY_RIGHT) for result in again.results), at
        assert wrong_keys(pipeline, [missing, orphan]) == {}, at
        assert _visible(pipeline) == set(), at
        if not killed:
            break
    told_of = {
        line["message"] for act in acts(Audit(own).entries(since), time.time()) for line in act.lines if "body" in line
    }
    assert {letter.message_id for letter in letters} <= told_of
    assert at > 10
    own.close()


def _visible(pipeline: Pipeline) -> set[str]:
    """The messages of the queue, once no hold of a dead process hides any."""
    wait_until(lambda: pipeline.queue.depth().in_flight == 0 or None, 10, "the holds to end")
    return set(_ids(pipeline))


class Meanwhile(WeatherTable):
    """The table, of which something happens once, right after it was read for the n-th time."""

    def __init__(self, table: WeatherTable, at: int, happens: Callable[[], object]) -> None:
        self._table = table
        self._at = at
        self._reads = 0
        self._happens = happens

    def get(self, location: str) -> TableRead:
        read = self._table.get(location)
        self._reads += 1
        if self._reads == self._at:
            self._happens()
        return read


@pytest.mark.parametrize("at", [1, 2])
@pytest.mark.parametrize("event", ["write", "delete"])
def test_a_change_between_read_and_put_wins(pipeline: Pipeline, admin: SandboxAdmin, event: str, at: int) -> None:
    place = a_location("Race")
    assert put_and_follow(pipeline, a_record(place, MaxTemp=61, TTL=3600)).complete
    pipeline.cache.delete(names.CACHE, place)
    happens = {
        "write": lambda: put_and_follow(pipeline, a_record(place, MaxTemp=77, TTL=3600)),
        "delete": lambda: delete_and_follow(pipeline, place),
    }[event]

    done: Reconciled = Reconciler(pipeline.cache, Meanwhile(pipeline.table, at, happens)).reconcile(place)

    assert done.outcome is not Outcome.GAVE_UP
    assert wrong_keys(pipeline, [place]) == {}
    item = pipeline.table.get(place).item
    assert (item is None) == (event == "delete")
