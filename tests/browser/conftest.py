"""A real dashboard in a real browser, over the run's sandbox.

Playwright's loop counts as running for as long as it is started, and no asyncio test could run beside it: everything
of it is package-scoped, so it is gone before the next room's tests begin.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, ConsoleMessage, Error, Page, expect, sync_playwright

from bench.stack import ROOT, child_environment, end, tail
from sandbox.state import SandboxState
from tests.conftest import wait_until
from tests.support.chromium import FLAGS, find_chromium, obstacle

HERE = Path(__file__).parent
SCREENSHOTS = ROOT / "screenshots"
#: How long acts may take, and what a test expects, unless it says otherwise (ms).
PATIENCE_MS = 20_000
LEFT_OUT = pytest.StashKey[int]()
DASHBOARD_LOG = pytest.StashKey[Path]()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With BROWSER=0 the tests that need a browser are deselected, and counted for the summary."""
    if os.environ.get("BROWSER") != "0":
        return
    left_out = [item for item in items if HERE in item.path.parents and "page" in _fixtures(item)]
    config.stash[LEFT_OUT] = len(left_out)
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


def _fixtures(item: pytest.Item) -> list[str]:
    return getattr(item, "fixturenames", [])


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Says how many browser tests BROWSER=0 left out."""
    count = config.stash.get(LEFT_OUT, 0)
    if count:
        terminalreporter.write_line(f"{count} browser tests were left out because BROWSER=0", yellow=True)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    """A failed test shows what the dashboard printed; what its page showed is kept in screenshots/."""
    report = yield
    page = getattr(item, "funcargs", {}).get("page")
    if report.when == "call" and report.failed and page is not None:
        report.sections.append(("Screenshot", _screenshot(page, item.name)))
        if DASHBOARD_LOG in item.config.stash:
            report.sections.append(("Dashboard output", tail(item.config.stash[DASHBOARD_LOG])))
    return report


def _screenshot(page: Page, name: str) -> str:
    SCREENSHOTS.mkdir(exist_ok=True)
    path = SCREENSHOTS / f"failed-{name.replace('/', '-')}.png"
    try:
        page.screenshot(path=path)
    except Error as error:
        return f"could not be taken: {error}"
    return str(path)


def free_port() -> int:
    """A port that nothing listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@pytest.fixture(scope="package")
def dashboard_url(
    sandbox_stack: SandboxState,
    sandbox_dir: Path,
    tmp_path_factory: pytest.TempPathFactory,
    pytestconfig: pytest.Config,
) -> Iterator[str]:
    """Address of a dashboard of its own process, healthy, whose target is the run's sandbox."""
    port = free_port()
    log_path = tmp_path_factory.mktemp("dashboard") / "output.log"
    pytestconfig.stash[DASHBOARD_LOG] = log_path
    flags = ["--server.headless=true", "--server.address=127.0.0.1", f"--server.port={port}"]
    with log_path.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "streamlit", "run", "dashboard.py", *flags],
            cwd=ROOT,
            env=child_environment(sandbox_dir),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until(lambda: _healthy(url, process, log_path), timeout_s=60, what="the dashboard to be healthy")
        yield url
    finally:
        end(process)


def _healthy(url: str, process: subprocess.Popen[bytes], log_path: Path) -> bool:
    if process.poll() is not None:
        raise AssertionError(f"The dashboard ended with {process.returncode}:\n{tail(log_path)}")
    try:
        with urllib.request.urlopen(f"{url}/_stcore/health", timeout=2) as answer:
            return bool(answer.read() == b"ok")
    except (urllib.error.URLError, TimeoutError, ConnectionError):
        return False


@pytest.fixture
def console_errors() -> list[str]:
    """Errors that the page wrote to the browser's console, and exceptions that its scripts did not catch."""
    return []


@pytest.fixture(scope="package")
def context(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrowserContext]:
    """The machine's Chromium, headless, in which all pages of the room are opened. Fails where there is none.

    It keeps a profile for the run: with Streamlit's scripts, fetched and compiled, in its caches a page costs half.
    """
    path = find_chromium()
    if path is None:
        pytest.fail(obstacle(), pytrace=False)
    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            tmp_path_factory.mktemp("chromium"),
            executable_path=path,
            args=list(FLAGS),
            viewport={"width": 1280, "height": 1600},
            reduced_motion="reduce",
        )
        context.set_default_timeout(PATIENCE_MS)
        # The line above is for acts alone: what a test expects would be waited for 5 s.
        expect.set_options(timeout=PATIENCE_MS)
        yield context
        context.close()


@pytest.fixture
def page(context: BrowserContext, console_errors: list[str]) -> Iterator[Page]:
    """An empty page, without what an earlier one stored. Waits up to 20 s for what a test expects."""

    def note(message: ConsoleMessage) -> None:
        if message.type == "error":
            console_errors.append(f"{message.text} ({message.location.get('url', '')})")

    fresh = context.new_page()
    fresh.on("console", note)
    fresh.on("pageerror", lambda error: console_errors.append(str(error)))
    yield fresh
    if fresh.url.startswith("http"):
        fresh.evaluate("() => { localStorage.clear(); sessionStorage.clear(); }")
    fresh.close()
    context.clear_cookies()
