"""The live topic in a browser: by push without a reload, without push, its filters in the address, and its failures."""

from __future__ import annotations

import re
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from core.names import TABLE
from sandbox.state import SandboxState
from services.app.sandbox_admin import SandboxAdmin
from tests.conftest import AwsClients
from tests.support.viewer import cell, expect_no_failure, go_to, main, open_page
from tests.support.wire import item, publish

STREAM = "**/live/updates*"


@pytest.fixture
def town() -> str:
    """A location that no other test has used."""
    return f"Town {uuid.uuid4().hex[:8]}"


@pytest.fixture
def momento_comes_back(sandbox_stack: SandboxState) -> Iterator[SandboxAdmin]:
    """The admin port, which stops and starts Momento; it runs again afterwards."""
    admin = SandboxAdmin(sandbox_stack.admin_url, sandbox_stack.admin_token)
    yield admin
    admin.start_momento()


def board(page: Page, state: str = "live") -> Locator:
    """The board that draws by push, once it is in that state."""
    found = page.locator(f"section.board[data-state={state}]")
    expect(found).to_be_visible()
    return found


def row(part: Locator, town: str) -> Locator:
    """The event of a town in the board's list."""
    return part.locator(".events tbody tr").filter(has_text=town)


def test_a_saved_record_appears_by_push_and_its_event_tells_all_of_it(
    page: Page, dashboard_url: str, aws: AwsClients, town: str, console_errors: list[str]
) -> None:
    open_page(page, dashboard_url, "live-topic")
    live = board(page)
    page.evaluate("() => { window.notReloaded = true }")

    aws.client("dynamodb").put_item(TableName=TABLE, Item=item(town, MaxTemp="61.5"))

    expect(row(live, town)).to_contain_text("INSERT")
    expect(live.locator(".latest tbody tr").filter(has_text=town)).to_contain_text("61.5")
    # What is drawn is told to machines, too.
    expect(live.get_by_role("img", name=re.compile("^Temperatures of "))).to_be_visible()
    expect(live.get_by_role("img", name=re.compile(r"^Events in the last 5 minutes: [\d,]+ INSERT"))).to_be_visible()
    expect(live.get_by_role("table", name="Newest value of each location")).to_be_visible()
    expect(live.get_by_role("table", name="Events of the topic, newest first")).to_be_visible()
    assert page.evaluate("() => window.notReloaded")

    row(live, town).get_by_role("button").click()
    selected = page.locator(".st-key-topic_selected")
    expect(selected).to_contain_text(f'"Location": "{town}"')
    expect(selected.get_by_test_id("stJson")).to_contain_text("61.5")
    expect(row(live, town)).to_have_class("selected")
    selected.get_by_role("link", name="Its executions").click()
    expect(page).to_have_url(re.compile(r"/logs\?record=Town"))
    expect(cell(page, town).first).to_be_attached()
    expect(page.get_by_role("textbox", name="Location")).to_have_value(town)
    expect_no_failure(page, console_errors)


def test_a_deleted_record_is_drawn_as_deleted(page: Page, dashboard_url: str, aws: AwsClients, town: str) -> None:
    dynamodb = aws.client("dynamodb")
    dynamodb.put_item(TableName=TABLE, Item=item(town))
    page.goto(f"{dashboard_url}/live-topic?window=1m&location={town}")
    live = board(page)
    dynamodb.delete_item(TableName=TABLE, Key={"Location": {"S": town}})

    expect(row(live, town).first).to_contain_text("REMOVE")
    temperatures = live.locator("figure.temperatures canvas")
    temperatures.focus()
    page.keyboard.press("ArrowLeft")
    expect(live.locator("figure.temperatures .tip")).to_contain_text("deleted")


def test_the_filters_are_in_the_address_and_a_link_shows_the_same(
    page: Page, dashboard_url: str, aws: AwsClients, town: str
) -> None:
    other = f"Other {town}"
    open_page(page, dashboard_url, "live-topic")
    board(page)
    box = page.get_by_role("combobox", name="Locations")
    box.fill(town)
    page.get_by_role("option").filter(has_text=town).first.click()
    page.keyboard.press("Escape")
    page.get_by_text("15m", exact=True).click()
    expect(page).to_have_url(re.compile("window=15m"))
    expect(page).to_have_url(re.compile("location=Town"))

    page.goto(page.url)

    live = board(page)
    for name in (other, town):
        aws.client("dynamodb").put_item(TableName=TABLE, Item=item(name))
    expect(row(live, town)).to_have_count(1)
    expect(live.get_by_role("img", name=re.compile("in the last 15 minutes")).first).to_be_visible()
    expect(live.locator(".events tbody tr").filter(has_text=other)).to_have_count(0)


def test_a_paused_board_counts_and_shows_what_came_when_it_goes_on(
    page: Page, dashboard_url: str, sandbox_stack: SandboxState
) -> None:
    page.goto(f"{dashboard_url}/live-topic?type=other")
    live = board(page)
    live.get_by_role("button", name="Pause").click()
    paused = board(page, "paused")

    publish(sandbox_stack, "one that is no weather", "and another")

    expect(paused).to_contain_text("Paused, 2 new events")
    shown = paused.locator(".events tbody tr").count()
    paused.get_by_role("button", name="Resume").click()
    expect(board(page).locator(".events tbody tr")).to_have_count(shown + 2)


def test_a_subscription_that_is_lost_is_said_on_the_board_and_it_goes_on(
    page: Page, dashboard_url: str, sandbox_stack: SandboxState, momento_comes_back: SandboxAdmin
) -> None:
    open_page(page, dashboard_url, "live-topic")
    board(page)

    momento_comes_back.stop_momento()
    lost = board(page, "reconnecting")
    expect(lost).to_contain_text("Subscription reconnecting")

    momento_comes_back.start_momento()
    live = board(page)
    odd = "published after the return"
    publish(sandbox_stack, odd)
    expect(live.locator(".events tbody tr").filter(has_text="not JSON").first).to_be_visible()


def test_without_push_the_page_refreshes_by_itself(
    page: Page, dashboard_url: str, aws: AwsClients, town: str, console_errors: list[str]
) -> None:
    page.goto(f"{dashboard_url}/live-topic?push=false&location={town}")
    expect(main(page)).to_contain_text("Refreshing each second")

    aws.client("dynamodb").put_item(TableName=TABLE, Item=item(town))

    expect(cell(page, town).first).to_be_attached()
    expect(page.get_by_test_id("stVegaLiteChart").first).to_be_visible()
    expect(page.locator("section.board")).to_have_count(0)
    expect_no_failure(page, console_errors)


def test_a_browser_that_gets_no_stream_falls_back_and_says_why(page: Page, dashboard_url: str) -> None:
    def refuse(route: Route) -> None:
        route.fulfill(status=503, body="full")

    page.route(STREAM, refuse)

    open_page(page, dashboard_url, "live-topic")

    expect(main(page)).to_contain_text("The dashboard refused this browser's stream of updates.")
    expect(main(page)).to_contain_text("Refreshing each second")


def test_leaving_the_page_closes_its_stream(page: Page, dashboard_url: str) -> None:
    open_page(page, dashboard_url, "live-topic")
    board(page)
    with page.expect_event("requestfailed", lambda request: "/live/updates" in request.url) as ended:
        go_to(page, "Overview")

    assert ended.value


@pytest.mark.parametrize("headers", [{"Origin": "http://evil.example"}, {"Host": "evil.example"}])
def test_a_foreign_page_or_name_gets_no_stream_from_the_running_dashboard(
    dashboard_url: str, headers: dict[str, str]
) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(urllib.request.Request(f"{dashboard_url}/live/updates", headers=headers), timeout=20)

    assert refused.value.code == 403
    assert refused.value.headers["content-security-policy"]
    refused.value.close()
