"""A view of the live topic in an address: read, refused in words, and written so that a link shows the same."""

from __future__ import annotations

from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InvalidInput
from services.live import address
from services.topic.series import TYPES, WINDOWS, View

locations = st.lists(
    st.text(st.characters(codec="utf-8"), min_size=1, max_size=address.LONGEST_LOCATION),
    max_size=address.MOST_LOCATIONS,
    unique=True,
)


@given(window=st.sampled_from(WINDOWS), named=locations, types=st.lists(st.sampled_from(TYPES), unique=True))
def test_a_link_shows_the_view_that_it_was_made_of(window: object, named: list[str], types: list[str]) -> None:
    shown = address.view(window.key, named, types)  # type: ignore[attr-defined]

    assert address.parse(parse_qsl(address.query(shown), keep_blank_values=True)) == shown


def test_an_address_without_parameters_is_the_whole_topic_of_the_last_five_minutes() -> None:
    assert address.parse([]) == View(address.window("5m"))


def test_the_order_in_which_things_are_named_makes_no_other_view() -> None:
    one = address.parse([("location", "Oslo"), ("location", "Bergen"), ("type", "REMOVE"), ("type", "INSERT")])
    other = address.parse([("type", "INSERT"), ("location", "Bergen"), ("type", "REMOVE"), ("location", "Oslo")])

    assert one == other


@pytest.mark.parametrize(
    ("pairs", "field"),
    [
        ([("window", "9m")], "window"),
        ([("window", "1m"), ("window", "5m")], "window"),
        ([("type", "DROP")], "type"),
        ([("location", "")], "location"),
        ([("location", "x" * 129)], "location"),
        ([("location", "\ud800")], "location"),
        ([("location", str(number)) for number in range(13)], "location"),
        ([("limit", "5")], "query"),
    ],
)
def test_what_is_no_view_is_refused_with_what_would_be_one(pairs: list[tuple[str, str]], field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        address.parse(pairs)

    assert refused.value.field == field
    assert refused.value.advice
