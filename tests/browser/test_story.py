"""The story that the dashboard is for, told in a browser: enter, event, hit, delete, miss."""

from __future__ import annotations

import uuid

import pytest
from playwright.sync_api import Page, expect

from core.names import TABLE
from tests.conftest import AwsClients
from tests.support.viewer import badge, enter, expect_no_failure, go_to, look_up, main, open_page, pick
from tests.support.wire import item


@pytest.fixture
def town() -> str:
    """A location that no other test has used."""
    return f"Town {uuid.uuid4().hex[:8]}"


def test_a_record_is_entered_seen_as_event_hit_deleted_and_missed(
    page: Page, dashboard_url: str, town: str, console_errors: list[str]
) -> None:
    open_page(page, dashboard_url, "weather")
    enter(page, town, "71.5", "48", "35", "600")
    way = page.locator(".st-key-propagation")
    expect(way).to_contain_text(f"Inserted: {town}")
    for step in ("✓ DynamoDB acknowledged the write", "✓ Topic event received", "✓ Cache item readable"):
        expect(way).to_contain_text(step)

    go_to(page, "Live topic")
    board = page.locator("section.board[data-state=live]")
    expect(board.locator(".events tbody tr").filter(has_text=town)).to_have_count(1, timeout=20_000)
    expect(board.get_by_role("img").first).to_be_visible()

    go_to(page, "Lookup")
    look_up(page, town)
    expect(badge(page, "HIT")).to_be_visible()
    expect(main(page).get_by_text("The cache and the table agree.")).to_be_visible()

    go_to(page, "Weather")
    pick(page, "Record to delete", town)
    page.get_by_role("button", name="Delete record").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text(town)
    dialog.get_by_role("button", name="Delete it").click()
    expect(way).to_contain_text(f"Deleted: {town}")
    expect(way).to_contain_text("✓ Cache item removed")
    expect(dialog).to_have_count(0)

    go_to(page, "Lookup")
    look_up(page, town)
    expect(badge(page, "MISS")).to_be_visible()
    expect(badge(page, "NOT FOUND")).to_be_visible()
    expect_no_failure(page, console_errors)


def test_bad_inputs_are_told_where_they_were_made_and_nothing_is_written(
    page: Page, dashboard_url: str, aws: AwsClients, town: str, console_errors: list[str]
) -> None:
    open_page(page, dashboard_url, "weather")

    enter(page, town, "40", "50", "101", "0")

    for field, message in (
        ("MaxTemp", "below the minimum of 50 °F"),
        ("ChancesOfPrecipitation", "Allowed are 0 to 100 %"),
        ("TTL", "Allowed are 1 to 86400 s"),
    ):
        expect(page.locator(f".st-key-problem_{field}")).to_contain_text(message)
    expect(page.locator(".st-key-problem_Location")).to_have_count(0)
    assert "Item" not in aws.client("dynamodb").get_item(TableName=TABLE, Key={"Location": {"S": town}})

    enter(page, town, "50", "40", "100", "60")
    expect(page.locator(".st-key-propagation")).to_contain_text(f"Inserted: {town}")
    expect(page.get_by_text("Not accepted")).to_have_count(0)
    expect_no_failure(page, console_errors)


def test_a_dialog_that_is_closed_deletes_nothing(page: Page, dashboard_url: str, aws: AwsClients, town: str) -> None:
    key = {"Location": {"S": town}}
    aws.client("dynamodb").put_item(TableName=TABLE, Item=item(town))
    open_page(page, dashboard_url, "weather")
    pick(page, "Record to delete", town)
    page.get_by_role("button", name="Delete record").click()
    expect(page.get_by_role("dialog")).to_contain_text(town)

    page.keyboard.press("Escape")

    expect(page.get_by_role("dialog")).to_have_count(0)
    go_to(page, "Lookup")
    go_to(page, "Weather")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert "Item" in aws.client("dynamodb").get_item(TableName=TABLE, Key=key)
    aws.client("dynamodb").delete_item(TableName=TABLE, Key=key)
