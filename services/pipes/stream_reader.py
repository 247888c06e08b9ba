"""Reads the table's stream from now on, once for the whole process, and hands on every change.

The stream is looked at each POLL_S seconds. AWS advises two readers for a shard at most, and the three pipes already
are more; so this one takes a pause, longer each time, whenever it is throttled. What it missed by then comes later:
it goes on after the last change that it read. STREAM_WATCH=off leaves it out.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from core import names
from core.aws import Aws, translated
from core.errors import DashboardError, NotFound
from services.jobs.background import Loop
from services.pipes.stream_changes import Change, change_of

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Seconds from one look at the stream to the next, and after how many without one nobody knows what waits.
POLL_S = 2.0
LATE_S = 15.0
#: Seconds from one look for new shards to the next. A shard lives for about four hours.
SHARDS_S = 60.0
#: Pages of one shard in one look, so that a long one does not keep the others waiting.
_PAGES = 50
#: What a lost iterator answers: it is too old, or the stream has forgotten what comes next.
_EXPIRED = "ExpiredIteratorException"
_TRIMMED = "TrimmedDataAccessException"


@dataclass(frozen=True)
class WatchStatus:
    """`on` is False when it was left out. `since` is when it began, `read_at` when it last read all (epoch s, or None).

    `problem` says why the last look failed. `gap_at` is when changes were last forgotten by the stream unread.
    """

    on: bool
    since: float | None = None
    read_at: float | None = None
    problem: str = ""
    gap_at: float | None = None

    def late_s(self, now: float) -> float | None:
        """Seconds since the stream was read, or the watch began, when what waits is not known any more; else None."""
        last = self.read_at or self.since
        return now - last if self.on and last is not None and now - last > LATE_S else None


class StreamWatch:
    """The reader: `start` begins a thread, `close` ends it. `observe` gets the changes of a shard in their order."""

    def __init__(self, aws: Aws, observe: Callable[[Sequence[Change]], None]) -> None:
        self._aws = aws
        self._observe = observe
        self._arn = ""
        #: Open shards: where to read on. None where a new iterator is needed.
        self._iterators: dict[str, str | None] = {}
        self._last: dict[str, str] = {}
        self._finished: set[str] = set()
        #: Shards that are read from the moment the watch began, and not from their beginning.
        self._from_end: set[str] = set()
        self._looked_for_shards = 0.0
        self._status = WatchStatus(on=True)
        self.loop = Loop("stream watch", self._step, POLL_S)

    @property
    def status(self) -> WatchStatus:
        """How it stands."""
        return replace(self._status, problem=self.loop.state.problem)

    def start(self) -> None:
        """Begins to read, at what comes next."""
        self.loop.start()

    def close(self) -> None:
        """Ends the reading; a call under way is waited for, at most a moment."""
        self.loop.close()

    def look(self) -> None:
        """Hands on what is new in every shard. Raises DashboardError."""
        self._find_shards()
        for shard in list(self._iterators):
            self._read_shard(shard)
        self._status = replace(self._status, read_at=time.time())

    def _step(self) -> None:
        try:
            self.look()
        except NotFound:
            self._begin_anew()
            raise

    def _begin_anew(self) -> None:
        """The stream is gone, as after the table was made anew: another one is looked for."""
        self._arn = ""
        self._iterators.clear()
        self._last.clear()
        self._finished.clear()
        self._from_end.clear()
        self._note_gap()

    def _note_gap(self) -> None:
        self._status = replace(self._status, gap_at=time.time())

    def _find_shards(self) -> None:
        first = not self._arn
        if not first and time.monotonic() - self._looked_for_shards < SHARDS_S and self._iterators:
            return
        if first:
            with translated(f"Describing table {names.TABLE}"):
                table = self._aws.dynamodb.describe_table(TableName=names.TABLE)["Table"]
            arn = table.get("LatestStreamArn", "")
            if not arn:
                raise NotFound(f"Table {names.TABLE} has no stream.", "Enable the stream with new and old images.")
            self._arn = arn
        for shard in list(self._shards()):
            self._take_up(shard, first)
        self._looked_for_shards = time.monotonic()
        if first and self._status.since is None:
            self._status = replace(self._status, since=time.time())

    def _shards(self) -> Iterator[Any]:
        after: dict[str, str] = {}
        while True:
            with translated("Describing the table's stream"):
                answer = self._aws.streams.describe_stream(StreamArn=self._arn, **after)  # type: ignore[arg-type]
            found = answer["StreamDescription"]
            yield from found.get("Shards", [])
            last = found.get("LastEvaluatedShardId")
            if not last:
                return
            after = {"ExclusiveStartShardId": last}

    def _take_up(self, shard: Any, first: bool) -> None:
        """Begins with a shard that is new: at its end when the watch begins, else at its beginning."""
        shard_id = shard["ShardId"]
        if shard_id in self._iterators or shard_id in self._finished:
            return
        closed = "EndingSequenceNumber" in shard.get("SequenceNumberRange", {})
        if first and closed:
            self._finished.add(shard_id)
            return
        if first:
            self._from_end.add(shard_id)
        self._iterators[shard_id] = self._iterator(shard_id, "LATEST" if first else "TRIM_HORIZON")

    def _iterator(self, shard: str, kind: str, **place: str) -> str:
        with translated("Finding a place in the table's stream"):
            answer = self._aws.streams.get_shard_iterator(
                StreamArn=self._arn,
                ShardId=shard,
                ShardIteratorType=kind,  # type: ignore[arg-type]
                **place,
            )
        return answer["ShardIterator"]

    def _read_shard(self, shard: str) -> None:
        for _ in range(_PAGES):
            iterator = self._iterators[shard] or self._iterator_after_last(shard)
            records, following = self._page(shard, iterator)
            changes = [change for record in records if (change := change_of(record, shard)) is not None]
            if changes:
                self._last[shard] = changes[-1].sequence
                self._observe(changes)
            if following is None:
                self._end_of(shard)
                return
            self._iterators[shard] = following
            if not records:
                return

    def _end_of(self, shard: str) -> None:
        """A closed shard is read; its children are looked for at once."""
        del self._iterators[shard]
        self._last.pop(shard, None)
        self._from_end.discard(shard)
        self._finished.add(shard)
        self._looked_for_shards = 0.0

    def _page(self, shard: str, iterator: str) -> tuple[Sequence[Any], str | None]:
        with translated("Reading the table's stream"):
            try:
                answer = self._aws.streams.get_records(ShardIterator=iterator)
            except ClientError as error:
                if error.response.get("Error", {}).get("Code") not in (_EXPIRED, _TRIMMED):
                    raise
                self._iterators[shard] = None
                return [], self._iterator_after_last(shard)
        return answer["Records"], answer.get("NextShardIterator")

    def _iterator_after_last(self, shard: str) -> str:
        """After the last change read; where the stream has forgotten that place, at its oldest change."""
        last = self._last.get(shard)
        if not last and shard in self._from_end:
            self._note_gap()
            return self._iterator(shard, "LATEST")
        if not last:
            return self._iterator(shard, "TRIM_HORIZON")
        try:
            return self._iterator(shard, "AFTER_SEQUENCE_NUMBER", SequenceNumber=last)
        except DashboardError as error:
            cause = error.__cause__
            if not isinstance(cause, ClientError) or cause.response.get("Error", {}).get("Code") != _TRIMMED:
                raise
            self._note_gap()
            return self._iterator(shard, "TRIM_HORIZON")
