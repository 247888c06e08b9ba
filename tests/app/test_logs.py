"""The page Logs: executions with their filters, errors that are alike, raw lines, one execution, and Insights."""

from __future__ import annotations

import json
import time
import uuid
from dataclasses import replace
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from core.names import CACHE_PUT, PIPES, TABLE, TOPIC_PUBLISH, log_group, pipe
from sandbox.state import SandboxState
from services.app.sandbox_admin import SandboxAdmin
from services.logs.tail import LogState, LogTail
from tests.conftest import AwsClients, wait_until
from tests.support.screen import navigation, ran, table, words
from tests.support.wire import item


def logs_page(**parameters: str) -> AppTest:
    """The page as an address with these parameters opens it."""
    screen = navigation()
    ran(screen)
    for name, value in parameters.items():
        screen.query_params[name] = value
    return ran(screen.switch_page("logs/page.py"))


def town() -> str:
    """A location that no other test uses."""
    return f"Town {uuid.uuid4().hex[:8]}"


def executions_of(location: str, count: int, **parameters: str) -> AppTest:
    """The page with the executions for a location, once there are so many."""

    def there() -> AppTest | None:
        page = logs_page(record=location, **parameters)
        return page if words(page).find(f"\n{count:,} of ") >= 0 else None

    found: AppTest = wait_until(there, what=f"{count} executions for {location}")
    return found


def write_lines(aws: AwsClients, state: SandboxState, *lines: str) -> None:
    """Puts lines into the pipes' log group, as of now."""
    logs, group, name = aws.client("logs"), log_group(state.region), f"lines-{uuid.uuid4().hex}"
    logs.create_log_stream(logGroupName=group, logStreamName=name)
    now_ms = int(time.time() * 1000)
    events = [{"timestamp": now_ms, "message": line} for line in lines]
    logs.put_log_events(logGroupName=group, logStreamName=name, logEvents=events)


def test_the_executions_of_a_write_are_shown(aws: AwsClients, sandbox_target: SandboxState) -> None:
    location = town()
    aws.client("dynamodb").put_item(TableName=TABLE, Item=item(location))

    rows = table(executions_of(location, 2, outcome="succeeded"), "Executions")

    assert set(rows["Pipe"]) == {CACHE_PUT, TOPIC_PUBLISH}
    assert set(rows["Event"]) == {"INSERT"}
    assert set(rows["Location"]) == {location}
    assert set(rows["Outcome"]) == {"✓ succeeded"}


def test_the_address_narrows_to_a_pipe_by_its_flow_or_its_name(aws: AwsClients, sandbox_target: SandboxState) -> None:
    location = town()
    aws.client("dynamodb").put_item(TableName=TABLE, Item=item(location))

    for wanted in (TOPIC_PUBLISH, pipe(TOPIC_PUBLISH)):
        rows = table(executions_of(location, 1, pipe=wanted, outcome="succeeded"), "Executions")
        assert list(rows["Pipe"]) == [TOPIC_PUBLISH]


def test_filters_that_match_nothing_say_so_and_are_cleared(aws: AwsClients, sandbox_target: SandboxState) -> None:
    aws.client("dynamodb").put_item(TableName=TABLE, Item=item(town()))
    page = logs_page(text="there is no such text", level="ERROR")
    assert "0 of " in words(page)
    assert page.text_input(key="text").value == "there is no such text"

    page.button(key="logs_clear").click()
    ran(page)

    assert page.text_input(key="text").value == ""
    assert page.selectbox(key="level").value is None
    assert "\n0 of " not in words(page)


def test_errors_that_are_alike_are_counted_and_lead_to_their_executions(
    aws: AwsClients, sandbox_target: SandboxState, queue_url: str
) -> None:
    location = town()
    SandboxAdmin(sandbox_target.admin_url, sandbox_target.admin_token).fail_momento(503, 2)
    aws.client("dynamodb").put_item(TableName=TABLE, Item=item(location))
    executions_of(location, 2, outcome="failed")

    page = logs_page(view="Errors", record=location)
    rows = table(page, "Errors")
    assert list(rows["Executions"]) == ["2"]
    assert rows.iloc[0]["Error"].startswith("HTTP 503: ")
    assert rows.iloc[0]["Pipes"] == f"{CACHE_PUT}, {TOPIC_PUBLISH}"

    page = logs_page(error=rows.iloc[0]["Error"], record=location)
    assert "Only executions with this error:" in words(page)
    assert set(table(page, "Executions")["Outcome"]) == {"✕ failed"}
    page.button(key="logs_any_error").click()
    ran(page)
    assert "Only executions with this error:" not in words(page)


def test_one_execution_is_told_with_its_stages_its_data_and_its_links(
    aws: AwsClients, sandbox_target: SandboxState, queue_url: str
) -> None:
    location = town()
    SandboxAdmin(sandbox_target.admin_url, sandbox_target.admin_token).fail_momento(500, 2)
    aws.client("dynamodb").put_item(TableName=TABLE, Item=item(location))
    rows = table(executions_of(location, 2, outcome="failed"), "Executions")

    def with_its_letter() -> AppTest | None:
        page = logs_page(execution=rows.iloc[0]["Execution"])
        return page if len(links(page)) == 2 else None

    page = wait_until(with_its_letter, what="the dead letter")

    shown = drawer(page)
    assert f"Location: {location}" in shown
    assert "Outcome: ✕ failed" in shown
    assert "HTTP 500\n" in shown
    stages = table(page, "Stages")
    assert list(stages["Stage"]) == ["Execution", "Target stage", "Target call"]
    assert set(stages["Result"]) == {"Failed"}
    payload = next(json.loads(shown.value) for shown in page.json if "eventName" in shown.value)
    assert payload[0]["dynamodb"]["Keys"]["Location"]["S"] == location
    record, letter = links(page)
    assert f"location={location.replace(' ', '+')}" in record
    assert f"sequence={payload[0]['dynamodb']['SequenceNumber']}" in letter


def drawer(page: AppTest) -> str:
    """What the drawer says; AppTest has it beside the page."""
    (dialog,) = [part for part in page._tree.children[2].children.values() if part.type == "dialog"]
    return words(dialog)


def links(page: AppTest) -> list[str]:
    """What the links of the drawer add to their pages' addresses; the sidebar's link adds nothing."""
    return [found.proto.query_string for found in page.get("page_link") if found.proto.query_string]


@pytest.mark.usefixtures("sandbox_target")
def test_an_execution_that_is_not_known_is_said_to_be_unknown() -> None:
    page = logs_page(execution="no-such-execution")

    assert "The log that was read tells of no such execution." in drawer(page)


def test_lines_that_are_no_record_or_were_cut_are_shown_as_such(aws: AwsClients, sandbox_target: SandboxState) -> None:
    word = uuid.uuid4().hex
    cut = {
        "resourceArn": f"arn:aws:pipes:us-west-2:123456789012:pipe/{PIPES[0]}",
        "timestamp": int(time.time() * 1000),
        "executionId": str(uuid.uuid4()),
        "messageType": "ExecutionStarted",
        "logLevel": "INFO",
        "payload": f'[{{"{word}": "cut he',
        "truncatedFields": ["payload"],
    }
    write_lines(aws, sandbox_target, f"Permissions are set correctly ({word})", json.dumps(cut))

    def both() -> Any:
        page = logs_page(view="Raw records", text=word)
        return page if "\n2 of " in words(page) else None

    rows = table(wait_until(both, what="both lines"), "Log records")
    assert set(rows["Message type"]) == {"not a pipe's record", "ExecutionStarted"}
    assert set(rows["Truncated"]) == {"", "payload"}

    page = logs_page(execution=cut["executionId"])
    assert f'[{{"{word}": "cut he' in [shown.value for shown in page.code]
    assert "Truncated by Pipes" in drawer(page)


def test_a_pause_stops_the_tail_and_going_on_brings_what_came(aws: AwsClients, sandbox_target: SandboxState) -> None:
    location = town()
    page = logs_page(record=location)
    page.button(key="logs_pause").click()
    ran(page)
    aws.client("dynamodb").put_item(TableName=TABLE, Item=item(location))
    executions_of(location, 2)

    assert "\n0 of " in words(ran(page))
    page.button(key="logs_pause").click()
    ran(page)
    assert "\n2 of " in words(page)


def test_insights_shows_the_query_and_its_cost_and_then_what_it_found(
    aws: AwsClients, sandbox_target: SandboxState
) -> None:
    location = town()
    aws.client("dynamodb").put_item(TableName=TABLE, Item=item(location))
    executions_of(location, 2)
    page = logs_page(view="Insights", record=location)
    shown = words(page)
    assert f"filter @message like /{location}/" in shown
    assert "The bytes are an estimate" in shown
    assert "0.005 US dollars for a GB" in shown

    page.button(key="insights_run").click()
    ran(page)
    wait_until(lambda: "Complete: scanned" in words(ran(page)), what="the query")

    rows = table(page, "Executions")
    assert set(rows["Location"]) == {location}
    assert len(rows) == 2


def test_insights_are_for_operators(sandbox_target: SandboxState, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streamlit.get_option", lambda name: {"server.address": "0.0.0.0"}.get(name))
    page = logs_page(view="Insights")

    assert page.button(key="insights_run").disabled
    assert "is for operators" in words(page)


def test_executions_come_in_pages_and_a_page_is_in_the_address(aws: AwsClients, sandbox_target: SandboxState) -> None:
    word, now_ms = uuid.uuid4().hex, int(time.time() * 1000)
    write_lines(
        aws,
        sandbox_target,
        *[
            json.dumps(
                {
                    "resourceArn": f"arn:aws:pipes:us-west-2:123456789012:pipe/{PIPES[0]}",
                    "timestamp": now_ms + number,
                    "executionId": f"{number:03}-{word}",
                    "messageType": "ExecutionFailed",
                    "logLevel": "ERROR",
                    "error": {"message": "Unable to invoke ApiDestination endpoint", "httpStatusCode": 503},
                }
            )
            for number in range(120)
        ],
    )

    def whole() -> AppTest | None:
        page = logs_page(text=word, page="3")
        return page if "\n120 of " in words(page) else None

    page = wait_until(whole, what="120 executions")
    assert list(table(page, "Executions")["Execution"]) == [f"{number:03}-{word}" for number in range(19, -1, -1)]

    page.text_input(key="text").set_value(f"1-{word}")
    assert "\n12 of " in words(ran(page)), "a new filter begins with the first page"
    assert len(table(page, "Executions")) == 12


def test_what_is_not_read_yet_and_fewer_calls_are_said(
    sandbox_target: SandboxState, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = LogTail._state

    def reading(tail: LogTail, now_ms: int, window_from_ms: int) -> LogState:
        known = state(tail, now_ms, window_from_ms)
        return replace(known, reading_back=True, complete_from_ms=now_ms - 300_000, records=43_000, pause_s=4.0)

    monkeypatch.setattr(LogTail, "_state", reading)
    page = logs_page()

    assert "Reading back to " in words(page)
    assert "43,000 records so far." in words(page)
    assert "CloudWatch asks for fewer calls; the log is read every 4 s." in words(page)
