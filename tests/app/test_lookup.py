"""The page Lookup: reading through, both sides and where they stand, what it saved, load and agreement."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator

import pytest
from streamlit.testing.v1 import AppTest

from core import names
from core.momento_client import MomentoCache
from core.names import CACHE, TABLE
from pages.lookup import load_test
from sandbox.state import SandboxState
from services.app.pipeline import Pipeline
from services.app.runtime import registry
from services.app.sandbox_admin import SandboxAdmin
from services.jobs.jobs import JobState
from tests.conftest import AwsClients, wait_until
from tests.support.screen import metrics, open_page, ran, table, type_into, words
from tests.support.wire import cached, item, momento

pytestmark = pytest.mark.usefixtures("empty_table")


@pytest.fixture
def client(sandbox_target: SandboxState) -> Iterator[MomentoCache]:
    """A client of the run's Momento."""
    with momento(sandbox_target) as client:
        yield client


@pytest.fixture
def stopped_momento(sandbox_target: SandboxState, empty_table: None) -> Iterator[None]:
    """Momento is stopped."""
    admin = SandboxAdmin(sandbox_target.admin_url, sandbox_target.admin_token)
    admin.stop_momento()
    yield
    admin.start_momento()


def pipeline() -> Pipeline:
    """The pipeline that the page in this process works with."""
    return registry().current().pipeline()


def choose(location: str) -> AppTest:
    page = open_page("lookup")
    type_into(page.selectbox(key="lookup_location"), location)
    return page


def compare(location: str) -> AppTest:
    return ran(choose(location).button(key="lookup_go").click())


def read_through(location: str, fill: bool = False) -> AppTest:
    page = choose(location)
    page.checkbox(key="lookup_fill").set_value(fill)
    return ran(page.button(key="lookup_through_go").click())


def open_tab(name: str, page: AppTest | None = None) -> AppTest:
    page = page or open_page("lookup")
    page.session_state["tab"] = name
    return ran(page)


def write_through(aws: AwsClients, client: MomentoCache, location: str, **changed: str) -> None:
    aws.client("dynamodb").put_item(TableName=TABLE, Item=item(location, **changed))
    wait_until(lambda: client.get(CACHE, location).hit, what=f"{location} in the cache")


def boxes(page: AppTest) -> list[str]:
    """The headlines of all boxes."""
    return [box.value for kind in (page.success, page.info, page.warning, page.error) for box in kind]


def compared_until(verdict: str, location: str) -> AppTest:
    """The page once it says so: just after a change a difference may be on its way."""
    page = compare(location)

    def says_so() -> bool:
        if verdict in boxes(page):
            return True
        ran(page.button(key="lookup_go").click())
        return verdict in boxes(page)

    wait_until(says_so, what=verdict)
    return page


def test_a_record_that_came_through_is_a_hit_and_both_sides_agree(aws: AwsClients, client: MomentoCache) -> None:
    write_through(aws, client, "Bergen")

    page = compare("Bergen")

    shown = words(page)
    assert "HIT" in shown
    assert ":green-badge[:material/check: FOUND]" in shown
    assert "The cache and the table agree." in boxes(page)
    assert json.loads(page.json[0].value) == json.loads(cached("Bergen"))
    assert json.loads(page.json[1].value)["TTL"] == "3600"
    assert re.search(r"Expires in: (1:00:00|59:\d\d)", shown)
    assert "Consumed: 1 RCU" in shown
    assert shown.count("Latency: ") == 2
    counted = metrics(open_tab("Hits and misses", page))
    assert (counted["Cache hits"], counted["Cache misses"], counted["DynamoDB reads"]) == ("1", "0", "1")
    assert counted["Reads saved"] == "0", "a look at both sides saves no read"


def test_reading_through_misses_fills_and_hits(aws: AwsClients, client: MomentoCache) -> None:
    write_through(aws, client, "Voss")
    of_the_pipe = client.get(CACHE, "Voss").value
    client.delete(CACHE, "Voss")

    missed = read_through("Voss", fill=True)

    assert [word for word in ("MISS", "FOUND", "FILLED") if word in words(missed)] == ["MISS", "FOUND", "FILLED"]
    assert "so the table was read" in words(missed)
    assert metrics(missed)["Consumed"] == "1 RCU"
    assert re.fullmatch(r"1:00:00|59:\d\d", metrics(missed)["Expires in"])
    assert client.get(CACHE, "Voss").value == of_the_pipe

    hit = ran(missed.button(key="lookup_through_go").click())
    assert "The cache had it: the table was not read." in words(hit)
    assert metrics(hit)["Consumed"] == "0 RCU"
    counted = metrics(open_tab("Hits and misses", hit))
    assert (counted["Cache hits"], counted["Cache misses"], counted["Reads saved"]) == ("1", "1", "1")
    assert counted["Hit rate"] == "50%"
    assert counted["Saved on table reads"].startswith("USD 0.00000")


def test_reading_through_without_a_fill_leaves_the_cache_alone(aws: AwsClients, client: MomentoCache) -> None:
    write_through(aws, client, "Gol")
    client.delete(CACHE, "Gol")

    page = read_through("Gol")

    assert "NOT CACHED" in words(page)
    assert not client.get(CACHE, "Gol").hit


def test_a_viewer_cannot_fill_the_cache(aws: AwsClients, client: MomentoCache, monkeypatch: pytest.MonkeyPatch) -> None:
    write_through(aws, client, "Rjukan")
    client.delete(CACHE, "Rjukan")
    page = choose("Rjukan")
    page.checkbox(key="lookup_fill").set_value(True)
    monkeypatch.setattr("services.app.access.LOOPBACK", frozenset())

    ran(page.button(key="lookup_through_go").click())

    assert "For operators only" in boxes(page)
    assert not client.get(CACHE, "Rjukan").hit


def test_what_is_nowhere_is_a_miss_on_both_sides() -> None:
    page = compare("Atlantis")

    assert "MISS" in words(page)
    assert "NOT FOUND" in words(page)
    assert "Neither the cache nor the table has this location." in boxes(page)
    assert "and neither has the table" in words(read_through("Atlantis", fill=True))


def test_an_item_whose_ttl_momento_refuses_says_why_it_is_never_cached(aws: AwsClients) -> None:
    aws.client("dynamodb").put_item(TableName=TABLE, Item=item("Finse", TTL="86401"))

    page = compare("Finse")

    assert "Only the table has it, and the cache never takes it." in boxes(page)
    assert "Its TTL is 86401 s, above Momento's 86,400 s. The table keeps it." in words(page)


def test_a_record_that_the_cache_lost_is_missing_and_made_right(aws: AwsClients, client: MomentoCache) -> None:
    write_through(aws, client, "Molde")
    client.delete(CACHE, "Molde")

    page = compared_until("Only the table has it, and the cache should.", "Molde")
    assert "with a TTL of 3,600 s" in words(page)

    ran(page.button(key="lookup_repair").click())

    assert boxes(page) == ["Put into the cache.", "The cache and the table agree."]
    assert json.loads(client.get(CACHE, "Molde").value or b"") == json.loads(cached("Molde"))


@pytest.mark.parametrize(
    ("value", "agrees"),
    [
        (cached("Narvik", MaxTemp="71"), False),
        (cached("Narvik", MaxTemp="70.0"), True),
        (b"\x00\xff not JSON", False),
        (b"[]", False),
    ],
)
def test_a_cache_that_says_something_else_than_the_table_differs(
    aws: AwsClients, client: MomentoCache, value: bytes, agrees: bool
) -> None:
    write_through(aws, client, "Narvik")
    client.set(CACHE, "Narvik", value, 60)

    page = compare("Narvik")

    assert any(box.startswith("They differ") for box in boxes(page)) is not agrees
    assert ("The cache and the table agree." in boxes(page)) is agrees


def test_a_cache_item_without_a_record_is_an_orphan_and_is_deleted(client: MomentoCache) -> None:
    client.set(CACHE, "Ghost", cached("Ghost"), 60)

    page = compare("Ghost")
    assert "Only the cache has it." in boxes(page)

    ran(page.button(key="lookup_repair").click())
    assert "Deleted from the cache." in boxes(page)
    assert not client.get(CACHE, "Ghost").hit


def test_a_viewer_is_not_offered_a_repair(client: MomentoCache, monkeypatch: pytest.MonkeyPatch) -> None:
    client.set(CACHE, "Ghost", cached("Ghost"), 60)
    page = compare("Ghost")
    monkeypatch.setattr("services.app.access.LOOPBACK", frozenset())

    ran(page.button(key="lookup_repair").click())

    assert "For operators only" in boxes(page)
    assert [button for button in page.button if button.key == "lookup_repair"] == []
    assert client.get(CACHE, "Ghost").hit
    client.delete(CACHE, "Ghost")


def test_an_item_of_the_table_that_is_no_weather_is_shown_as_it_is(aws: AwsClients) -> None:
    aws.client("dynamodb").put_item(TableName=TABLE, Item={"Location": {"S": "Odd"}, "Photo": {"B": b"\x00\xff"}})

    page = compare("Odd")

    assert any("Photo" in json.loads(shown.value) for shown in page.json)


def test_a_bad_location_is_refused_and_nothing_is_read() -> None:
    page = compare("x" * 2049)

    assert boxes(page) == ["Not accepted"]
    assert "Location is longer than any key in the table." in words(page)
    assert metrics(open_tab("Hits and misses", page))["DynamoDB reads"] == "0"


def test_a_link_shows_the_location_that_it_names(aws: AwsClients, client: MomentoCache) -> None:
    write_through(aws, client, "Kautokeino")
    page = open_page("overview")
    page.query_params["location"] = "Kautokeino"

    ran(page.switch_page("lookup/page.py"))

    assert "Location: Kautokeino" in words(page)
    assert "The cache and the table agree." in boxes(page)


@pytest.mark.usefixtures("stopped_momento")
def test_the_table_is_still_read_when_momento_is_stopped() -> None:
    page = compare("Atlantis")

    assert boxes(page) == ["Unreachable"]
    assert "NOT FOUND" in words(page)

    through = read_through("Atlantis")
    assert "CACHE FAILED" in words(through)
    assert "The cache did not answer, and neither has the table." in words(through)
    assert metrics(open_tab("Hits and misses", through))["DynamoDB reads"] == "2"


def test_a_table_that_is_gone_is_said_on_every_tab(
    sandbox_target: SandboxState, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(names, "TABLE", "no-such-table")

    page = read_through("Atlantis")
    assert "Not found" in boxes(page)
    open_tab("Agreement", page)
    ran(page.button(key="agreement_go").click())
    ended(lambda: pipeline().check_job.job)
    assert "Not found" in boxes(ran(page))


def ended(job: Callable[[], object]) -> None:
    """Waits for a job to end."""
    found = job()
    assert found is not None
    wait_until(lambda: not found.progress.running, what="the job to end")  # type: ignore[attr-defined]


def test_a_load_test_runs_and_its_result_is_there_for_every_viewer(aws: AwsClients, client: MomentoCache) -> None:
    write_through(aws, client, "Load Oslo")
    aws.client("dynamodb").put_item(TableName=TABLE, Item=item("Elsewhere"))
    page = open_tab("Load test")
    page.number_input(key="load_reads").set_value(50)
    page.number_input(key="load_rate").set_value(500)
    page.text_input(key="load_prefix").set_value("Load ")

    ran(next(button for button in page.button if button.label == "Start").click())
    ended(lambda: pipeline().load_job.job)

    for viewer in (ran(page), open_tab("Load test")):
        shown = metrics(viewer)
        assert (shown["Reads"], shown["Hits"], shown["Errors"]) == ("50 of 50", "100.0%", "0")
        assert table(viewer, "Latencies").iloc[0]["Calls"] == "50"
    assert metrics(open_tab("Hits and misses", page))["Reads saved"] == "50"


def start(page: AppTest) -> AppTest:
    """The page after the load test that its form describes has ended."""
    ran(next(button for button in page.button if button.label == "Start").click())
    ended(lambda: pipeline().load_job.job)
    return ran(page)


def test_a_load_test_over_no_keys_is_refused() -> None:
    page = open_tab("Load test")
    page.text_input(key="load_prefix").set_value("Nowhere")

    page = start(page)

    assert boxes(page) == ["Not accepted"]
    assert "No record fits." in words(page)


def test_a_load_test_reads_the_keys_that_are_named_whether_the_table_has_them_or_not(
    aws: AwsClients, client: MomentoCache
) -> None:
    write_through(aws, client, "Named Oslo")
    page = open_tab("Load test")
    page.number_input(key="load_reads").set_value(100)
    page.number_input(key="load_rate").set_value(1_000)
    named = page.multiselect(key="load_named")
    named.options.append("Named Nowhere")
    named.set_value(["Named Oslo", "Named Nowhere"])

    shown = metrics(start(page))

    assert (shown["Reads"], shown["Keys drawn from"]) == ("100 of 100", "2")
    assert int(shown["Hits"].removesuffix("%").split(".")[0]) + int(shown["Not found"]) == 100


def test_a_load_test_draws_from_as_many_records_as_are_wanted(aws: AwsClients) -> None:
    for number in range(4):
        aws.client("dynamodb").put_item(TableName=TABLE, Item=item(f"Many {number}"))
    page = open_tab("Load test")
    page.number_input(key="load_reads").set_value(10)
    page.number_input(key="load_most").set_value(3)

    assert metrics(start(page))["Keys drawn from"] == "3"


def test_a_load_test_that_costs_money_is_confirmed_by_the_tables_name(
    aws: AwsClients, client: MomentoCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_through(aws, client, "Dear Oslo")
    monkeypatch.setattr(load_test, "costs_money", lambda: True)
    page = open_tab("Load test")
    page.number_input(key="load_reads").set_value(10)

    ran(next(button for button in page.button if button.label == "Start").click())
    assert "The table's name was not typed." in words(page)
    assert pipeline().load_job.job is None

    page.text_input(key="load_confirm").set_value(TABLE)
    ran(next(button for button in page.button if button.label == "Start").click())
    ended(lambda: pipeline().load_job.job)


def test_prices_are_the_viewers_own(aws: AwsClients, client: MomentoCache) -> None:
    write_through(aws, client, "Vadsø")
    page = open_tab("Hits and misses", read_through("Vadsø"))
    assert metrics(page)["Saved on table reads"] == "USD 0.000000"

    page.session_state["lookup_usd"] = [1_000_000.0, 0.0]
    open_tab("One record", page)
    open_tab("Hits and misses", page)

    assert metrics(page)["Saved on table reads"] == "USD 1.00"
    assert metrics(page)["Net"] == "USD 1.00"


def test_a_load_test_is_stopped(aws: AwsClients, client: MomentoCache) -> None:
    write_through(aws, client, "Slow Oslo")
    page = open_tab("Load test")
    page.number_input(key="load_reads").set_value(100_000)
    page.number_input(key="load_rate").set_value(1)
    ran(next(button for button in page.button if button.label == "Start").click())

    ran(page.button(key="load_stop").click())
    ended(lambda: pipeline().load_job.job)

    assert "Stopped before its end; this is what was done until then." in boxes(ran(page))


def test_the_whole_table_is_checked_planned_and_made_right(aws: AwsClients, client: MomentoCache) -> None:
    write_through(aws, client, "Hell")
    write_through(aws, client, "Hamar")
    client.set(CACHE, "Hamar", b"yesterday's", 600)
    client.set(CACHE, "Ghost", b"{}", 600)
    page = compare("Ghost")
    # Once the change is some seconds old the check may call the difference what it is.
    compared_until("They differ: the cache is out of date.", "Hamar")
    open_tab("Agreement", page)

    ran(page.button(key="agreement_go").click())
    ended(lambda: pipeline().check_job.job)
    ran(page)

    counted = metrics(page)
    assert (counted["Records"], counted["Equal"], counted["Stale"], counted["Orphaned"]) == ("2", "1", "1", "1")
    rows = table(page, "Keys that are not equal")
    assert dict(zip(rows["Location"], rows["Standing"], strict=True)) == {"Hamar": "stale", "Ghost": "orphaned"}

    ran(page.button(key="agreement_repair").click())
    assert any("2 keys: 1 put, 1 delete" in said.value for said in page.markdown)
    ran(page.button(key="agreement_repair_yes").click())
    ended(lambda: pipeline().repair_job.job)

    shown = metrics(ran(page))
    assert (shown["Put"], shown["Deleted"], shown["Gave up"]) == ("1", "1", "0")
    assert client.get(CACHE, "Hamar").hit
    assert not client.get(CACHE, "Ghost").hit


def test_a_plan_that_is_declined_changes_nothing(client: MomentoCache) -> None:
    client.set(CACHE, "Ghost", b"{}", 600)
    page = open_tab("Agreement", compare("Ghost"))
    ran(page.button(key="agreement_go").click())
    ended(lambda: pipeline().check_job.job)
    ran(ran(page).button(key="agreement_repair").click())

    ran(page.button(key="agreement_repair_no").click())

    assert pipeline().repair_job.job is None
    assert client.get(CACHE, "Ghost").hit
    client.delete(CACHE, "Ghost")


def test_viewers_see_the_result_and_start_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    page = open_tab("Agreement")
    monkeypatch.setattr("services.app.access.LOOPBACK", frozenset())

    ran(page.button(key="agreement_go").click())

    assert "For operators only" in boxes(page)
    assert pipeline().check_job.job is None
    assert "Starting a check is for operators; its result is here for everybody." in boxes(page)
    assert "Starting a load test is for operators." in boxes(open_tab("Load test", page))


def test_a_check_without_momento_fails_in_words(
    aws: AwsClients, client: MomentoCache, request: pytest.FixtureRequest
) -> None:
    write_through(aws, client, "Røros")
    request.getfixturevalue("stopped_momento")
    page = open_tab("Agreement")

    ran(page.button(key="agreement_go").click())
    ended(lambda: pipeline().check_job.job)

    job = pipeline().check_job.job
    assert job is not None
    assert job.progress.state is JobState.FAILED
    assert "Unreachable" in boxes(ran(page))
