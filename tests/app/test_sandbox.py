"""The page Sandbox: traffic and faults, as the admin port then says them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from streamlit.testing.v1 import AppTest

from core.names import TABLE
from pages.frame import doors
from sandbox.state import SandboxState
from services.app.fault_switches import SWITCHES
from services.app.runtime import registry
from services.app.sandbox_admin import SandboxAdmin
from tests.conftest import AwsClients, wait_until
from tests.support.running_pipeline import drain_queue
from tests.support.screen import open_page, ran, table, words
from tests.support.wire import item


@pytest.fixture(scope="module", autouse=True)
def fresh_runtime() -> Iterator[None]:
    """One runtime for all of this module: the page keeps nothing of the admin port's answers."""
    yield
    registry().close()


@pytest.fixture
def admin(sandbox_target: SandboxState) -> Iterator[SandboxAdmin]:
    """The admin port of the run's sandbox, with no fault on and no traffic under way afterwards."""
    admin = SandboxAdmin(sandbox_target.admin_url, sandbox_target.admin_token)
    yield admin
    admin.stop_traffic()
    admin.clear_faults()
    admin.start_momento()
    admin.use_right_key()


def click(page: AppTest, label: str) -> AppTest:
    (button,) = [button for button in page.button if button.label == label]
    return ran(button.click())


def test_where_the_configuration_says_so_nobody_is_an_operator_without_a_sign_in(
    admin: SandboxAdmin, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = admin.status()["traffic"]
    registry().close()
    monkeypatch.setenv("LOCAL_OPERATOR", "off")
    try:
        page = click(open_page("sandbox"), "Start traffic")
    finally:
        registry().close()

    assert "LOCAL_OPERATOR=on is not set in .env" in words(page.sidebar)
    assert "Changing the sandbox is for operators only" in words(page)
    assert admin.status()["traffic"] == before


def test_a_click_whose_connection_is_gone_changes_nothing(admin: SandboxAdmin, monkeypatch: pytest.MonkeyPatch) -> None:
    before = admin.status()["traffic"]
    page = open_page("sandbox")
    # As on a server, where every connection has headers: what these show cannot be left out by going away.
    monkeypatch.setattr(doors, "in_use", True)

    assert "Changing the sandbox is for operators only" in words(click(page, "Start traffic"))
    assert admin.status()["traffic"] == before


def test_traffic_is_started_and_its_progress_is_shown_to_the_end(admin: SandboxAdmin) -> None:
    page = open_page("sandbox")
    page.selectbox(key="traffic_source").set_value("cities")
    page.number_input(key="traffic_rate").set_value(100.0)
    page.number_input(key="traffic_count").set_value(20)

    page = click(page, "Start traffic")

    wait_until(lambda: "Ended after 20 of 20 writes" in words(ran(page)), what="the end of the traffic")

    def settled() -> bool:
        rows = table(ran(page), "Ledger")
        return bool((rows["in_flight"] == "0").all())

    wait_until(settled, what="the ledger to settle")
    rows = table(page, "Ledger")
    assert list(rows["balance"]) == ["balanced"] * 3
    assert (rows["written"].astype(int) >= 20).all()
    assert "Balanced" in [said.value for said in page.success]


def test_traffic_can_be_stopped_before_its_end(admin: SandboxAdmin) -> None:
    page = open_page("sandbox")
    page.number_input(key="traffic_rate").set_value(1.0)
    page.number_input(key="traffic_count").set_value(1000)
    page = click(page, "Start traffic")

    page = click(page, "Stop traffic")

    wait_until(lambda: "Ended after" in words(ran(page)), what="the traffic to have ended")
    assert "of 1,000 writes" in words(page)


def press(page: AppTest, fault: str) -> AppTest:
    """Presses the one button of a fault."""
    return ran(page.button(key=f"fault_{fault}").click())


def is_on(page: AppTest, fault: str) -> bool:
    """What the badge in front of a fault says."""
    said = words(page)
    assert (f":red-badge[on]\n{fault}\n" in said) != (f":gray-badge[off]\n{fault}\n" in said)
    return f":red-badge[on]\n{fault}\n" in said


@pytest.mark.parametrize(
    "fault", [*(switch.name for switch in SWITCHES), "Wrong key in the pipes' connection", "Momento stopped"]
)
def test_a_fault_is_switched_on_and_off_by_its_one_button(admin: SandboxAdmin, fault: str) -> None:
    page = open_page("sandbox")
    assert not is_on(page, fault)
    assert page.button(key=f"fault_{fault}").label == "Switch on"

    page = press(page, fault)
    assert is_on(page, fault)
    assert page.button(key=f"fault_{fault}").label == "End"

    page = press(page, fault)
    assert not is_on(page, fault)


def test_how_often_a_fault_fired_is_told_while_it_is_on_and_after_it_is_used_up(
    admin: SandboxAdmin, aws: AwsClients
) -> None:
    fault = "Momento answers 500 to the next 20"
    page = press(open_page("sandbox"), fault)
    assert "Fired 0 times, 20 to come" in words(page)

    for number in range(12):
        aws.client("dynamodb").put_item(TableName=TABLE, Item=item(f"Fault Town {number}"))

    wait_until(lambda: "Fired 20 times" in words(ran(page)), what="the fault to be used up")
    assert not is_on(page, fault)
    assert "to come" not in words(page)
    drain_queue(aws)


def test_all_faults_are_ended_at_once(admin: SandboxAdmin) -> None:
    page = open_page("sandbox")
    for fault in (SWITCHES[0].name, SWITCHES[-1].name, "Wrong key in the pipes' connection", "Momento stopped"):
        page = press(page, fault)
    admin.add_faults({"target": "oauth token", "status": 500})
    # The page looks at the admin port once in a second, for all viewers.
    wait_until(lambda: "A fault of the admin port: oauth token" in words(ran(page)), what="the page to show the fault")

    page = ran(page.button(key="end_all_faults").click())

    assert ":red-badge[on]" not in words(page)
    assert "A fault of the admin port" not in words(page)
    assert admin.faults()["on"] == []
    assert admin.status()["momento"]["listening"] is True
    assert admin.status()["connection_key"] == "right"


def test_a_replay_that_is_started_anew_takes_the_place_of_the_one_that_runs(admin: SandboxAdmin) -> None:
    page = open_page("sandbox")
    page.number_input(key="traffic_rate").set_value(1.0)
    page = click(page, "Start traffic")
    page.number_input(key="traffic_count").set_value(77)

    page = click(page, "Start traffic")

    assert "of 77 writes" in words(page)
