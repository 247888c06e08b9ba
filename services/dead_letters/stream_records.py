"""The records that dead letters point at, read from the stream for as long as it still has them (24 h).

Letters of one shard are read together, in the order of their sequence numbers: a page of the stream holds up to a
thousand records, and often what several letters point at. Each page gets an iterator of its own, so that none can
expire on the way; an empty page does not mean that nothing follows.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import TYPE_CHECKING, Any, Literal

from botocore.exceptions import ClientError

from core import names
from core.aws import Aws, translated
from core.errors import NotFound, ServiceFailed
from core.text import encodable
from services.dead_letters.message import DeadLetter
from services.weather.table import plain

if TYPE_CHECKING:
    from mypy_boto3_dynamodbstreams.type_defs import RecordTypeDef

#: Digits of the longest sequence number, and characters of the shortest and the longest shard id, that AWS takes.
LONGEST_NUMBER = 40
SHARD_ID_LENGTHS = range(28, 66)
#: Records that one GetRecords gives at most.
PAGE = 1000
#: Empty pages in a row after which a record counts as not there: a shard may have gaps, but not without end.
EMPTY_PAGES = 20


class Recovery(Enum):
    """Whether the stream still had what a letter points at."""

    FOUND = "found"
    SAVED = "saved before the stream forgot it"
    PARTLY = "found in part"
    TRIMMED = "forgotten by the stream"
    GONE = "the stream or its shard is gone"
    NOWHERE = "points nowhere"
    UNREADABLE = "could not be read"


@dataclass(frozen=True)
class StreamRecord:
    """One change of the table. Images are items as plain texts by attribute; None when the change has none."""

    sequence_number: str
    event_name: str
    location: str
    created_at: datetime | None
    old: Mapping[str, str] | None
    new: Mapping[str, str] | None


@dataclass(frozen=True)
class Hydrated:
    """What a letter points at; `problem` says in AWS's words why it could not be read, if it could not."""

    recovery: Recovery
    records: tuple[StreamRecord, ...] = ()
    problem: str = ""

    @property
    def locations(self) -> tuple[str, ...]:
        """The keys that its records are of, each once, in the order of the records."""
        return tuple(dict.fromkeys(record.location for record in self.records if record.location))


@dataclass(frozen=True)
class ImageChange:
    """One attribute of a record before and after; "" where it was not there."""

    attribute: str
    old: str
    new: str

    @property
    def changed(self) -> bool:
        """Whether the two differ."""
        return self.old != self.new


def image_changes(record: StreamRecord) -> tuple[ImageChange, ...]:
    """Each attribute of the two images side by side, by name."""
    old, new = record.old or {}, record.new or {}
    return tuple(ImageChange(name, old.get(name, ""), new.get(name, "")) for name in sorted({*old, *new}))


def hydrate(aws: Aws, letters: Iterable[DeadLetter]) -> dict[str, Hydrated]:
    """What each letter points at, by message id.

    Raises a DashboardError when the stream cannot be reached, or refuses us; what it refuses of a single letter, such
    as a sequence number that it never had, is in that letter's result.
    """
    found: dict[str, Hydrated] = {}
    shards: defaultdict[tuple[str, str], list[tuple[str, str, DeadLetter]]] = defaultdict(list)
    for letter in letters:
        span = _span(letter)
        if span is None:
            found[letter.message_id] = Hydrated(Recovery.NOWHERE)
        else:
            shards[letter.stream_arn, letter.shard_id].append((*span, letter))
    for (stream_arn, shard_id), group in shards.items():
        shard, gone = _Shard(aws, stream_arn, shard_id), None
        for first, last, letter in sorted(group, key=lambda place: (int(place[0]), int(place[1]))):
            result = gone or _hydrated(shard, first, last, letter.batch_size or 1)
            # Where one of them finds no shard, the others find none either.
            gone = result if result.recovery is Recovery.GONE else None
            found[letter.message_id] = result
    return found


def _span(letter: DeadLetter) -> tuple[str, str] | None:
    """First and last sequence number, in order, or None when the letter points nowhere in our table's stream."""
    numbers = (letter.first_sequence_number, letter.last_sequence_number or letter.first_sequence_number)
    if not all(number.isascii() and number.isdigit() and len(number) <= LONGEST_NUMBER for number in numbers):
        return None
    # Anybody may send a letter. What leads to another table is not asked for: a refusal would tell nothing of ours.
    if f":table/{names.TABLE}/stream/" not in letter.stream_arn or len(letter.shard_id) not in SHARD_ID_LENGTHS:
        return None
    # The real example of facts/aws-pipes.md has the two the other way round.
    first, last = sorted(numbers, key=int)
    return first, last


def _hydrated(shard: _Shard, first: str, last: str, wanted: int) -> Hydrated:
    try:
        records = shard.between(first, last)
    except _Trimmed:
        return Hydrated(Recovery.TRIMMED)
    except NotFound as error:
        return Hydrated(Recovery.GONE, problem=error.what)
    except ServiceFailed as error:
        return Hydrated(Recovery.UNREADABLE, problem=error.what)
    if not records:
        return Hydrated(Recovery.TRIMMED)
    return Hydrated(Recovery.FOUND if len(records) >= wanted else Recovery.PARTLY, records)


class _Trimmed(Exception):
    """The stream has forgotten the place."""


class _Shard:
    """Reads forward in one shard, and remembers the last stretch that it read without a gap."""

    def __init__(self, aws: Aws, stream_arn: str, shard_id: str) -> None:
        self._aws = aws
        self._stream_arn = stream_arn
        self._shard_id = shard_id
        self._stretch: list[StreamRecord] = []
        #: The sequence numbers of the stretch.
        self._numbers: list[int] = []
        self._from, self._to = "0", "-1"

    def between(self, first: str, last: str) -> tuple[StreamRecord, ...]:
        """The records from `first` to `last`, both included. Raises _Trimmed and DashboardErrors."""
        if not int(self._from) <= int(first) <= int(self._to):
            self._stretch, self._numbers, self._from, self._to = [], [], first, "-1"
            self._read("AT_SEQUENCE_NUMBER", first, int(last))
        elif int(self._to) < int(last):
            self._read("AFTER_SEQUENCE_NUMBER", self._to, int(last))
        return tuple(self._stretch[bisect_left(self._numbers, int(first)) : bisect_right(self._numbers, int(last))])

    def _read(self, kind: Literal["AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER"], number: str, last: int) -> None:
        iterator, empty = self._iterator(kind, number), 0
        while iterator and int(self._to) < last and empty < EMPTY_PAGES:
            records, following = self._page(iterator)
            self._stretch += records
            self._numbers += [int(record.sequence_number) for record in records]
            if records:
                self._to, empty = records[-1].sequence_number, 0
                iterator = self._iterator("AFTER_SEQUENCE_NUMBER", self._to) if int(self._to) < last else ""
            else:
                iterator, empty = following, empty + 1

    def _iterator(self, kind: Literal["AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER"], number: str) -> str:
        with translated(f"Finding record {number} in the stream of table {names.TABLE}"):
            try:
                answer = self._aws.streams.get_shard_iterator(
                    StreamArn=self._stream_arn,
                    ShardId=self._shard_id,
                    ShardIteratorType=kind,
                    SequenceNumber=number,
                )
            except ClientError as error:
                raise _trimmed_or(error) from None
        return answer.get("ShardIterator", "")

    def _page(self, iterator: str) -> tuple[list[StreamRecord], str]:
        with translated(f"Reading the stream of table {names.TABLE}"):
            try:
                answer = self._aws.streams.get_records(ShardIterator=iterator, Limit=PAGE)
            except ClientError as error:
                raise _trimmed_or(error) from None
        return [_converted(record) for record in answer.get("Records", [])], answer.get("NextShardIterator", "")


def _trimmed_or(error: ClientError) -> Exception:
    code = error.response.get("Error", {}).get("Code")
    return _Trimmed() if code == "TrimmedDataAccessException" else error


def _converted(record: RecordTypeDef) -> StreamRecord:
    change = record.get("dynamodb", {})
    created = change.get("ApproximateCreationDateTime")
    key = change.get("Keys", {}).get(names.TABLE_KEY, {})
    return StreamRecord(
        sequence_number=change.get("SequenceNumber", ""),
        event_name=record.get("eventName", ""),
        location=encodable(str(key.get("S", ""))),
        created_at=created.astimezone(UTC) if created else None,
        old=_image(change.get("OldImage")),
        new=_image(change.get("NewImage")),
    )


def _image(image: Mapping[str, Any] | None) -> Mapping[str, str] | None:
    return None if not image else {encodable(name): encodable(text) for name, text in plain(image).items()}
