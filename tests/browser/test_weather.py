"""The page Weather in a browser: edit a cell, meet another writer, delete many, write a file."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from core.names import TABLE
from tests.conftest import AwsClients, wait_until
from tests.support.viewer import cell, expect_no_failure, main, open_page
from tests.support.wire import item

#: Height of a table's rows, its header included, in pixels.
ROW = 35
HEADER = "location,max_temp,min_temp,chance,ttl\n"


@pytest.fixture
def towns() -> list[str]:
    """Three locations that no other test has used, in the order in which the page shows them."""
    word = uuid.uuid4().hex[:8]
    return [f"{word} {name}" for name in ("Bergen", "Oslo", "Voss")]


def put(aws: AwsClients, *records: dict[str, Any]) -> None:
    for record in records:
        aws.client("dynamodb").put_item(TableName=TABLE, Item=record)


def stored(aws: AwsClients, location: str) -> dict[str, Any] | None:
    found: dict[str, Any] | None = (
        aws.client("dynamodb").get_item(TableName=TABLE, Key={"Location": {"S": location}}).get("Item")
    )
    return found


def find(page: Page, prefix: str, count: int) -> Locator:
    """The table with what begins so."""
    page.get_by_role("textbox", name="Find names that begin with").fill(prefix)
    page.get_by_role("button", name="Find", exact=True).click()
    expect(main(page).get_by_text(f"{count} found,")).to_be_visible()
    return page.get_by_test_id("stDataFrame").last


def edit_maximum(page: Page, grid: Locator, row: int, value: str) -> None:
    """Types a maximum into a row: its cell is the second one right of the box that selects the row."""
    grid.click(position={"x": 12, "y": ROW * (row + 1.5)})
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.locator(".gdg-input").fill(value)
    page.keyboard.press("Enter")


def test_a_cell_is_edited_saved_and_followed(
    page: Page, dashboard_url: str, aws: AwsClients, towns: list[str], console_errors: list[str]
) -> None:
    put(aws, *(item(town) for town in towns))
    open_page(page, dashboard_url, "weather")
    grid = find(page, towns[0][:8], 3)

    edit_maximum(page, grid, 1, "77.5")
    page.get_by_role("button", name="Save 1 changed row").click()

    expect(page.locator(".st-key-propagation")).to_contain_text(f"Updated: {towns[1]}")
    expect(page.locator(".st-key-propagation")).to_contain_text("✓ cache-put succeeded")
    expect(cell(page, "77.5")).to_have_count(1)
    assert stored(aws, towns[1]) == item(towns[1], MaxTemp="77.5")
    expect_no_failure(page, console_errors)


def test_another_writer_is_not_overwritten_until_one_says_so(
    page: Page, dashboard_url: str, aws: AwsClients, towns: list[str], console_errors: list[str]
) -> None:
    put(aws, *(item(town) for town in towns))
    open_page(page, dashboard_url, "weather")
    grid = find(page, towns[0][:8], 3)
    edit_maximum(page, grid, 0, "75")
    save = page.get_by_role("button", name="Save 1 changed row")
    expect(save).to_be_enabled()
    put(aws, item(towns[0], MaxTemp="66"))

    save.click()

    conflict = page.locator(".st-key-conflict_0")
    expect(conflict).to_contain_text("Somebody changed this record since you loaded it. Nothing was written.")
    expect(conflict).to_contain_text(towns[0])
    expect(cell(page, "75 °F")).to_have_count(1)
    expect(cell(page, "66 °F")).to_have_count(1)
    assert stored(aws, towns[0]) == item(towns[0], MaxTemp="66")

    conflict.get_by_role("button", name="Write mine over it").click()
    expect(page.locator(".st-key-propagation")).to_contain_text(f"Updated: {towns[0]}")
    expect(conflict).to_have_count(0)
    assert stored(aws, towns[0]) == item(towns[0], MaxTemp="75")
    expect_no_failure(page, console_errors)


def test_many_records_are_selected_and_deleted(
    page: Page, dashboard_url: str, aws: AwsClients, towns: list[str], console_errors: list[str]
) -> None:
    put(aws, *(item(town) for town in towns))
    open_page(page, dashboard_url, "weather")
    grid = find(page, towns[0][:8], 3)
    for row in (0, 2):
        grid.click(position={"x": 12, "y": ROW * (row + 1.5)})
        page.keyboard.press("Space")

    page.get_by_role("button", name="Delete 2 records").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text(towns[0])
    expect(dialog).to_contain_text(towns[2])
    expect(dialog).not_to_contain_text(towns[1])
    dialog.get_by_role("button", name="Delete them").click()

    expect(page.locator(".st-key-weather_job_box")).to_contain_text("2 done")
    expect(dialog).to_have_count(0)
    wait_until(lambda: [stored(aws, town) is None for town in towns] == [True, False, True], what="the two to be gone")
    expect(cell(page, towns[1])).to_have_count(1)
    expect(cell(page, towns[0])).to_have_count(0)
    expect_no_failure(page, console_errors)


def upload(page: Page, text: str) -> None:
    page.locator("input[type=file]").set_input_files(
        {"name": "records.csv", "mimeType": "text/csv", "buffer": text.encode()}
    )


def test_a_file_with_errors_is_refused_row_by_row_and_a_right_one_is_written(
    page: Page, dashboard_url: str, aws: AwsClients, towns: list[str], console_errors: list[str]
) -> None:
    open_page(page, dashboard_url, "weather")
    right = [f"{town},70,50,10,3600\n" for town in towns]

    upload(page, HEADER + right[0] + f"{towns[1]},warm,50,10,3600\n")
    expect(page.locator(".st-key-file_problems")).to_contain_text("1 problem; nothing was written")
    expect(cell(page, "warm")).to_have_count(1)
    assert stored(aws, towns[0]) is None

    upload(page, HEADER + "".join(right))
    expect(page.locator(".st-key-file_problems")).to_have_count(0)
    page.get_by_role("button", name="Write 3 records").click()

    expect(page.locator(".st-key-weather_job_box")).to_contain_text("3 done")
    assert [stored(aws, town) for town in towns] == [item(town) for town in towns]
    expect_no_failure(page, console_errors)


def test_the_unit_is_in_the_address(page: Page, dashboard_url: str, console_errors: list[str]) -> None:
    open_page(page, dashboard_url, "weather")
    page.get_by_test_id("stRadio").get_by_text("°C").click()

    expect(page.get_by_role("spinbutton", name="Maximum temperature, °C")).to_be_visible()
    page.wait_for_url("**/weather?unit=*")
    page.reload()
    expect(page.get_by_role("spinbutton", name="Maximum temperature, °C")).to_be_visible()
    expect_no_failure(page, console_errors)
