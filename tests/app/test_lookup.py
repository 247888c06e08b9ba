"""The page Lookup: hit or miss, both sides, and whether they agree."""

from __future__ import annotations

import json

import pytest
from streamlit.testing.v1 import AppTest

from provision.names import CACHE, TABLE
from sandbox.state import SandboxState
from services.momento import MomentoCache
from services.sandbox_admin import SandboxAdmin
from tests.app.screen import metrics, open_page, ran, type_into, words
from tests.app.wire import cached, item, momento
from tests.conftest import AwsClients, wait_until

pytestmark = pytest.mark.usefixtures("empty_table")


def look_up(location: str) -> AppTest:
    page = open_page("lookup")
    type_into(page.selectbox(key="lookup_location"), location)
    return ran(page.button(key="lookup_go").click())


def write_through(aws: AwsClients, client: MomentoCache, location: str, **changed: str) -> None:
    aws.client("dynamodb").put_item(TableName=TABLE, Item=item(location, **changed))
    wait_until(lambda: client.get(CACHE, location).hit, what=f"{location} in the cache")


def test_a_record_that_came_through_is_a_hit_and_both_sides_agree(
    aws: AwsClients, sandbox_target: SandboxState
) -> None:
    with momento(sandbox_target) as client:
        write_through(aws, client, "Bergen")

    page = look_up("Bergen")

    shown = words(page)
    assert "HIT" in shown
    assert ":green-badge[:material/check: FOUND]" in shown
    assert "The cache and the table agree." in [box.value for box in page.success]
    assert json.loads(page.json[0].value) == json.loads(cached("Bergen"))
    assert json.loads(page.json[1].value)["TTL"] == "3600"
    assert "Expires in: 59 min" in shown
    assert "Consumed: 1 RCU" in shown
    assert shown.count("Latency: ") == 2
    counted = metrics(page)
    assert (counted["Cache hits"], counted["Cache misses"], counted["DynamoDB reads"]) == ("1", "0", "1")


def test_what_is_nowhere_is_a_miss_on_both_sides() -> None:
    page = look_up("Atlantis")

    shown = words(page)
    assert "MISS" in shown
    assert "NOT FOUND" in shown
    assert "Neither the cache nor the table has this location." in [box.value for box in page.info]
    assert (metrics(page)["Cache hits"], metrics(page)["Cache misses"]) == ("0", "1")


def test_a_record_that_the_cache_has_forgotten_is_in_the_table_only(
    aws: AwsClients, sandbox_target: SandboxState
) -> None:
    with momento(sandbox_target) as client:
        write_through(aws, client, "Molde")
        client.delete(CACHE, "Molde")

    page = look_up("Molde")

    assert "MISS" in words(page)
    assert page.warning[0].value.startswith("Only the table has it")


@pytest.mark.parametrize(
    ("value", "verdict"),
    [
        (cached("Narvik", MaxTemp="71"), "They differ"),
        (cached("Narvik", MaxTemp="70.0"), ""),
        (b"\x00\xff not JSON", "They differ"),
        (b"[]", "They differ"),
    ],
)
def test_a_cache_that_says_something_else_than_the_table_is_a_problem(
    aws: AwsClients, sandbox_target: SandboxState, value: bytes, verdict: str
) -> None:
    with momento(sandbox_target) as client:
        write_through(aws, client, "Narvik")
        client.set(CACHE, "Narvik", value, 60)

    page = look_up("Narvik")

    assert [box.value.startswith(verdict) for box in page.error] == ([True] if verdict else [])


def test_a_cache_item_without_a_record_is_a_problem(sandbox_target: SandboxState) -> None:
    with momento(sandbox_target) as client:
        client.set(CACHE, "Ghost", cached("Ghost"), 60)

        page = look_up("Ghost")
        client.delete(CACHE, "Ghost")

    assert page.error[0].value.startswith("Only the cache has it")


def test_an_item_of_the_table_that_is_no_weather_is_shown_as_it_is(aws: AwsClients) -> None:
    aws.client("dynamodb").put_item(TableName=TABLE, Item={"Location": {"S": "Odd"}, "Photo": {"B": b"\x00\xff"}})

    page = look_up("Odd")

    assert any("Photo" in json.loads(shown.value) for shown in page.json)


def test_a_bad_location_is_refused_and_nothing_is_read() -> None:
    page = look_up("x" * 2049)

    assert [box.value for box in page.error] == ["Not accepted"]
    assert "Location is longer than any key in the table." in words(page)
    assert metrics(page)["DynamoDB reads"] == "0"


def test_the_table_is_still_read_when_momento_is_stopped(own_target: SandboxState) -> None:
    admin = SandboxAdmin(own_target.admin_url)
    admin.stop_momento()
    try:
        page = look_up("Atlantis")
    finally:
        admin.start_momento()

    assert [box.value for box in page.error] == ["Unreachable"]
    assert "NOT FOUND" in words(page)
    assert metrics(page)["DynamoDB reads"] == "1"
