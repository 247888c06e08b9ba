"""Everything that pages can ask of one stack: the table, the cache, the topic, the pipes, their logs, the dead letters.

One object per target and process, shared by all viewers. Reads that every page repeats are `Shared`.
"""

from __future__ import annotations

import time

from provision import names
from services import metrics, pipes, propagation
from services.agreement_check import Checker, CheckResult
from services.audit import Audit, Found
from services.aws import Aws
from services.config import AwsAccess
from services.dead_letters import DeadLetterQueue, Depth, QueueFacts
from services.dead_letters.cases import Casebook
from services.dead_letters.evidence import from_log
from services.dead_letters.memory import Memory
from services.dead_letters.watch import Watch
from services.dead_letters.works import Works
from services.errors import DashboardError
from services.key_facts import FactsReader
from services.load_test import LoadResult
from services.log_tail import LogTail, LogView
from services.lookup import Lookups
from services.metrics import Series
from services.momento import MomentoCache
from services.momento_keys import MomentoAddress
from services.one_job import OneJob
from services.propagation import Propagation
from services.reconcile import Reconciled, Reconciler
from services.shared import Shared
from services.topic_feed import TopicFeed
from services.weather import TablePage, WeatherRecord, WeatherTable, Write

#: How far back AWS's own metrics go, in seconds.
METRICS_WINDOW_S = 3600.0
#: Seconds between two looks at the log: a region may allow five FilterLogEvents a second for the whole account.
LOG_EVERY_S = 1.0
LOG_EVERY_AWS_S = 5.0
#: Seconds between two readings of the audit log.
AUDIT_EVERY_S = 5.0


class Pipeline:
    """The stack behind one AWS account and one Momento. Opens connections; `close` ends them."""

    def __init__(self, access: AwsAccess, momento: MomentoAddress) -> None:
        self.access = access
        self.momento_address = momento
        self._aws = Aws(access)
        self.cache = MomentoCache(momento)
        self.feed = TopicFeed(momento, names.CACHE, names.TOPIC)
        self.table = WeatherTable(self._aws)
        self.lookups = Lookups(self.cache, self.table)
        self.reconciler = Reconciler(self.cache, self.table)
        self.queue = DeadLetterQueue(self._aws)
        self.log_tail = LogTail(self._aws)
        self.pipes: Shared[tuple[pipes.Pipe, ...]] = Shared(lambda: pipes.describe(self._aws), 2.0)
        self.depth: Shared[Depth] = Shared(self.queue.depth, 1.0)
        self.records: Shared[TablePage] = Shared(self.table.page, 2.0)
        self.log: Shared[LogView] = Shared(
            self.log_tail.refresh, LOG_EVERY_S if access.endpoint_url else LOG_EVERY_AWS_S
        )
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
        self.cache_latency_ms: Shared[float] = Shared(lambda: self.cache.check(names.CACHE), 2.0)
        self.table_metrics: Shared[tuple[Series, ...]] = Shared(
            lambda: metrics.read(self._aws, metrics.TABLE_READS, METRICS_WINDOW_S), 30.0
        )
        self.feed.start()
        self.dead_letters.start()

    @property
    def aws_endpoint(self) -> str:
        """The endpoint that DynamoDB calls go to."""
        return self._aws.endpoint

    def audit_entries(self, window_s: float) -> Shared[Found]:
        """The audit log's entries of the last `window_s` seconds, newest first, read at most every 5 s."""
        return self._audit_entries.setdefault(
            window_s, Shared(lambda: self.audit.read(time.time() - window_s), AUDIT_EVERY_S)
        )

    def put(self, record: WeatherRecord) -> Propagation:
        """Writes a record and watches it arrive. Raises DashboardError when the write itself fails."""
        version = self.feed.version
        return self._followed(self.table.put(record), version)

    def delete(self, location: str) -> Propagation:
        """Deletes a record and watches it go. Raises DashboardError when the delete itself fails."""
        version = self.feed.version
        return self._followed(self.table.delete(location), version)

    def _followed(self, write: Write, version: int) -> Propagation:
        self.records.forget()
        self.depth.forget()
        try:
            return propagation.follow(write, self.cache, self.feed, version)
        except DashboardError as error:
            # The write is done; that its arrival cannot be watched must not look like a failed write.
            return Propagation(write, expected=True, problem=str(error))

    def _letters_changed(self) -> None:
        self.depth.forget()
        self.dead_letters.ask()

    def close(self) -> None:
        """Ends the subscription and the watch, and closes every connection."""
        self.dead_letters.close()
        self.feed.close()
        self.cache.close()
        self.log_tail.close()
        self._aws.close()
