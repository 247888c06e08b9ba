"""Everything that pages can ask of one stack: the table, the cache, the topic, the pipes, their logs, the dead letters.

One object per target and process, shared by all viewers. Reads that every page repeats are `Shared`.
"""

from __future__ import annotations

import time

from core import names, patience
from core.api_calls import CallCount
from core.aws import Aws
from core.config import AwsAccess, TopicConfig
from core.errors import DashboardError
from core.momento_client import MomentoCache
from core.momento_keys import MomentoAddress
from services.audit.log import Audit, Found
from services.cache.reconcile import Reconciled, Reconciler
from services.checks import alarms, cloudwatch, page_data
from services.checks.alarms import Alarm
from services.checks.cloudwatch import Series
from services.checks.finding import Finding
from services.checks.page_data import Measurement
from services.dead_letters.diagnosis import Casebook
from services.dead_letters.log_evidence import from_log
from services.dead_letters.monitor import Watch
from services.dead_letters.queue import DeadLetterQueue, Depth, QueueFacts
from services.dead_letters.repair_jobs import Works
from services.dead_letters.saved import Memory
from services.jobs.background import LoopState
from services.jobs.cached_read import Shared
from services.jobs.one_job import OneJob
from services.logs.insights import LogInsights
from services.logs.tail import LogTail, LogView
from services.lookup.key_evidence import FactsReader
from services.lookup.load_test import LoadResult
from services.lookup.read_through import Lookups
from services.lookup.table_check import Checker, CheckResult
from services.pipes import describe
from services.pipes.health import Doctor, Health
from services.pipes.latency import Sample
from services.pipes.stream_reader import StreamWatch, WatchStatus
from services.pipes.tracker import WINDOW_S, PipeBook
from services.stack.reader import StackReader
from services.stack.report import StackReport
from services.topic.history import Source, TopicHistory
from services.topic.subscription import TopicFeed
from services.tracking import canary
from services.tracking.batches import BatchJourneys
from services.tracking.canary import Canary
from services.tracking.writes import Journey, Journeys
from services.weather.batch_writes import BatchWrites
from services.weather.changes import Change, Conflict, WeatherChanges
from services.weather.paging import RecordPages
from services.weather.table import TablePage, WeatherTable, Write

#: How far back AWS's own metrics go, in seconds.
METRICS_WINDOW_S = 3600.0
#: Seconds between two looks at the log: a region may allow five FilterLogEvents a second for the whole account.
LOG_EVERY_S = 2.5
LOG_EVERY_AWS_S = 5.0
#: Seconds between two readings of the audit log.
AUDIT_EVERY_S = 5.0
#: Seconds that an examination waits for the reads that it is made of.
EXAMINE_S = 3.0
#: And between two looks at every resource of the stack.
STACK_EVERY_S = 60.0


class Pipeline:
    """The stack behind one AWS account and one Momento. Opens connections; `close` ends them.

    `run` names one run of the sandbox, whose topic begins anew each time; "" for the real Momento. `api_key` is the
    Momento key as the person gave it, where that is not the token itself.
    """

    def __init__(
        self,
        access: AwsAccess,
        momento: MomentoAddress,
        topic: TopicConfig | None = None,
        run: str = "",
        watch_stream: bool = True,
        api_key: str = "",
    ) -> None:
        self.access = access
        self.momento_address = momento
        self._aws = Aws(access)
        self.cache = MomentoCache(momento)
        self.feed = _feed(momento, topic or TopicConfig(), run)
        self.table = WeatherTable(self._aws)
        self.record_pages = RecordPages(self._aws)
        self.batches = BatchWrites(self._aws)
        self._changes = WeatherChanges(self._aws)
        self.lookups = Lookups(self.cache, self.table)
        self.reconciler = Reconciler(self.cache, self.table)
        self.queue = DeadLetterQueue(self._aws)
        self.book = PipeBook()
        self.log_tail = LogTail(self._aws, self.book.hear)
        self._watch = StreamWatch(self._aws, self.book.see) if watch_stream else None
        self.log_insights = LogInsights(self._aws)
        # Lifetimes in seconds, each longer than the pause between two looks of a page or of the sidebar (see Shared).
        self.pipes: Shared[tuple[describe.Pipe, ...]] = Shared(lambda: describe.describe(self._aws), 3.5)
        self.depth: Shared[Depth] = Shared(self.queue.depth, 3.5)
        self.records: Shared[TablePage] = Shared(self.table.page, 3.5)
        self.log: Shared[LogView] = Shared(
            self.log_tail.refresh, LOG_EVERY_S if access.endpoint_url else LOG_EVERY_AWS_S
        )
        self.cache_latency_ms: Shared[float] = Shared(lambda: self.cache.check(names.CACHE), 3.5)
        self.table_metrics: Shared[tuple[Series, ...]] = Shared(
            lambda: cloudwatch.read(self._aws, cloudwatch.table_reads(), METRICS_WINDOW_S), 30.0
        )
        self.findings: Shared[tuple[Finding, ...]] = Shared(
            lambda: page_data.findings(self._aws, self.pipes, self.log), 45.0
        )
        self.measurement: Shared[Measurement] = Shared(
            lambda: page_data.measurement(self._aws, self.pipes, self.log), 60.0
        )
        self.alarms: Shared[tuple[Alarm, ...]] = Shared(lambda: alarms.read(self._aws), 60.0)
        # An endpoint is named for the sandbox only.
        pace = canary.IN_SANDBOX if access.endpoint_url else canary.ON_AWS
        self.canary = Canary(self.table, self.cache, self.feed, pace)
        self.record_count: Shared[int] = Shared(self.record_pages.count, 60.0)
        self.queue_facts: Shared[QueueFacts] = Shared(self.queue.facts, 60.0)
        self.audit = Audit(self._aws)
        self._audit_entries: dict[float, Shared[Found]] = {}
        self.memory = Memory(lambda: self.audit)
        self.casebook = Casebook(
            self._aws,
            self.cache,
            self.table,
            from_log(self.log_tail, lambda: self.log.get().value),
            lambda: self.memory.kept().records,
        )
        self.dead_letters = Watch(self.queue, self.casebook, self.depth)
        self.letter_works = Works(self.queue, self.audit, self._letters_changed)
        self.checker = Checker(
            self._aws, self.cache, self.table, self.lookups, FactsReader(self.feed, self.log, self.dead_letters.letters)
        )
        self.check_job: OneJob[CheckResult] = OneJob()
        self.repair_job: OneJob[tuple[Reconciled, ...]] = OneJob()
        self.load_job: OneJob[LoadResult] = OneJob()
        self.journeys = Journeys(self.cache, self.feed, self.log)
        self.batch_journeys = BatchJourneys(self.cache, self.feed, self.log)
        self.doctor = Doctor(self.book, self.pipes, self.log, self.watch_status, letters=self._letters)
        self.health: Shared[Health] = Shared(self._examine, 2.5)
        self.samples: Shared[dict[str, list[Sample]]] = Shared(lambda: self.doctor.samples(WINDOW_S), 2.5)
        self._stack = StackReader(self._aws, self.cache, momento, api_key or momento.token)
        self._stacks: dict[str, Shared[StackReport]] = {}
        self.feed.start()
        if self._watch is not None:
            self._watch.start()
        self.dead_letters.start()

    @property
    def api_calls(self) -> tuple[CallCount, ...]:
        """How often each AWS operation was called by this process."""
        return self._aws.calls.counts()

    @property
    def aws_endpoint(self) -> str:
        """The endpoint that DynamoDB calls go to."""
        return self._aws.endpoint

    def audit_entries(self, window_s: float) -> Shared[Found]:
        """The audit log's entries of the last `window_s` seconds, newest first, read at most every 5 s."""
        return self._audit_entries.setdefault(
            window_s, Shared(lambda: self.audit.read(time.time() - window_s), AUDIT_EVERY_S)
        )

    def stack(self, profile: str) -> Shared[StackReport]:
        """The stack beside what a profile declares: some 50 AWS calls, made when somebody looks."""
        return self._stacks.setdefault(profile, Shared(lambda: self._stack.read(profile), STACK_EVERY_S))

    def watch_status(self) -> WatchStatus:
        """How the reading of the table's stream stands."""
        return WatchStatus(on=False) if self._watch is None else self._watch.status

    @property
    def loops(self) -> tuple[LoopState, ...]:
        """How the loops do that run whether anybody looks or not."""
        watch = () if self._watch is None else (self._watch.loop.state,)
        return (*watch, self.dead_letters.sampler.state)

    def _examine(self) -> Health:
        # What its reads do not answer by then is unknown, which is a verdict.
        with patience.within(EXAMINE_S):
            return self.doctor.examine()

    def start_pipe(self, flow: str) -> None:
        """Has the pipe of a flow started. Raises DashboardError."""
        describe.start(self._aws, flow)
        self._pipe_changed()

    def stop_pipe(self, flow: str) -> None:
        """Has the pipe of a flow stopped. Raises DashboardError."""
        describe.stop(self._aws, flow)
        self._pipe_changed()

    def _pipe_changed(self) -> None:
        self.pipes.forget()
        self.health.forget()

    def change(self, change: Change) -> Journey | Conflict:
        """Makes a change if nobody else has made one, and follows it. Raises DashboardError when it cannot be made."""
        version = self.feed.version
        done = self._changes.make(change)
        return done if isinstance(done, Conflict) else self._followed(done, version)

    def delete(self, location: str) -> Journey:
        """Deletes a record as it is now, and follows that. Raises DashboardError when the delete itself fails."""
        version = self.feed.version
        return self._followed(self.table.delete(location), version)

    def _followed(self, write: Write, version: int) -> Journey:
        self.records.forget()
        self.depth.forget()
        return self.journeys.follow(write, version)

    def _letters(self) -> int | None:
        try:
            return self.depth.get().value.total
        except DashboardError:
            # The pages say why the queue cannot be read; the verdicts do without it.
            return None

    def _letters_changed(self) -> None:
        self.depth.forget()
        self.dead_letters.ask()

    def close(self) -> None:
        """Ends what runs in the background and the subscription, and closes every connection."""
        self.canary.close()
        self.journeys.close()
        self.batch_journeys.close()
        if self._watch is not None:
            self._watch.close()
        self.dead_letters.close()
        self.feed.close()
        self.cache.close()
        self.log_tail.close()
        self._stack.close()
        self._aws.close()


def _feed(momento: MomentoAddress, topic: TopicConfig, run: str) -> TopicFeed:
    place = f"{momento.label}/{names.CACHE}/{names.TOPIC}"
    # A sandbox is known by its run; what other prefixes' topics of that run said is not to be on this one's page.
    family = f"sandbox {names.chosen().prefix}".strip()
    source = Source(family, run) if run else Source(place, place)
    history = TopicHistory(topic.history, source) if topic.history is not None else None
    return TopicFeed(momento, names.CACHE, names.TOPIC, topic.events, history=history)
