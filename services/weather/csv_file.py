"""Weather records as CSV: what a file says, row by row, and the file that a spreadsheet can open without harm. Pure.

Temperatures in files are °F, as in the table. A text that a spreadsheet would take for a formula gets an apostrophe
in front when it is written, and loses it when it is read.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from core.errors import InvalidInput
from core.spreadsheets import FORMULA, harmless
from services.weather.table import LABELS, WeatherRecord, check, number_text

#: The columns, as our own files name them -> attribute.
COLUMNS = {
    "location": "Location",
    "max_temp": "MaxTemp",
    "min_temp": "MinTemp",
    "chance": "ChancesOfPrecipitation",
    "ttl": "TTL",
}
#: A file's limits.
MOST_BYTES = 1_000_000
MOST_ROWS = 10_000

_VALUE_SHOWN = 60


@dataclass(frozen=True)
class RowProblem:
    """One thing that is wrong: its line in the file (the header is line 1), column and value, and what is allowed."""

    line: int
    column: str
    value: str
    what: str
    allowed: str


@dataclass(frozen=True)
class CsvFile:
    """The records of a file in its order. They are for use only if there are no problems.

    `unread` names the columns that are not ours, as the header spells them.
    """

    records: tuple[WeatherRecord, ...]
    problems: tuple[RowProblem, ...]
    unread: tuple[str, ...]


def read(content: bytes) -> CsvFile:
    """What a file says. Raises InvalidInput for one that cannot be read as rows of these columns at all."""
    if len(content) > MOST_BYTES:
        raise _refused(f"The file has {len(content):,} bytes.", f"At most {MOST_BYTES:,} are allowed.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _refused(f"Byte {error.start + 1:,} of the file is not UTF-8 text.", "Save it as CSV in UTF-8.") from None
    if "\0" in text:
        raise _refused("The file has zero bytes in it.", "Save it as CSV in UTF-8.")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    try:
        return _rows(reader)
    except csv.Error as error:
        raise _refused(
            f"Line {reader.line_num:,} cannot be read as CSV: {error}.", "Check its quotation marks."
        ) from None


def _delimiter(text: str) -> str:
    header = text.split("\n", 1)[0]
    return ";" if header.count(";") > header.count(",") else ","


def _rows(reader: Iterable[list[str]]) -> CsvFile:
    lines = iter(reader)
    header = next(lines, [])
    attributes = _attributes(header)
    records: list[WeatherRecord] = []
    problems: list[RowProblem] = []
    first_line: dict[str, int] = {}
    rows = 0
    begins = _line_of(reader) + 1
    for row in lines:
        line, begins = begins, _line_of(reader) + 1
        if not any(cell.strip() for cell in row):
            continue
        rows += 1
        if rows > MOST_ROWS:
            raise _refused(f"The file has more than {MOST_ROWS:,} records.", "Split it.")
        record, wrong = _row(row, attributes, line)
        problems += wrong
        if record is None:
            continue
        if record.location in first_line:
            problems.append(
                RowProblem(
                    line,
                    "location",
                    record.location,
                    f"This location is on line {first_line[record.location]:,} already.",
                    "One row for each location.",
                )
            )
            continue
        first_line[record.location] = line
        records.append(record)
    if not rows:
        raise _refused("The file has no record.", "Below the header there is one row for each.")
    unread = tuple(cell.strip() for cell, attribute in zip(header, attributes, strict=True) if not attribute)
    return CsvFile(tuple(records), tuple(problems), unread)


def _line_of(reader: object) -> int:
    """The line that a csv reader has read last: a quoted cell may hold line breaks."""
    return int(getattr(reader, "line_num", 0))


def _attributes(header: list[str]) -> list[str]:
    """The attribute of each column of the file, "" for one that is not ours."""
    known = {**COLUMNS, **{attribute.lower(): attribute for attribute in LABELS}}
    found = [known.get(cell.strip().lower(), "") for cell in header]
    missing = [column for column, attribute in COLUMNS.items() if attribute not in found]
    if missing:
        raise _refused(
            f"The header has no column {', '.join(missing)}.",
            f"The first line is {','.join(COLUMNS)}; the table's attribute names are taken, too.",
        )
    twice = [column for column, attribute in COLUMNS.items() if found.count(attribute) > 1]
    if twice:
        raise _refused(f"The header has column {', '.join(twice)} twice.", "Leave one of each.")
    return found


def _row(row: list[str], attributes: list[str], line: int) -> tuple[WeatherRecord | None, list[RowProblem]]:
    if len(row) != len(attributes):
        what = f"The row has {len(row)} columns, the header {len(attributes)}."
        return None, [RowProblem(line, "", ";".join(row)[:_VALUE_SHOWN], what, "As many as the header.")]
    fields = {name: cell for name, cell in zip(attributes, row, strict=True) if name}
    fields["Location"] = _without_guard(fields["Location"])
    record, problems = check(fields)
    column_of = {attribute: column for column, attribute in COLUMNS.items()}
    return record, [
        RowProblem(line, column_of[name], fields[name][:_VALUE_SHOWN], error.what, error.advice)
        for name, error in problems.items()
    ]


def _refused(what: str, advice: str) -> InvalidInput:
    return InvalidInput("file", what, advice)


def write(rows: Iterable[Mapping[str, str]]) -> bytes:
    """A file of items given as attribute name -> text; what an item does not have is an empty cell."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for row in rows:
        writer.writerow([_safe(row.get(attribute, "")) for attribute in COLUMNS.values()])
    return out.getvalue().encode("utf-8-sig", "replace")


def row_of(record: WeatherRecord) -> dict[str, str]:
    """A record as `write` takes it."""
    return {
        "Location": record.location,
        "MaxTemp": number_text(record.max_temp),
        "MinTemp": number_text(record.min_temp),
        "ChancesOfPrecipitation": number_text(record.chance),
        "TTL": str(record.ttl_s),
    }


def _safe(text: str) -> str:
    """The text of a cell; a number may begin with a minus, any other text that looks like a formula is guarded."""
    return text if _is_number(text) else str(harmless(text))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return not text.startswith(("+", "\t", "\r"))


def _without_guard(text: str) -> str:
    return text[1:] if text.startswith("'") and text[1:].startswith(FORMULA) else text
