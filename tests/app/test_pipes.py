"""The page Pipes: state, executions and log lines of each pipe."""

from __future__ import annotations

import pandas as pd
import pytest

from provision.names import CACHE_DELETE, CACHE_PUT, PIPES, TABLE, TOPIC_PUBLISH, pipe
from sandbox.state import SandboxState
from services.sandbox_admin import SandboxAdmin
from tests.app.screen import navigation, open_page, ran, table, words
from tests.app.wire import item
from tests.conftest import AwsClients, wait_until


def executions_of(location: str, outcome: str, count: int, wanted: str | None = None) -> pd.DataFrame:
    """The executions for one location, when the page shows so many that have ended so."""
    page = open_page("pipes")
    if wanted:
        page.selectbox(key="pipes_wanted").set_value(wanted)

    def found() -> list[pd.DataFrame]:
        ran(page)
        if "None in the last quarter of an hour." in words(page):
            return []
        rows = table(page, "Executions")
        mine = rows[(rows["Location"] == location) & (rows["Outcome"] == outcome)]
        return [mine] if len(mine) == count else []

    rows: pd.DataFrame
    (rows,) = wait_until(found, what=f"{count} executions for {location} that {outcome}")
    return rows


def test_the_executions_of_a_write_are_shown_with_their_log_lines(
    aws: AwsClients, sandbox_target: SandboxState
) -> None:
    aws.client("dynamodb").put_item(TableName=TABLE, Item=item("Tromsø"))

    rows = executions_of("Tromsø", "✓ succeeded", 2)

    assert set(rows["Pipe"]) == {CACHE_PUT, TOPIC_PUBLISH}
    assert set(rows["Event"]) == {"INSERT"}
    page = open_page("pipes")
    lines = table(page, "Log records")
    mine = lines[lines["Record"].str.contains(rows.iloc[0]["Execution"])]
    assert {"ExecutionStarted", "ExecutionSucceeded"} <= set(mine["Message type"])


def test_executions_can_be_narrowed_to_one_pipe(aws: AwsClients, sandbox_target: SandboxState) -> None:
    aws.client("dynamodb").put_item(TableName=TABLE, Item=item("Alta"))

    rows = executions_of("Alta", "✓ succeeded", 1, wanted=pipe(TOPIC_PUBLISH))

    assert list(rows["Pipe"]) == [TOPIC_PUBLISH]


def test_a_failed_execution_says_what_the_target_answered(
    aws: AwsClients, sandbox_target: SandboxState, queue_url: str
) -> None:
    SandboxAdmin(sandbox_target.admin_url).fail_momento(500, 2)
    aws.client("dynamodb").put_item(TableName=TABLE, Item=item("Bodø"))

    rows = executions_of("Bodø", "✕ failed", 2)

    assert all("500" in error for error in rows["Error"])
    assert "failed lately" in words(open_page("pipes"))


@pytest.mark.usefixtures("sandbox_target")
def test_each_pipe_shows_its_state_and_its_settings() -> None:
    shown = words(open_page("pipes"))

    assert shown.count(":green-badge[:material/check: running]") == 3
    for name in PIPES:
        assert f"Target: {name.removesuffix('-pipe')}-api-destination" in shown
    assert shown.count("Retries: 0") == 3
    assert shown.count("Dead-letter queue: weather-stats-demo-dlq") == 3
    assert "Filter: none, every record" in shown


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


def test_a_link_names_the_location_whose_executions_are_shown(aws: AwsClients, sandbox_target: SandboxState) -> None:
    for name in ("Alta", "Bodø"):
        aws.client("dynamodb").put_item(TableName=TABLE, Item=item(name))
        executions_of(name, "✓ succeeded", 2)
    page = navigation()
    page.query_params["record"] = "Alta"

    ran(ran(page).switch_page("pipes.py"))

    assert set(table(page, "Executions")["Location"]) == {"Alta"}
    records = table(page, "Log records")["Record"]
    assert records.str.contains("Alta").any()
    assert not records.str.contains("Bodø").any()
