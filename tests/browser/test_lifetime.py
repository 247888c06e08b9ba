"""The sandbox and the dashboards on it, from the first start to every kind of end; each test in its own folder."""

from __future__ import annotations

import os
import signal
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from bench.stack import end, read_state
from sandbox.lock import is_held
from sandbox.state import SandboxState
from tests.conftest import wait_until
from tests.support.dashboards import Dashboard, started_dashboard
from tests.support.viewer import expect_no_failure, expect_title, go_to, main, open_page

#: How long a sandbox may take to come up or to end on a busy machine, in seconds.
PATIENCE_S = 60


@pytest.fixture
def dashboard(tmp_path: Path) -> Iterator[Dashboard]:
    """A dashboard that has just been started, with no sandbox there before it, and none left after the test."""
    folder = tmp_path / "sandbox"
    with started_dashboard(folder, tmp_path / "dashboard.log") as started:
        yield started
    left = read_state(folder)
    if left is not None and is_held(folder):
        os.kill(left.pid, signal.SIGKILL)


def until_ended(folder: Path) -> None:
    wait_until(lambda: not is_held(folder), PATIENCE_S, "the sandbox to end")


def test_a_first_start_shows_its_progress_and_a_sandbox_that_was_killed_comes_back_by_a_button(
    page: Page, dashboard: Dashboard, console_errors: list[str]
) -> None:
    starting: SandboxState = wait_until(
        lambda: (state := read_state(dashboard.folder)) and not state.ready and state, PATIENCE_S, "a start under way"
    )
    # Held there, so that the page is seen on the way up however fast the sandbox is.
    os.kill(starting.pid, signal.SIGSTOP)
    try:
        dashboard.until_healthy()
        page.goto(dashboard.url)
        expect_title(page, "Starting the sandbox")
        expect(main(page).get_by_role("progressbar")).to_be_visible()
        for part in starting.parts:
            expect(main(page).get_by_text(f"{part.name}: ")).to_be_visible()
    finally:
        os.kill(starting.pid, signal.SIGCONT)
    expect_title(page, "Overview", PATIENCE_S)
    expect(main(page).get_by_text("Nothing beside the pipes")).to_be_visible()

    os.kill(starting.pid, signal.SIGKILL)
    expect(main(page).get_by_text("The sandbox is not running", exact=True)).to_be_visible()
    expect(page.get_by_test_id("stSidebar").get_by_text("Sandbox: not running")).to_be_visible()

    page.get_by_role("link", name="Lookup").click()
    expect_title(page, "The sandbox is not running")
    page.get_by_role("button", name="Start the sandbox").click()
    expect_title(page, "Lookup", PATIENCE_S)
    go_to(page, "Overview")
    expect(main(page).get_by_text("Nothing beside the pipes")).to_be_visible()
    assert dashboard.until_sandbox_ready().instance != starting.instance
    expect_no_failure(page, console_errors)


def test_a_second_dashboard_joins_the_sandbox_and_leaves_it_to_the_first_which_ends_it(
    page: Page, dashboard: Dashboard, tmp_path: Path, console_errors: list[str]
) -> None:
    dashboard.until_healthy()
    running = dashboard.until_sandbox_ready()
    with started_dashboard(dashboard.folder, tmp_path / "second.log") as second:
        second.until_healthy()
        open_page(page, second.url, "")
        page.get_by_text("Endpoints").click()
        expect(page.get_by_test_id("stSidebar").get_by_text(running.aws_endpoint)).to_be_visible()
        expect_no_failure(page, console_errors)
    still = dashboard.until_sandbox_ready()
    assert (still.instance, still.pid) == (running.instance, running.pid)

    end(dashboard.process)

    until_ended(dashboard.folder)


def test_a_sandbox_ends_with_its_dashboard_though_that_one_is_killed(dashboard: Dashboard) -> None:
    dashboard.until_healthy()
    dashboard.until_sandbox_ready()

    dashboard.process.kill()
    dashboard.process.wait(PATIENCE_S)

    until_ended(dashboard.folder)


@pytest.mark.parametrize("last", [signal.SIGINT, signal.SIGTERM])
def test_open_streams_do_not_keep_a_dashboard_and_its_sandbox_from_ending(
    dashboard: Dashboard, last: signal.Signals
) -> None:
    dashboard.until_healthy()
    dashboard.until_sandbox_ready()
    with urllib.request.urlopen(f"{dashboard.url}/live/updates", timeout=PATIENCE_S) as stream:
        while not stream.readline().startswith(b"event: "):
            pass

        dashboard.process.send_signal(last)
        dashboard.process.wait(PATIENCE_S)

        # To its end, which is one: a stream that was cut off raises IncompleteRead.
        stream.read()
    until_ended(dashboard.folder)
