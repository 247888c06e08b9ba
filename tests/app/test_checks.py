"""The page Checks: the settings, the canary, CloudWatch's numbers and the alarms."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from streamlit.testing.v1 import AppTest

from core.names import CACHE_PUT, PIPES, QUEUE, TABLE, pipe
from sandbox.state import SandboxState
from services.app.runtime import registry
from services.tracking.canary import CanaryRun, CanaryStatus, Stage
from tests.conftest import AwsClients, wait_until
from tests.support.screen import has_table, metrics, navigation, open_page, ran, table, words
from tests.support.wire import item

#: A canary that came no further than the table.
LOST = CanaryStatus(10, 0.0, 15.0, (CanaryRun(0.0, ((Stage.WRITTEN, 4.0),)),), 1, 1)


def open_tab(name: str) -> AppTest:
    """The page with one of its tabs open."""
    screen = ran(navigation())
    screen.query_params["show"] = name
    return ran(screen.switch_page("checks/page.py"))


def click(page: AppTest, label: str) -> AppTest:
    (button,) = [button for button in page.button if button.label == label]
    return ran(button.click())


@pytest.mark.usefixtures("sandbox_target")
def test_findings_are_told_with_signs_and_words_by_resource() -> None:
    page = open_page("checks")

    rows = table(page, "Findings")
    assert list(rows["Resource"])[:2] == ["Pipe cache-put", "Pipe cache-put"]
    assert set(rows["Severity"]) == {"▲ may lose records", "· good to know"}
    assert "10 findings: 6 × ▲ may lose records, 4 × · good to know" in words(page)
    assert "1. Each pipe exists and runs" in words(page)
    assert "Read just now, for all viewers together." in words(page)


def test_a_setting_that_was_mended_is_gone_after_a_refresh(own_aws: AwsClients) -> None:
    pipes, name = own_aws.client("pipes"), pipe(CACHE_PUT)
    described = pipes.describe_pipe(Name=name)
    stream = described["SourceParameters"]["DynamoDBStreamParameters"]
    kept = {key: stream[key] for key in ("BatchSize", "DeadLetterConfig")}
    page = open_page("checks")
    assert list(table(page, "Findings")["Finding"]).count("It does not retry.") == 3
    try:
        _update(own_aws, name, {**kept, "MaximumRetryAttempts": 3})
        # The settings say what the pipes said when these were read last, which is 3.5 s ago at most.
        wait_until(
            lambda: list(table(click(page, "Refresh"), "Findings")["Finding"]).count("It does not retry.") == 2,
            what="the finding to be gone",
        )
    finally:
        _update(own_aws, name, {**kept, "MaximumRetryAttempts": 0})


def _update(aws: AwsClients, name: str, stream: dict[str, object]) -> None:
    pipes = aws.client("pipes")
    role = pipes.describe_pipe(Name=name)["RoleArn"]
    pipes.update_pipe(Name=name, RoleArn=role, SourceParameters={"DynamoDBStreamParameters": stream})
    wait_until(lambda: pipes.describe_pipe(Name=name)["CurrentState"] == "RUNNING", what="the pipe to be updated")


@pytest.mark.usefixtures("sandbox_target")
def test_an_operator_starts_the_canary_sees_it_pass_and_stops_it() -> None:
    page = open_tab("Canary")
    assert metrics(page)["Canary"] == "off"
    assert "No canary has run yet." in words(page)

    page = click(page, "Start the canary")
    wait_until(lambda: "passed every stage" in words(ran(page)), what="the canary to pass")

    assert metrics(page)["Canary"] == "every 10 s"
    assert metrics(page)["Lost"] == "0"
    stages = table(page, "How long each stage")
    assert list(stages["Stage"])[0] == "Write acknowledged"
    assert all(value != "–" for value in stages["p99"])
    assert list(table(page, "Runs of the canary")["Outcome"])[0] == "✓ passed"

    page = click(page, "Stop the canary")
    assert metrics(page)["Canary"] == "off"
    assert registry().current().pipeline().canary.status().next_at is None


@pytest.mark.usefixtures("sandbox_target")
def test_a_viewer_can_neither_start_the_canary_nor_is_offered_to(monkeypatch: pytest.MonkeyPatch) -> None:
    page = open_tab("Canary")
    (start,) = [button for button in page.button if button.label == "Start the canary"]
    monkeypatch.setattr("services.app.access.LOOPBACK", frozenset())

    page = ran(start.click())

    assert registry().current().pipeline().canary.status().interval_s is None
    assert "For operators only" in [box.value for box in page.error]
    assert all(button.disabled for button in page.button if "canary" in button.label)


@pytest.mark.usefixtures("sandbox_target")
def test_a_lost_canary_is_told_on_the_overview(monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline = wait_until(lambda: registry().current().pipeline(), what="the pipeline")
    monkeypatch.setattr(pipeline.canary, "status", lambda: LOST)

    assert 'The canary is lost: "Topic event" did not come within 15 s' in words(open_page("overview"))


@pytest.mark.usefixtures("empty_table")
def test_the_canary_is_not_among_the_locations_to_choose(aws: AwsClients, sandbox_target: SandboxState) -> None:
    for location in ("Oslo", "canary/0f8e-1"):
        aws.client("dynamodb").put_item(TableName=TABLE, Item=item(location))

    page = open_page("lookup")

    assert page.selectbox(key="lookup_location").options == ["Oslo"]


def test_metrics_of_cloudwatch_stand_beside_the_log(aws: AwsClients, sandbox_target: SandboxState) -> None:
    minute = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=2)

    def datum(name: str, value: float, dimension: tuple[str, str]) -> dict[str, object]:
        dimensions = [{"Name": dimension[0], "Value": dimension[1]}]
        return {"MetricName": name, "Value": value, "Timestamp": minute, "Dimensions": dimensions}

    cloudwatch = aws.client("cloudwatch")
    of_pipes = [datum("Invocations", 40, ("PipeName", name)) for name in PIPES]
    cloudwatch.put_metric_data(Namespace="AWS/EventBridge/Pipes", MetricData=of_pipes)
    cloudwatch.put_metric_data(
        Namespace="AWS/SQS", MetricData=[datum("ApproximateNumberOfMessagesVisible", 3, ("QueueName", QUEUE))]
    )

    page = open_tab("Metrics")

    rows = table(page, "CloudWatch's metrics")
    visible = rows[rows["Metric"] == "Visible messages"].iloc[0]
    assert visible["Of"] == "Queue"
    assert visible["Newest value"].endswith(" messages")
    assert len(rows[rows["Metric"] == "Invocations"]) == 3
    name = "CloudWatch's counts"

    def counted() -> bool:
        if has_table(page, name) and all(float(n) >= 40 for n in table(page, name)["Invocations, CloudWatch"]):
            return True
        ran(page.button(key="refresh_metrics").click())
        return False

    # The newest minute of a long log is read first, and the older ones with each look.
    wait_until(counted, 90, "both to tell of that minute")
    assert list(table(page, name)["Pipe"]) == ["cache-put", "topic-publish", "cache-delete"]
    assert "CloudWatch has one value a minute" in words(page)


def test_alarms_are_told_with_their_states_and_none_is_told_as_such(own_aws: AwsClients) -> None:
    assert "The stack has no alarms" in words(open_tab("Alarms"))
    registry().close()
    cloudwatch = own_aws.client("cloudwatch")
    for name in ("weather-stats-demo-dead-letters", "somebody-elses"):
        cloudwatch.put_metric_alarm(
            AlarmName=name,
            Namespace="AWS/SQS",
            MetricName="ApproximateNumberOfMessagesVisible",
            Dimensions=[{"Name": "QueueName", "Value": QUEUE}],
            Statistic="Maximum",
            Period=60,
            EvaluationPeriods=1,
            Threshold=0,
            ComparisonOperator="GreaterThanThreshold",
        )
    cloudwatch.set_alarm_state(
        AlarmName="weather-stats-demo-dead-letters", StateValue="ALARM", StateReason="1 datapoint was above 0"
    )
    try:
        rows = table(open_tab("Alarms"), "Alarms")

        assert list(rows["Alarm"]) == ["weather-stats-demo-dead-letters"]
        assert list(rows["State"]) == ["✕ alarm"]
        assert list(rows["Reason"]) == ["1 datapoint was above 0"]
    finally:
        cloudwatch.delete_alarms(AlarmNames=["weather-stats-demo-dead-letters", "somebody-elses"])


@pytest.mark.usefixtures("sandbox_target")
def test_the_sidebar_says_what_looking_costs() -> None:
    page = open_page("overview")
    assert "a minute" in words(page.sidebar).partition("AWS calls: ")[2]

    page.session_state["api_calls_shown"] = True
    calls = table(ran(page), "Calls to AWS")

    assert "pipes: DescribePipe" in set(calls["Operation"])
