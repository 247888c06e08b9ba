"""The document of a cache item is the one that the cache-put pipe writes, byte for byte."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import names
from provision import stack
from sandbox.pipes.syntax.templates import PipeVariables, compile_template
from services.cache.document import document, never_cached

CACHE_PUT = next(flow for flow in stack.flows(names.StackNames()) if flow.name == names.CACHE_PUT)
TEMPLATE = compile_template(CACHE_PUT.template, PipeVariables("", "", "", ""))

NUMBER = st.decimals(allow_nan=False, allow_infinity=False, places=2, min_value=-500, max_value=500).map(str)
ATTRIBUTE = st.one_of(
    NUMBER.map(lambda number: {"N": number}),
    st.just({"S": "seventy"}),
    st.just({"NULL": True}),
    st.just({"BOOL": False}),
)


def item(**attributes: Any) -> dict[str, Any]:
    """An item of Oslo with an hour to live."""
    return {
        "Location": {"S": "Oslo"},
        "MaxTemp": {"N": "70"},
        "MinTemp": {"N": "50.5"},
        "TTL": {"N": "3600"},
        **attributes,
    }


def of_the_pipe(image: dict[str, Any]) -> bytes:
    """What the pipe makes of a PUT of that item."""
    event = {"eventName": "INSERT", "dynamodb": {"Keys": {"Location": image["Location"]}, "NewImage": image}}
    return TEMPLATE.render(event).encode()


@given(
    st.text(st.characters(codec="utf-8"), min_size=1),
    st.dictionaries(st.sampled_from(["MaxTemp", "MinTemp", "ChancesOfPrecipitation", "Photo"]), ATTRIBUTE),
)
def test_the_document_is_the_pipes(location: str, attributes: dict[str, Any]) -> None:
    image = {"Location": {"S": location}, **attributes, "TTL": {"N": "60"}}

    made = document(image)

    assert made is not None
    assert made.body == of_the_pipe(image)


@pytest.mark.parametrize(("ttl", "seconds"), [("1", 1), ("60", 60), ("86400", 86_400)])
def test_the_lifetime_is_the_items_ttl(ttl: str, seconds: int) -> None:
    made = document(item(TTL={"N": ttl}))

    assert made is not None
    assert made.ttl_s == seconds


@pytest.mark.parametrize(
    ("ttl", "why"),
    [
        ({"N": "0"}, "Its TTL is 0 s"),
        ({"N": "86401"}, "above Momento's 86,400 s"),
        ({"N": "9" * 38}, "above Momento's 86,400 s"),
        ({"N": "-1"}, "whole seconds"),
        ({"N": "1.5"}, "whole seconds"),
        ({"N": "²"}, "whole seconds"),
        ({"S": "60"}, "has no number TTL"),
        ({}, "has no number TTL"),
    ],
)
def test_an_item_that_momento_refuses_has_no_document_and_a_reason(ttl: dict[str, str], why: str) -> None:
    assert document(item(TTL=ttl)) is None
    assert why in never_cached(item(TTL=ttl))


def test_an_item_without_the_attribute_has_no_document() -> None:
    assert document({"Location": {"S": "Oslo"}}) is None
