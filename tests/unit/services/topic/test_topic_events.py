"""What a topic message says, from our pipe and from anyone else."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.topic.events import PayloadKind, TopicEvent, parse_event

OSLO = {
    "EventType": "INSERT",
    "Location": "Oslo",
    "MaxTemp": "70",
    "MinTemp": "50.5",
    "ChancesOfPrecipitation": "10",
}


def parsed(raw: str | bytes) -> TopicEvent:
    return parse_event(raw, sequence=7, page=3, received_at=1.5)


def test_an_event_of_the_pipe_is_read_whole() -> None:
    raw = json.dumps(OSLO)

    assert parsed(raw) == TopicEvent(
        received_at=1.5,
        sequence=7,
        page=3,
        kind=PayloadKind.TEXT,
        raw=raw,
        event_type="INSERT",
        location="Oslo",
        max_temp=70.0,
        min_temp=50.5,
        chance=10.0,
        problem=None,
    )


def test_a_binary_event_is_read_and_stays_binary() -> None:
    event = parsed(json.dumps(OSLO).encode())

    assert (event.kind, event.location, event.problem) == (PayloadKind.BINARY, "Oslo", None)


def test_a_removal_has_no_numbers_and_no_problem() -> None:
    event = parsed(
        json.dumps(OSLO | {"EventType": "REMOVE", "MaxTemp": "", "MinTemp": "", "ChancesOfPrecipitation": ""})
    )

    assert (event.event_type, event.max_temp, event.chance, event.problem) == ("REMOVE", None, None, None)


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        ("", "empty"),
        (b"", "empty"),
        ("hello", "not JSON"),
        (b"\xff\xfe", "binary, not text"),
        ("[1, 2]", "not a JSON object"),
        ("null", "not a JSON object"),
        ("{}", "not a weather event"),
        ("[" * 100_000, "not JSON"),
        (json.dumps(OSLO | {"EventType": "insert"}), "not a weather event"),
        (json.dumps(OSLO | {"EventType": ["INSERT"]}), "not a weather event"),
        (json.dumps(OSLO | {"Location": ""}), "not a weather event"),
        (json.dumps(OSLO | {"MaxTemp": "hot"}), "a number is missing or unreadable"),
        (json.dumps(OSLO | {"MinTemp": "NaN"}), "a number is missing or unreadable"),
        (json.dumps(OSLO | {"ChancesOfPrecipitation": True}), "a number is missing or unreadable"),
    ],
)
def test_anything_else_is_kept_with_its_problem(raw: str | bytes, problem: str) -> None:
    event = parsed(raw)

    assert (event.raw, event.problem) == (raw, problem)


def test_what_can_be_read_of_a_bad_event_is_read() -> None:
    event = parsed(json.dumps(OSLO | {"MaxTemp": "hot"}))

    assert (event.location, event.max_temp, event.min_temp) == ("Oslo", None, 50.5)


def test_a_location_can_always_be_sent_to_a_browser() -> None:
    event = parsed('{"EventType": "REMOVE", "Location": "\\ud800Oslo"}')

    assert event.location is not None
    assert event.location.encode() == b"?Oslo"


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
payloads = (
    st.text()
    | st.binary()
    | st.dictionaries(st.sampled_from(sorted(OSLO)), scalars | st.lists(scalars)).map(json.dumps)
)


@given(payloads)
def test_no_payload_makes_it_raise(raw: str | bytes) -> None:
    assert parsed(raw).raw == raw
