"""Events as files: what goes in comes out, and no spreadsheet runs it."""

import csv
import io
import json

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.topic.events import parse_event
from services.topic.export import COLUMNS, to_csv, to_json_lines, to_parquet

RAW = json.dumps(
    {"EventType": "MODIFY", "Location": "Tromsø", "MaxTemp": "41.5", "MinTemp": "-3", "ChancesOfPrecipitation": "80"},
    ensure_ascii=False,
)
EVENTS = (
    parse_event(RAW, 7, 1_763_770_000, 1_763_770_123.456),
    parse_event('{"EventType": "REMOVE", "Location": "Tromsø", "MaxTemp": ""}', 8, 1_763_770_000, 1_763_770_124.0),
    parse_event(b"\xff\x00\x01", 9, 1_763_770_000, 1_763_770_125.0),
)


def rows_of(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def test_csv_has_a_row_for_each_event() -> None:
    first, removed, binary = rows_of(to_csv(EVENTS))

    assert tuple(first) == COLUMNS
    assert first["received_at"] == "2025-11-22T00:08:43.456+00:00"
    assert (first["page"], first["sequence"], first["event_type"]) == ("1763770000", "7", "MODIFY")
    assert (first["location"], first["max_temp"], first["min_temp"], first["payload"]) == (
        "Tromsø",
        "41.5",
        "-3.0",
        RAW,
    )
    assert (removed["event_type"], removed["max_temp"]) == ("REMOVE", "")
    assert (binary["kind"], binary["payload"]) == ("hex", "ff0001")


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n"])
def test_no_text_of_a_csv_is_a_formula(start: str) -> None:
    hostile = f'{start}HYPERLINK("http://x","y")'
    events = [parse_event(hostile, 1, 1, 0.0), parse_event(json.dumps({"Location": hostile}), 2, 1, 0.0)]

    payload, location = rows_of(to_csv(events))

    assert payload["payload"] == f"'{hostile}"
    assert location["location"] == f"'{hostile}"


def test_a_negative_temperature_stays_a_number_in_csv() -> None:
    assert rows_of(to_csv(EVENTS))[0]["min_temp"] == "-3.0"


def test_json_lines_keep_the_types() -> None:
    lines = [json.loads(line) for line in to_json_lines(EVENTS).decode().splitlines()]

    assert [line["sequence"] for line in lines] == [7, 8, 9]
    assert (lines[0]["min_temp"], lines[1]["min_temp"], lines[2]["location"]) == (-3.0, None, None)
    assert lines[0]["payload"] == RAW


def test_parquet_keeps_times_numbers_and_what_is_unknown() -> None:
    frame = pd.read_parquet(io.BytesIO(to_parquet(EVENTS)))

    assert list(frame.columns) == list(COLUMNS)
    assert frame["received_at"][0] == pd.Timestamp("2025-11-22T00:08:43.456", tz="UTC")
    assert frame["min_temp"][0] == -3.0
    assert pd.isna(frame["min_temp"][1])
    assert pd.isna(frame["location"][2])
    assert list(frame["sequence"]) == [7, 8, 9]


def test_no_event_makes_a_file_with_its_columns_only() -> None:
    assert rows_of(to_csv(())) == []
    assert to_json_lines(()) == b""
    empty = pd.read_parquet(io.BytesIO(to_parquet(())))
    assert (list(empty.columns), len(empty)) == (list(COLUMNS), 0)


def test_the_largest_numbers_that_momento_can_send_are_exported() -> None:
    frame = pd.read_parquet(io.BytesIO(to_parquet([parse_event("", 2**64 - 1, 2**64 - 1, 0.0)])))

    assert (frame["sequence"][0], frame["page"][0]) == (2**64 - 1, 2**64 - 1)


payloads = st.text(st.characters(exclude_categories=("Cs",)), max_size=30) | st.binary(max_size=10)


@given(st.lists(payloads, max_size=8))
def test_any_payload_comes_back(raws: list[str | bytes]) -> None:
    events = [parse_event(raw, number, 1, 0.0) for number, raw in enumerate(raws)]

    def read(kind: str, payload: str) -> str | bytes:
        return payload if kind == "text" else bytes.fromhex(payload)

    lines = [json.loads(line) for line in to_json_lines(events).decode().split("\n")[:-1]]
    frame = pd.read_parquet(io.BytesIO(to_parquet(events)))
    assert [read(line["kind"], line["payload"]) for line in lines] == raws
    assert [read(*pair) for pair in zip(frame["kind"], frame["payload"], strict=True)] == raws
    texts = [(row["kind"], row["payload"]) for row in rows_of(to_csv(events))]
    assert [read(kind, text) for kind, text in texts if not text.startswith("'")] == [
        raw for raw in raws if isinstance(raw, bytes) or not raw.startswith(("=", "+", "-", "@", "\t", "\r", "\n", "'"))
    ]
