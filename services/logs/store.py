"""The log records of a window and the executions that they tell of, to be asked instead of walked through.

Records are bounded in number and bytes, executions in number, and both by age: the oldest leave first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from typing import Any

from services.logs.database import LogDatabase, marks
from services.logs.error_signature import signature
from services.logs.executions import Execution, LogRecord, Outcome, PipeTally, extended, parse
from services.logs.queries import Condition, LogQuery, of_executions, of_records

#: Records kept, their bytes, and executions.
CAPACITY = 300_000
CAPACITY_BYTES = 512 * 1024 * 1024
EXECUTIONS = 150_000
#: Stream records of one execution that can be found by location and sequence number.
CHANGES_EACH = 50
#: Points of an error group's trend.
TREND_POINTS = 24
#: Bytes of the lines that one answer has at most: a line may have 256 KB, and an export has thousands.
ANSWER_BYTES = 32 * 1024 * 1024
#: Characters of an error that its execution keeps; the record has all of it.
_ERROR_LENGTH = 2_000
#: Values of one statement: SQLite takes 32,766.
_CHUNK = 500

_EXECUTION_COLUMNS = ", ".join(field.name for field in fields(Execution))


@dataclass(frozen=True)
class RawEvent:
    """One event of the log group: CloudWatch's id, its time in epoch ms, and the line."""

    event_id: str
    at_ms: int
    message: str


@dataclass(frozen=True)
class ErrorGroup:
    """Executions whose errors are the same but for ids, times and numbers. Times in epoch milliseconds.

    `sample` is the error of one of them. `trend` counts them in TREND_POINTS equal parts of the window asked for.
    """

    signature: str
    count: int
    succeeded_later: int
    first_ms: int
    last_ms: int
    pipes: tuple[str, ...]
    sample: str
    trend: tuple[int, ...]


class LogStore:
    """What was read. Safe to share between threads. Raises ServiceFailed when the temporary folder is full."""

    def __init__(self) -> None:
        self._database = LogDatabase()
        self._count = 0
        self._bytes = 0
        self._let_go_ms = 0

    @property
    def records_kept(self) -> int:
        """How many records there are."""
        return self._count

    @property
    def let_go_ms(self) -> int:
        """The time of the newest record that had to leave, in epoch ms; nothing up to it is taken again."""
        return self._let_go_ms

    def add(self, events: Iterable[RawEvent]) -> list[LogRecord]:
        """Keeps what it does not have yet. Returns the new records, the oldest first."""
        with self._changing():
            by_id = {event.event_id: event for event in events if event.at_ms > self._let_go_ms}
            for event_id in self._known(list(by_id)):
                del by_id[event_id]
            new = sorted(by_id.values(), key=lambda event: event.at_ms)
            records = [parse(event.event_id, event.at_ms, event.message) for event in new]
            if records:
                self._insert(new, records)
                self._extend(new, records)
            return records

    def _known(self, event_ids: Sequence[str]) -> Iterator[str]:
        for chunk in _chunks(event_ids):
            for (event_id,) in self._database.rows(
                f"SELECT event_id FROM records WHERE event_id IN ({marks(len(chunk))})", tuple(chunk)
            ):
                yield event_id

    def _insert(self, events: Sequence[RawEvent], records: Sequence[LogRecord]) -> None:
        (last,) = self._database.one("SELECT coalesce(max(id), 0) FROM records")
        sizes = [len(record.raw.encode("utf-8", "replace")) for record in records]
        self._database.change_many(
            "INSERT INTO records VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (last + number, event.event_id, event.at_ms, record.readable, record.pipe, record.execution_id)
                + (record.message_type, record.level, size)
                for number, (event, record, size) in enumerate(zip(events, records, sizes, strict=True), start=1)
            ],
        )
        self._database.change_many(
            "INSERT INTO lines VALUES (?, ?)",
            [(last + number, _storable(record.raw)) for number, record in enumerate(records, start=1)],
        )
        self._count += len(records)
        self._bytes += sum(sizes)

    def _extend(self, events: Sequence[RawEvent], records: Sequence[LogRecord]) -> None:
        found: dict[str, tuple[Execution, set[str], set[str], int]] = {}
        touched = list({record.execution_id for record in records if record.readable})
        for chunk in _chunks(touched):
            for row in self._database.rows(
                f"SELECT types, levels, at_ms, {_EXECUTION_COLUMNS} FROM executions "
                f"WHERE execution_id IN ({marks(len(chunk))})",
                tuple(chunk),
            ):
                found[row[3]] = (_execution(row[3:]), set(row[0].split(",")), set(row[1].split(",")), row[2])
        for event, record in zip(events, records, strict=True):
            if record.readable:
                known, types, levels, at_ms = found.get(record.execution_id, (None, set(), set(), 0))
                found[record.execution_id] = (
                    extended(known, record),
                    types | {record.message_type},
                    levels | {record.level},
                    max(at_ms, event.at_ms),
                )
        self._database.change_many(
            f"INSERT OR REPLACE INTO executions (types, levels, at_ms, signature, {_EXECUTION_COLUMNS}) "
            f"VALUES (?, ?, ?, ?, {marks(len(fields(Execution)))})",
            [
                (_set(types), _set(levels), at_ms, signature(one.error, one.status) if one.error else "", *_values(one))
                for one, types, levels, at_ms in found.values()
            ],
        )
        self._database.change_many(
            "INSERT INTO changes VALUES (?, ?, ?)",
            [
                (record.execution_id, change.sequence_number, change.location)
                for record in records
                if record.readable
                for change in record.changes[:CHANGES_EACH]
            ],
        )

    def trim(self, oldest_ms: int) -> None:
        """Lets go of what is older than a moment, in epoch ms, and of the oldest of what is too much."""
        with self._changing():
            (old,) = self._database.one("SELECT count(*) FROM records WHERE at_ms < ?", oldest_ms)
            self._drop_records(old)
            if self._let_go_ms < oldest_ms:
                self._let_go_ms = 0
            surplus = self._count - CAPACITY
            while surplus > 0 or self._bytes > CAPACITY_BYTES:
                # The newest of them may share its millisecond with records that stay; none of it is taken again.
                self._let_go_ms = self._drop_records(surplus if surplus > 0 else self._count // 20 + 1)
                surplus = self._count - CAPACITY
            self._drop_executions(oldest_ms)

    def _drop_records(self, number: int) -> int:
        """Lets go of the oldest. Returns the time of the newest of them in epoch ms, 0 when there is none."""
        if number <= 0:
            return 0
        oldest = "SELECT id FROM records ORDER BY at_ms, id LIMIT ?"
        count, size, last_ms = self._database.one(
            f"SELECT count(*), sum(size), max(at_ms) FROM records WHERE id IN ({oldest})", number
        )
        self._database.change(f"DELETE FROM lines WHERE id IN ({oldest})", number)
        self._database.change(f"DELETE FROM records WHERE id IN ({oldest})", number)
        self._count -= count
        self._bytes -= size
        return int(last_ms)

    def _drop_executions(self, oldest_ms: int) -> None:
        (count,) = self._database.one("SELECT count(*) FROM executions")
        (old,) = self._database.one("SELECT count(*) FROM executions WHERE at_ms < ?", oldest_ms)
        surplus = max(old, count - EXECUTIONS)
        if surplus > 0:
            oldest = "SELECT execution_id FROM executions ORDER BY at_ms LIMIT ?"
            self._database.change(f"DELETE FROM changes WHERE execution_id IN ({oldest})", surplus)
            self._database.change(f"DELETE FROM executions WHERE execution_id IN ({oldest})", surplus)

    def executions(self, query: LogQuery, limit: int, offset: int = 0) -> tuple[Execution, ...]:
        """The executions that match, the one that started last first."""
        condition = of_executions(query)
        rows = self._database.answer(
            f"SELECT {_EXECUTION_COLUMNS} FROM executions WHERE {condition.sql} "
            "ORDER BY started_ms DESC, execution_id LIMIT ? OFFSET ?",
            (*condition.values, limit, offset),
        )
        return tuple(map(_execution, rows))

    def count_executions(self, query: LogQuery) -> int:
        """How many executions match."""
        return self._counted("executions", of_executions(query))

    def execution(self, execution_id: str) -> Execution | None:
        """The execution with this id, if the log tells of it."""
        rows = self._database.answer(
            f"SELECT {_EXECUTION_COLUMNS} FROM executions WHERE execution_id = ?", (execution_id,)
        )
        return _execution(rows[0]) if rows else None

    def records(self, query: LogQuery, limit: int, offset: int = 0) -> tuple[LogRecord, ...]:
        """The records that match, the newest first, as far as ANSWER_BYTES reach."""
        condition = of_records(query)
        return self._parsed(
            "at_ms DESC, id DESC",
            "SELECT id, event_id, at_ms, size FROM records "
            f"WHERE {condition.sql} ORDER BY at_ms DESC, id DESC LIMIT ? OFFSET ?",
            (*condition.values, limit, offset),
        )

    def count_records(self, query: LogQuery) -> int:
        """How many records match."""
        return self._counted("records", of_records(query))

    def records_of(self, execution_id: str) -> tuple[LogRecord, ...]:
        """The records of one execution that are still kept, in the order of their own times, up to ANSWER_BYTES."""
        found = self._parsed(
            "at_ms, id", "SELECT id, event_id, at_ms, size FROM records WHERE execution_id = ?", (execution_id,)
        )
        return tuple(sorted(found, key=lambda record: record.time_ms))

    def locations_of(self, sequence_numbers: Sequence[str]) -> dict[str, str]:
        """Location by sequence number, for those of which an execution's payload tells."""
        found: dict[str, str] = {}
        for chunk in _chunks(sorted(set(sequence_numbers))):
            rows = self._database.rows(
                "SELECT sequence_number, location FROM changes "
                f"WHERE location <> '' AND sequence_number IN ({marks(len(chunk))})",
                tuple(chunk),
            )
            found.update((number, location) for number, location in rows)
        return found

    def executions_of(self, pipe: str, sequence_numbers: Sequence[str]) -> dict[str, Execution]:
        """A pipe's execution by sequence number, for those stream records of which a payload tells.

        Of several the one that failed last, or the newest when none did.
        """
        found: dict[str, Execution] = {}
        for chunk in _chunks(sorted(set(sequence_numbers))):
            columns = ", ".join(f"executions.{field.name}" for field in fields(Execution))
            rows = self._database.rows(
                f"SELECT changes.sequence_number, {columns} FROM changes JOIN executions USING (execution_id) "
                f"WHERE pipe = ? AND changes.sequence_number IN ({marks(len(chunk))}) "
                "ORDER BY outcome IN ('failed', 'holding'), started_ms",
                (pipe, *chunk),
            )
            found.update((row[0], _execution(row[1:])) for row in rows)
        return found

    def message_types_of(self, execution_ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """The types of the records of each of these executions."""
        found: dict[str, tuple[str, ...]] = {}
        for chunk in _chunks(execution_ids):
            rows = self._database.rows(
                f"SELECT execution_id, types FROM executions WHERE execution_id IN ({marks(len(chunk))})", tuple(chunk)
            )
            found.update((execution_id, tuple(filter(None, types.split(",")))) for execution_id, types in rows)
        return found

    def error_groups(self, query: LogQuery, until_ms: int, limit: int = 100) -> tuple[ErrorGroup, ...]:
        """What the executions that match failed with, the most frequent first; `until_ms` is the trend's end."""
        condition = of_executions(query)
        where = f"{condition.sql} AND signature <> ''"
        rows = self._database.answer(
            "SELECT signature, count(*) AS number, sum(outcome = 'succeeded'), min(started_ms), max(last_ms), "
            f"group_concat(DISTINCT pipe), max(error) FROM executions WHERE {where} "
            "GROUP BY signature ORDER BY number DESC, signature LIMIT ?",
            (*condition.values, limit),
        )
        part_ms = max(1, (until_ms - query.since_ms) // TREND_POINTS)
        trends: dict[str, list[int]] = {row[0]: [0] * TREND_POINTS for row in rows}
        for name, part, number in self._database.answer(
            f"SELECT signature, (last_ms - ?) / ? AS part, count(*) FROM executions WHERE {where} "
            "GROUP BY signature, part",
            (query.since_ms, part_ms, *condition.values),
        ):
            if name in trends:
                trends[name][min(max(part, 0), TREND_POINTS - 1)] += number
        return tuple(
            ErrorGroup(
                name, count, later, first_ms, last_ms, tuple(sorted(pipes.split(","))), sample, tuple(trends[name])
            )
            for name, count, later, first_ms, last_ms, pipes, sample in rows
        )

    def tallies(self, since_ms: int) -> dict[str, PipeTally]:
        """Per pipe, what the executions did that were still going on at `since_ms` or began later."""
        rows = self._database.answer(
            "SELECT pipe, sum(outcome = 'succeeded'), sum(outcome = 'failed'), sum(outcome = 'holding'), "
            "max(CASE outcome WHEN 'succeeded' THEN last_ms ELSE 0 END), "
            "max(CASE outcome WHEN 'failed' THEN last_ms ELSE 0 END) FROM executions WHERE last_ms >= ? GROUP BY pipe",
            (since_ms,),
        )
        # A column beside a lone max() is of the row that has the maximum: SQLite says so.
        errors = self._database.answer(
            "SELECT pipe, error, max(last_ms) FROM executions "
            "WHERE last_ms >= ? AND outcome IN ('failed', 'holding') GROUP BY pipe",
            (since_ms,),
        )
        last_error = {pipe: error for pipe, error, _ in errors}
        return {
            pipe: PipeTally(succeeded, failed, holding, success_ms, failure_ms, last_error.get(pipe, ""))
            for pipe, succeeded, failed, holding, success_ms, failure_ms in rows
        }

    def close(self) -> None:
        """Lets go of everything."""
        self._database.close()

    def _counted(self, table: str, condition: Condition) -> int:
        ((count,),) = self._database.answer(f"SELECT count(*) FROM {table} WHERE {condition.sql}", condition.values)
        return int(count)

    def _parsed(self, order: str, sql: str, values: tuple[Any, ...]) -> tuple[LogRecord, ...]:
        """The records that `sql` chooses, in this order. Not kept as an answer: a line may have 256 KB."""
        rows = self._database.rows(
            "SELECT event_id, at_ms, raw FROM "
            f"(SELECT *, sum(size) OVER (ORDER BY {order}) AS so_far FROM ({sql})) JOIN lines USING (id) "
            f"WHERE so_far <= ? ORDER BY {order}",
            (*values, ANSWER_BYTES),
        )
        return tuple(parse(*row) for row in rows)

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """A change of the tables and of what is counted of them: all of it, or nothing."""
        with self._database.changing():
            before = self._count, self._bytes, self._let_go_ms
            try:
                yield
            except BaseException:
                self._count, self._bytes, self._let_go_ms = before
                raise


def _chunks(values: Sequence[str]) -> Iterator[Sequence[str]]:
    return (values[start : start + _CHUNK] for start in range(0, len(values), _CHUNK))


def _set(words: Iterable[str]) -> str:
    """Words so that `,word,` is found in it."""
    return f",{','.join(sorted(filter(None, words)))},"


def _storable(text: str) -> str:
    """A line that SQLite takes: JSON may not hold lone surrogates, but whoever writes a line may."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _values(one: Execution) -> tuple[Any, ...]:
    short = replace(one, error=one.error[:_ERROR_LENGTH])
    return tuple(
        value.value if isinstance(value, Outcome) else value
        for value in (getattr(short, field.name) for field in fields(Execution))
    )


def _execution(row: Sequence[Any]) -> Execution:
    values = dict(zip((field.name for field in fields(Execution)), row, strict=True))
    return Execution(**values | {"outcome": Outcome(values["outcome"])})
