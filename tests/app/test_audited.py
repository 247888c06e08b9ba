"""What operators change on the pages is in the audit log: who, what, and what came of it."""

from __future__ import annotations

import time

import pytest

from core.names import CACHE_DELETE, TABLE
from sandbox.state import SandboxState
from services.app.runtime import registry
from services.audit.log import Entry, Stage
from tests.conftest import AwsClients, wait_until
from tests.support.screen import navigation, open_page, ran, type_into
from tests.support.wire import item


@pytest.fixture
def since(own_target: SandboxState) -> float:
    return time.time() - 1


def outcome_of(act: str, since: float) -> Entry:
    """The outcome of the newest act of this kind."""
    audit = registry().current().pipeline().audit
    entry: Entry = wait_until(
        lambda: next((one for one in audit.entries(since) if (one.act, one.stage) == (act, Stage.OUTCOME)), None),
        what=f"the outcome of {act}",
    )
    return entry


def test_stopping_and_starting_a_pipe(own_aws: AwsClients, since: float) -> None:
    page = open_page("pipes")
    page.button(key=f"stop_{CACHE_DELETE}").click().run()
    page.button(key="pipe_stop_yes").click().run()

    stopped = outcome_of("Stopping a pipe", since)
    assert (stopped.who, stopped.details["outcome"]) == ("local", "done")
    intent = next(
        one
        for one in registry().current().pipeline().audit.entries(since)
        if (one.act_id, one.stage) == (stopped.act_id, Stage.INTENT)
    )
    assert intent.details["pipe"] == CACHE_DELETE

    wait_until(lambda: f"start_{CACHE_DELETE}" in [button.key for button in page.run().button])
    page.button(key=f"start_{CACHE_DELETE}").click().run()
    assert outcome_of("Starting a pipe", since).details["outcome"] == "done"


def test_deleting_a_record(own_aws: AwsClients, since: float) -> None:
    own_aws.client("dynamodb").put_item(TableName=TABLE, Item=item("Skien"))
    page = open_page("weather")
    page.selectbox(key="weather_delete").set_value("Skien").run()
    next(button for button in page.button if button.label == "Delete record").click().run()
    page.button(key="weather_delete_yes").click().run()

    assert outcome_of("Deleting a record", since).details["outcome"] == "done"


def test_writing_a_record(own_aws: AwsClients, since: float) -> None:
    page = open_page("weather")
    next(button for button in page.button if button.label == "Fill with random values").click().run()
    page.text_input(key="weather_location").set_value("Porsgrunn")
    next(button for button in page.button if button.label == "Save record").click().run()

    written = outcome_of("Writing a record", since)
    assert written.details["outcome"] == "done"
    assert own_aws.client("dynamodb").get_item(TableName=TABLE, Key={"Location": {"S": "Porsgrunn"}})["Item"]


def test_filling_the_cache(own_aws: AwsClients, since: float) -> None:
    own_aws.client("dynamodb").put_item(TableName=TABLE, Item=item("Horten"))
    page = open_page("lookup")
    page.checkbox(key="lookup_fill").set_value(True)
    type_into(page.selectbox(key="lookup_location"), "Horten")
    next(button for button in page.button if button.label == "Read through").click().run()

    assert outcome_of("Filling the cache", since).details["outcome"] in ("nothing to fill", "a miss: filled")


def test_the_canary(own_aws: AwsClients, since: float) -> None:
    page = ran(navigation())
    page.query_params["show"] = "Canary"
    page = ran(page.switch_page("checks/page.py"))
    next(button for button in page.button if button.label == "Start the canary").click().run()
    next(button for button in page.button if button.label == "Stop the canary").click().run()

    assert outcome_of("Stopping the canary", since).details["outcome"] == "done"
