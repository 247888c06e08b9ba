"""The dashboard below a path of its own, as behind a proxy that serves more than it: `server.baseUrlPath`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from core.names import TABLE
from sandbox.state import SandboxState
from tests.conftest import AwsClients
from tests.support.dashboards import started_dashboard
from tests.support.viewer import PAGES, expect_no_failure, expect_title, go_to, open_page
from tests.support.wire import item


@pytest.fixture(scope="module")
def url(sandbox_stack: SandboxState, sandbox_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a dashboard below /ops, over the run's sandbox."""
    log = tmp_path_factory.mktemp("below-a-path") / "output.log"
    with started_dashboard(sandbox_dir, log, "--server.baseUrlPath=ops") as started:
        dashboard = replace(started, url=f"{started.url}/ops")
        dashboard.until_healthy()
        yield dashboard.url


def test_every_page_its_links_and_a_download_work_below_a_base_path(
    page: Page, url: str, aws: AwsClients, console_errors: list[str]
) -> None:
    page.goto(url)
    expect_title(page, "Overview")
    # Set up for a proxy it belongs to more than this machine, whatever Host a request names.
    expect(page.get_by_test_id("stSidebar").get_by_text("server.baseUrlPath is set")).to_be_visible()
    page.get_by_role("link", name=re.compile("^Dead-letter queue")).click()
    expect_title(page, "Dead letters")
    for path, title in PAGES.items():
        go_to(page, title)
        assert page.url.split("?")[0].rstrip("/") == f"{url}/{path}".rstrip("/")

    open_page(page, url, "live-topic")
    live = page.locator("section.board[data-state=live]")
    expect(live).to_be_visible()
    aws.client("dynamodb").put_item(TableName=TABLE, Item=item("Below a path"))
    expect(live.locator(".events tbody tr").filter(has_text="Below a path").first).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name="JSON lines").click()
    assert "Below a path" in Path(download.value.path()).read_text(encoding="utf-8")
    expect_no_failure(page, console_errors)
