"""What a viewer sees when there is no pipeline yet: settings that are missing, a sandbox that starts or has died."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from streamlit.config import get_option, set_option

from core.config import SETTINGS
from core.sandbox_process import read_state, running
from services.app.runtime import registry
from tests.conftest import wait_until
from tests.support.screen import navigation, open_page, ran, words

SECRET = "s3cret-Dr0wssap"


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment in which every setting is empty, whatever the shell and `.env` of this machine say."""
    for setting in SETTINGS:
        monkeypatch.setenv(setting.name, "")
    monkeypatch.delenv("AWS_PROFILE")
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    return monkeypatch


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        (
            {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE"},
            ("AWS_SECRET_ACCESS_KEY", "AWS_REGION", "MOMENTO_API_KEY"),
        ),
        ({"AWS_SECRET_ACCESS_KEY": SECRET}, ("AWS_ACCESS_KEY_ID", "AWS_REGION", "MOMENTO_API_KEY")),
        (
            {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_REGION": "us-west-2"},
            ("MOMENTO_API_KEY",),
        ),
        ({"TARGET": "aws", "AWS_REGION": "us-west-2"}, ("AWS_ACCESS_KEY_ID", "MOMENTO_API_KEY")),
    ],
)
def test_half_a_configuration_is_refused_with_the_names_of_what_is_missing(
    settings: pytest.MonkeyPatch, given: dict[str, str], missing: tuple[str, ...]
) -> None:
    for name, value in given.items():
        settings.setenv(name, value)

    page = ran(navigation())

    assert [title.value for title in page.title] == ["The dashboard did not start"]
    said = words(page)
    for name in missing:
        assert name in said
    for name in set(given) - {"TARGET"}:
        assert name not in said.split("missing:")[1].split(".env")[0]
    assert SECRET not in said
    assert "Traceback" not in said


def test_a_key_that_cannot_be_read_is_refused_without_being_shown(settings: pytest.MonkeyPatch) -> None:
    settings.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    settings.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    settings.setenv("AWS_REGION", "us-west-2")
    settings.setenv("MOMENTO_API_KEY", f"{SECRET} with blanks")

    page = ran(navigation())

    assert [box.value for box in page.error] == ["The configuration is not complete"]
    assert SECRET not in words(page)


def test_an_unknown_target_is_refused_with_those_there_are(settings: pytest.MonkeyPatch) -> None:
    settings.setenv("TARGET", "prod")

    assert "TARGET is 'prod'; allowed are sandbox and aws." in words(ran(navigation()))


def test_a_sandbox_starts_with_the_first_page_and_again_with_the_button_after_it_died(
    settings: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings.setenv("TARGET", "sandbox")
    settings.setenv("SANDBOX_DIR", str(tmp_path))
    settings.setenv("STACK_PREFIX", "team-1")

    page = ran(navigation())
    assert [title.value for title in page.title] == ["Starting the sandbox"]
    wait_until(lambda: [title.value for title in ran(page).title] == ["Overview"], 60, "the sandbox to be up")

    first = read_state()
    assert first is not None
    os.kill(first.pid, signal.SIGKILL)
    wait_until(lambda: not running(), what="the sandbox to be gone")
    page = ran(page)
    assert [title.value for title in page.title] == ["The sandbox is not running"]
    assert "Sandbox: not running" in words(page.sidebar)

    (start,) = [button for button in page.button if button.label == "Start the sandbox"]
    before = get_option("server.address")
    set_option("server.address", "0.0.0.0")
    try:
        page = ran(start.click())
        assert "Starting the sandbox is for operators only" in words(page)
        assert not registry().current().sandbox.starting
        assert [button.label for button in page.button if button.label.startswith("Start")] == []
        assert (
            words(page).count("An operator can start it.")
            == words(page.sidebar).count("An operator can start it.")
            == 1
        )
    finally:
        set_option("server.address", before)

    page = ran(page)
    (start,) = [button for button in page.button if button.label == "Start the sandbox"]
    page = ran(start.click())
    # Never the overview of the run that died: its state file stays until the next run writes its own.
    while [title.value for title in page.title] == ["Starting the sandbox"]:
        page = ran(page)
    assert [title.value for title in page.title] == ["Overview"]
    second = read_state()
    assert second is not None
    assert second.instance != first.instance
    # What the dashboard starts has the stack that it looks at. The sidebar was drawn before the page, which may have
    # seen the start's end first.
    page = ran(page)
    assert "Pipes: 3 of 3 running" in words(page.sidebar)
    assert "Stack team-1-weather-stats-demo" in words(page.sidebar)

    registry().close()
    assert not running()


def test_every_page_says_so_while_the_sandbox_is_gone(settings: pytest.MonkeyPatch, tmp_path: Path) -> None:
    settings.setenv("TARGET", "sandbox")
    settings.setenv("SANDBOX_DIR", str(tmp_path))
    registry().current()
    wait_until(lambda: (state := read_state()) and state.ready, 60, "the sandbox to be up")
    page = open_page("weather")
    state = read_state()
    assert state is not None
    os.kill(state.pid, signal.SIGKILL)
    # The lock is free a moment before the process is gone.
    sandbox = registry().current().sandbox
    wait_until(lambda: not running() and not sandbox.starting, what="the sandbox to be gone")

    for script in ("overview", "weather", "lookup", "live_topic", "pipes", "dead_letters", "sandbox"):
        page = ran(page.switch_page(f"{script}/page.py"))
        assert [title.value for title in page.title] == ["The sandbox is not running"]
