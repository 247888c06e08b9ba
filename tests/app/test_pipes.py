"""The page Pipes: each pipe's health, its switches, and the ledger of the writes."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from core.names import CACHE_DELETE, CACHE_PUT, FLOWS, PIPES, QUEUE, TABLE, TOPIC_PUBLISH, pipe
from pages.frame import access
from sandbox.state import SandboxState
from services.app import access as access_rules
from services.app.sandbox_admin import SandboxAdmin
from tests.conftest import AwsClients, wait_until
from tests.support.screen import open_page, ran, table, words
from tests.support.wire import item


def shown_until(page: AppTest, condition: Callable[[str], bool], what: str) -> str:
    """What the page says once it says that, run again and again as its timer would."""

    def said() -> str:
        found = words(ran(page))
        return found if condition(found) else ""

    return str(wait_until(said, what=what))


def row_of(page: AppTest, flow: str) -> pd.Series:
    """A pipe's row of the ledger."""
    rows = table(page, "Ledger")
    return rows[rows["pipe"] == flow].iloc[0]


def test_writes_are_in_the_ledger_and_balance(own_aws: AwsClients) -> None:
    page = open_page("pipes")
    shown_until(page, lambda said: "Balanced" in said, "the ledger")
    for degrees in range(5):
        own_aws.client("dynamodb").put_item(TableName=TABLE, Item=item("Tromsø", MaxTemp=str(60 + degrees)))
    own_aws.client("dynamodb").delete_item(TableName=TABLE, Key={"Location": {"S": "Tromsø"}})

    def settled() -> bool:
        ran(page)
        return all(row_of(page, flow)["written"] >= "6" and row_of(page, flow)["in_flight"] == "0" for flow in FLOWS)

    wait_until(settled, what="six writes that are done with")
    assert (row_of(page, CACHE_PUT)["delivered"], row_of(page, CACHE_PUT)["filtered"]) == ("5", "1")
    assert (row_of(page, CACHE_DELETE)["delivered"], row_of(page, CACHE_DELETE)["filtered"]) == ("1", "5")
    assert row_of(page, TOPIC_PUBLISH)["delivered"] == "6"
    assert "Balanced, 0 in flight" in words(page)
    assert "✓ OK" in words(page)
    assert page.metric[0].label == "Lag p50"
    assert page.metric[0].value.endswith(" s")


def test_a_failed_execution_makes_the_pipe_fail_and_says_what_the_target_answered(
    own_aws: AwsClients, own_target: SandboxState
) -> None:
    page = open_page("pipes")
    SandboxAdmin(own_target.admin_url, own_target.admin_token).fail_momento(500, 2)
    own_aws.client("dynamodb").put_item(TableName=TABLE, Item=item("Bodø"))

    said = shown_until(page, lambda said: said.count("✕ FAILING") == 2, "two pipes that fail")

    assert "The newest execution failed" in said
    assert (
        said.count("1 × HTTP 500: Unable to invoke ApiDestination endpoint: The endpoint answered with status <n>.")
        == 2
    )
    shown_until(page, lambda said: "The stream forgets the first of them in 23 h 59 min" in said, "the dead letters")
    own_aws.client("dynamodb").put_item(TableName=TABLE, Item=item("Bodø", MaxTemp="71"))
    shown_until(page, lambda said: "FAILING" not in said, "the pipes to be well again")
    sqs = own_aws.client("sqs")
    sqs.purge_queue(QueueUrl=sqs.get_queue_url(QueueName=QUEUE)["QueueUrl"])


def test_the_page_can_be_narrowed_to_one_pipe(own_target: SandboxState) -> None:
    page = open_page("pipes")
    page.selectbox(key="flow").set_value(TOPIC_PUBLISH)

    ran(page)

    assert [heading.value for heading in page.subheader] == [TOPIC_PUBLISH, "Ledger", "Latency"]


def test_an_operator_stops_a_pipe_after_a_question_and_starts_it_again(own_aws: AwsClients) -> None:
    pipes = own_aws.client("pipes")
    page = open_page("pipes")
    ran(page.button(key=f"stop_{CACHE_DELETE}").click())
    assert pipes.describe_pipe(Name=pipe(CACHE_DELETE))["DesiredState"] == "RUNNING"

    ran(page.button(key="pipe_stop_yes").click())

    shown_until(page, lambda said: "■ STOPPED" in said, "the pipe to be stopped")
    assert pipes.describe_pipe(Name=pipe(CACHE_DELETE))["DesiredState"] == "STOPPED"
    ran(page.button(key=f"start_{CACHE_DELETE}").click())
    shown_until(page, lambda said: said.count("running]") == 3, "the pipe to run again")


def test_a_reader_is_offered_no_switch_and_what_was_sent_all_the_same_is_refused(
    own_aws: AwsClients, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = open_page("pipes")
    stop = page.button(key=f"stop_{CACHE_PUT}")
    ran(stop.click())
    monkeypatch.setattr(access, "person", lambda: access_rules.NOBODY)

    ran(page.button(key="pipe_stop_yes").click())

    assert "For operators only" in words(page)
    assert not [button for button in page.button if str(button.key).startswith("stop_")]
    assert own_aws.client("pipes").describe_pipe(Name=pipe(CACHE_PUT))["DesiredState"] == "RUNNING"


@pytest.mark.usefixtures("sandbox_target")
def test_each_pipe_shows_its_state_and_its_settings() -> None:
    shown = words(open_page("pipes"))

    assert shown.count(":green-badge[:material/check: running]") == 3
    for name in PIPES:
        assert f"Target: {name.removesuffix('-pipe')}-api-destination" in shown
    assert shown.count("Retries: 0") == 3
    assert shown.count("Dead-letter queue: weather-stats-demo-dlq") == 3
    assert "Filter: none, every record" in shown


def test_without_the_watch_of_the_stream_the_page_says_what_it_cannot_tell(
    own_target: SandboxState, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STREAM_WATCH", "off")

    page = open_page("pipes")

    assert "The table's stream is not watched" in words(page)
    assert {metric.value for metric in page.metric if metric.label == "Waiting"} == {"unknown"}


def test_a_pipe_that_is_gone_is_missing_and_the_others_are_shown(own_aws: AwsClients) -> None:
    pipes = own_aws.client("pipes")
    described = pipes.describe_pipe(Name=pipe(CACHE_DELETE))
    pipes.delete_pipe(Name=pipe(CACHE_DELETE))
    try:
        wait_until(
            lambda: len(pipes.list_pipes(NamePrefix="weather-stats-demo")["Pipes"]) == 2, what="the pipe to be gone"
        )

        shown = words(open_page("pipes"))

        assert "missing" in shown
        assert "python -m provision up" in shown
        assert shown.count("running]") == 2
    finally:
        kept = ("Name", "Source", "Target", "RoleArn", "SourceParameters", "TargetParameters", "LogConfiguration")
        settings = {name: described[name] for name in kept}
        log = settings["LogConfiguration"]
        settings["LogConfiguration"] = {
            "CloudwatchLogsLogDestination": log["CloudwatchLogsLogDestination"],
            "Level": log["Level"],
            "IncludeExecutionData": log["IncludeExecutionData"],
        }
        pipes.create_pipe(**settings)
