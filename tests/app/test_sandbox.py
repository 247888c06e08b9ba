"""The page Sandbox: traffic and faults, as the admin port then says them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from streamlit.testing.v1 import AppTest

from sandbox.state import SandboxState
from services.runtime import registry
from services.sandbox_admin import SandboxAdmin
from tests.app.screen import open_page, ran, table, words
from tests.conftest import wait_until


@pytest.fixture(scope="module", autouse=True)
def fresh_runtime() -> Iterator[None]:
    """One runtime for all of this module: the page keeps nothing of the admin port's answers."""
    yield
    registry().close()


@pytest.fixture
def admin(sandbox_target: SandboxState) -> Iterator[SandboxAdmin]:
    """The admin port of the run's sandbox, with no fault on and no traffic under way afterwards."""
    admin = SandboxAdmin(sandbox_target.admin_url)
    yield admin
    admin.stop_traffic()
    admin.clear_faults()
    admin.start_momento()
    admin.use_right_key()


def click(page: AppTest, label: str) -> AppTest:
    (button,) = [button for button in page.button if button.label == label]
    return ran(button.click())


def test_traffic_is_started_and_its_progress_is_shown_to_the_end(admin: SandboxAdmin) -> None:
    page = open_page("sandbox")
    page.selectbox(key="traffic_source").set_value("cities")
    page.number_input(key="traffic_rate").set_value(100.0)
    page.number_input(key="traffic_count").set_value(20)

    page = click(page, "Start traffic")

    wait_until(lambda: "Ended after 20 of 20 writes" in words(ran(page)), what="the end of the traffic")
    assert list(table(page, "Counts of the Pipes runtime")["state"]) == ["RUNNING"] * 3


def test_traffic_can_be_stopped_before_its_end(admin: SandboxAdmin) -> None:
    page = open_page("sandbox")
    page.number_input(key="traffic_rate").set_value(1.0)
    page.number_input(key="traffic_count").set_value(1000)
    page = click(page, "Start traffic")

    page = click(page, "Stop traffic")

    wait_until(lambda: "Ended after" in words(ran(page)), what="the traffic to have ended")
    assert "of 1,000 writes" in words(page)


@pytest.mark.parametrize(
    ("on", "off", "what"),
    [
        ("Answer 500 until ended", "End it", "Momento answers 500"),
        ("Use a wrong key", "Use the right key", "Wrong key in the pipes' connection"),
        ("Stop Momento", "Start Momento", "Momento stopped: connections are refused"),
    ],
)
def test_a_fault_is_switched_on_and_off_again(admin: SandboxAdmin, on: str, off: str, what: str) -> None:
    page = open_page("sandbox")
    assert f":gray-badge[off]\n{what}" in words(page)

    page = click(page, on)
    assert f":red-badge[on]\n{what}" in words(page)

    page = click(page, off)
    assert f":gray-badge[off]\n{what}" in words(page)


def test_a_replay_that_is_started_anew_takes_the_place_of_the_one_that_runs(admin: SandboxAdmin) -> None:
    page = open_page("sandbox")
    page.number_input(key="traffic_rate").set_value(1.0)
    page = click(page, "Start traffic")
    page.number_input(key="traffic_count").set_value(77)

    page = click(page, "Start traffic")

    assert "of 77 writes" in words(page)
