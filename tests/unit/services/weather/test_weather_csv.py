"""CSV files of weather records: what is read, every reason for a refusal, and what a spreadsheet may open."""

from __future__ import annotations

from decimal import Decimal

import pytest

from core.errors import InvalidInput
from services.weather import csv_file
from services.weather.csv_file import RowProblem
from services.weather.table import WeatherRecord

HEADER = "location,max_temp,min_temp,chance,ttl\n"
OSLO = WeatherRecord("Oslo", Decimal("61.5"), Decimal(48), Decimal(35), 600)


@pytest.mark.parametrize(
    "text",
    [
        HEADER + "Oslo,61.5,48,35,600\n",
        "\ufeff" + HEADER + "Oslo,61.5,48,35,600",
        "Location;MaxTemp;MinTemp;ChancesOfPrecipitation;TTL\r\nOslo;61.5;48;35;600\r\n",
        "TTL,note,chance,MIN_TEMP,max_temp,location\n600,windy,35,48.0,61.50,  Oslo \n\n,,,,,\n",
        HEADER + '"Oslo","61.5","48","35","600"\n',
    ],
    ids=["ours", "with a BOM", "semicolons and attribute names", "other order, another column, blank rows", "quoted"],
)
def test_a_file_is_read_in_each_of_its_spellings(text: str) -> None:
    found = csv_file.read(text.encode())

    assert (found.records, found.problems) == ((OSLO,), ())


def test_columns_that_are_not_ours_are_named() -> None:
    found = csv_file.read(b"TTL, Note ,chance,min_temp,max_temp,location,\n600,windy,35,48,61.5,Oslo,\n")

    assert (found.records, found.unread) == ((OSLO,), ("Note", ""))


def test_every_problem_of_every_row_is_told_with_its_line_column_value_and_what_is_allowed() -> None:
    text = HEADER + 'Oslo,61.5,48,35,600\n\nBergen,warm,48,101,600\n"Sk\nien",50,60,5,0\nOslo,1,0,0,60\nRøros,1,2\n'

    found = csv_file.read(text.encode())

    assert found.records == (OSLO,)
    assert found.problems == (
        RowProblem(4, "max_temp", "warm", "Maximum temperature is 'warm', which is not a number.", "Enter a number."),
        RowProblem(4, "chance", "101", "Chance of precipitation is 101 %.", "Allowed are 0 to 100 %."),
        RowProblem(5, "location", "Sk\nien", "Location has an invisible character in it.", "Type it again."),
        RowProblem(5, "ttl", "0", "Time to live in the cache is 0 s.", "Allowed are 1 to 86400 s."),
        RowProblem(
            5,
            "max_temp",
            "50",
            "Maximum temperature is 50 °F, below the minimum of 60 °F.",
            "It must be at least the minimum.",
        ),
        RowProblem(7, "location", "Oslo", "This location is on line 2 already.", "One row for each location."),
        RowProblem(8, "", "Røros;1;2", "The row has 3 columns, the header 5.", "As many as the header."),
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "The header has no column location, max_temp, min_temp, chance, ttl."),
        (b"location,max_temp,min_temp,chance\nOslo,1,0,0\n", "The header has no column ttl."),
        (b"location,Location,max_temp,min_temp,chance,ttl\n", "The header has column location twice."),
        (HEADER.encode(), "The file has no record."),
        ("location;max_temp;min_temp;chance;ttl\nK\u00f8ge;1;0;0;60".encode("latin-1"), "is not UTF-8 text."),
        (b"PK\x03\x04\x00\x00", "The file has zero bytes in it."),
        (HEADER.encode() + b'"Oslo,1,0,0,60\n', "cannot be read as CSV"),
        (HEADER.encode() + b"Oslo,1,0,0,60\n" * 10_001, "The file has more than 10,000 records."),
        (HEADER.encode() + b"x" * 1_000_000, "The file has 1,000,038 bytes."),
    ],
)
def test_what_is_no_such_file_is_refused_as_a_whole(content: bytes, message: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        csv_file.read(content)

    assert message in refusal.value.what


def test_what_is_written_is_read_back() -> None:
    records = (OSLO, WeatherRecord("=1+1", Decimal(-4), Decimal("-4.25"), Decimal(0), 60))

    content = csv_file.write(csv_file.row_of(record) for record in records)

    assert csv_file.read(content).records == records


@pytest.mark.parametrize("text", ["=HYPERLINK(1)", "+1", "-1+2", "@SUM(A1)", "-inf x"])
def test_no_cell_is_a_formula_for_a_spreadsheet(text: str) -> None:
    lines = csv_file.write([{"Location": text, "MaxTemp": "-4.5"}]).decode("utf-8-sig").splitlines()

    assert lines == ["location,max_temp,min_temp,chance,ttl", f"'{text},-4.5,,,"]
