"""The books of the pipes: what the stream shows and what their log tells, joined by sequence number. No I/O.

One writer for each source and many readers; safe for all threads. Kept are the changes of the last WINDOW_S seconds,
and older ones as long as a pipe has still to handle them and the stream has them; never more than CHANGES.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from functools import partial

from core import names
from services.logs.executions import LogRecord
from services.pipes.describe import Pipe
from services.pipes.ledger import Terms
from services.pipes.state import PipeAccount
from services.pipes.stream_changes import Change, wanted

WINDOW_S = 900.0
CHANGES = 100_000
#: A stream keeps its records for a day.
STREAM_S = 86_400.0
#: Seconds from one look at the changes that linger to the next.
_LINGER_S = 30.0


class PipeBook:
    """One account per pipe of the stack, by the pipe's name."""

    def __init__(self) -> None:
        self._accounts = {name: PipeAccount() for name in names.PIPES}
        self._changes: OrderedDict[str, Change] = OrderedDict()
        #: Older than the window, and some pipe has them still to do.
        self._lingering: OrderedDict[str, Change] = OrderedDict()
        self._written: dict[int, int] = {}
        self._looked_at_lingering = 0.0
        self._complete_since = 0.0
        self._lock = threading.RLock()

    @property
    def complete_since(self) -> float:
        """Changes made after this moment (epoch s) are all kept: later than the window only if there were too many."""
        return self._complete_since

    def agree(self, pipes: Iterable[Pipe]) -> None:
        """Takes up what the pipes' settings say; what the stream showed before is entered now."""
        with self._lock:
            for pipe in pipes:
                account = self._accounts.get(pipe.name)
                if account is None or pipe.state == "MISSING":
                    continue
                new = not account.fates.ready
                account.fates.agree(terms_of(pipe))
                if new:
                    for change in (*self._lingering.values(), *self._changes.values()):
                        account.fates.add(change)

    def see(self, changes: Sequence[Change]) -> None:
        """The stream shows changes of one shard, in their order."""
        with self._lock:
            for change in changes:
                if change.sequence in self._changes or change.sequence in self._lingering:
                    continue
                self._changes[change.sequence] = change
                second = int(change.created_s)
                self._written[second] = self._written.get(second, 0) + 1
                for account in self._accounts.values():
                    if account.fates.ready:
                        account.fates.add(change)
            while len(self._changes) + len(self._lingering) > CHANGES:
                self._forget_oldest()

    def hear(self, record: LogRecord) -> None:
        """The log tells of a step of an execution."""
        account = self._accounts.get(record.pipe)
        if account is not None and record.readable:
            with self._lock:
                account.hear(record)

    def account(self, pipe: str) -> PipeAccount:
        """The account of a pipe of the stack. Hold `reading` while asking it. Raises KeyError."""
        return self._accounts[pipe]

    def reading(self) -> threading.RLock:
        """What to hold (`with book.reading():`) while several answers have to fit together."""
        return self._lock

    def written(self, since: float, until: float) -> int:
        """How many changes the stream showed that were made between two moments."""
        with self._lock:
            return sum(count for second, count in self._written.items() if since <= second < until)

    def prune(self, now: float) -> None:
        """Lets go of what is too old."""
        with self._lock:
            self._prune_changes(now)
            for account in self._accounts.values():
                account.prune(now, now - WINDOW_S)
            for second in [second for second in self._written if second < now - WINDOW_S]:
                del self._written[second]

    def _prune_changes(self, now: float) -> None:
        while self._changes and next(iter(self._changes.values())).created_s < now - WINDOW_S:
            sequence, change = self._changes.popitem(last=False)
            if self._is_open(sequence):
                self._lingering[sequence] = change
            else:
                self._forget(sequence)
        if now - self._looked_at_lingering > _LINGER_S:
            self._looked_at_lingering = now
            for sequence, change in list(self._lingering.items()):
                if change.created_s < now - STREAM_S or not self._is_open(sequence):
                    del self._lingering[sequence]
                    self._forget(sequence)

    def _is_open(self, sequence: str) -> bool:
        return any(account.fates.is_open(sequence) for account in self._accounts.values())

    def _forget_oldest(self) -> None:
        kept = self._lingering or self._changes
        sequence, change = kept.popitem(last=False)
        self._complete_since = max(self._complete_since, change.created_s)
        self._forget(sequence)

    def _forget(self, sequence: str) -> None:
        for account in self._accounts.values():
            account.fates.forget(sequence)


def terms_of(pipe: Pipe) -> Terms:
    """What a pipe's settings say of its records. Without a number of retries AWS repeats without end."""
    retries = -1 if pipe.retries is None else pipe.retries
    return Terms(partial(wanted, pipe.filters), retries, by_key=pipe.lanes > 1)
