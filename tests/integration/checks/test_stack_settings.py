"""The lint of a real stack: as it is provisioned, and damaged one setting at a time through boto3."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.stack import running_sandbox
from core import names
from core.errors import Throttled, Unreachable
from sandbox.state import SandboxState
from services.app.pipeline import Pipeline
from services.app.sandbox_admin import SandboxAdmin
from services.checks import page_data
from services.checks import settings as stack_settings
from services.checks.finding import Severity
from services.jobs.cached_read import Shared
from services.logs.tail import LogView
from tests.conftest import AwsClients, wait_until
from tests.support.running_pipeline import running_pipeline


def findings(pipeline: Pipeline) -> set[tuple[str, Severity, str]]:
    """What the lint finds now, read anew."""
    pipeline.pipes.forget()
    pipeline.findings.forget()
    return {(found.resource, found.severity, found.what) for found in pipeline.findings.get().value}


AS_PROVISIONED = {
    *((f"Pipe {flow}", Severity.RISK, "It does not retry.") for flow in names.FLOWS),
    *((f"Pipe {flow}", Severity.RISK, "It starts at LATEST.") for flow in names.FLOWS),
    *(
        (f"API destination {flow}", Severity.NOTE, "Its endpoint is plain http, on this machine.")
        for flow in names.FLOWS
    ),
    (f"Queue {names.QUEUE}", Severity.NOTE, "It keeps a message for 14 d, and the stream a record for 24 h."),
}


def test_the_provisioned_stack_has_the_risks_of_the_original_demo_and_no_other(sandbox_stack: SandboxState) -> None:
    with running_pipeline(sandbox_stack) as pipeline:
        assert findings(pipeline) == AS_PROVISIONED


@pytest.fixture(scope="module")
def own_stack(tmp_path_factory: pytest.TempPathFactory, no_real_account: None) -> Iterator[SandboxState]:
    """A sandbox that may be damaged."""
    folder: Path = tmp_path_factory.mktemp("damaged")
    with running_sandbox(folder) as running:
        yield running.state


@pytest.fixture(scope="module")
def own_aws(own_stack: SandboxState) -> Iterator[AwsClients]:
    clients = AwsClients(own_stack)
    yield clients
    clients.close()


def update_pipe(aws: AwsClients, flow: str, stream: dict[str, Any], log: dict[str, Any]) -> None:
    """Changes a pipe's stream parameters and its logging, and waits until that is done."""
    pipes, name = aws.client("pipes"), names.pipe(flow)
    role = pipes.describe_pipe(Name=name)["RoleArn"]
    pipes.update_pipe(
        Name=name, RoleArn=role, SourceParameters={"DynamoDBStreamParameters": stream}, LogConfiguration=log
    )
    wait_until(lambda: pipes.describe_pipe(Name=name)["CurrentState"] == "RUNNING", what="the pipe to be updated")


def test_what_is_damaged_is_found(own_stack: SandboxState, own_aws: AwsClients) -> None:
    group = names.log_group(own_stack.region)
    described = own_aws.client("pipes").describe_pipe(Name=names.pipe(names.CACHE_PUT))
    log_arn = described["LogConfiguration"]["CloudwatchLogsLogDestination"]["LogGroupArn"]
    update_pipe(own_aws, names.CACHE_PUT, {"BatchSize": 10, "MaximumRetryAttempts": -1}, {"Level": "OFF"})
    update_pipe(
        own_aws,
        names.TOPIC_PUBLISH,
        {
            "BatchSize": 1,
            "MaximumRetryAttempts": 3,
            "DeadLetterConfig": described["SourceParameters"]["DynamoDBStreamParameters"]["DeadLetterConfig"],
        },
        {"Level": "INFO", "CloudwatchLogsLogDestination": {"LogGroupArn": log_arn}},
    )
    pipes = own_aws.client("pipes")
    pipes.stop_pipe(Name=names.pipe(names.CACHE_DELETE))
    wait_until(
        lambda: pipes.describe_pipe(Name=names.pipe(names.CACHE_DELETE))["CurrentState"] == "STOPPED",
        what="the pipe to be stopped",
    )
    own_aws.client("dynamodb").update_time_to_live(
        TableName=names.TABLE, TimeToLiveSpecification={"Enabled": True, "AttributeName": "TTL"}
    )
    sqs = own_aws.client("sqs")
    url = sqs.get_queue_url(QueueName=names.QUEUE)["QueueUrl"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"MessageRetentionPeriod": str(4 * 86_400)})
    own_aws.client("logs").put_retention_policy(logGroupName=group, retentionInDays=1)
    events = own_aws.client("events")
    events.update_api_destination(Name=names.api_destination(names.CACHE_DELETE), InvocationRateLimitPerSecond=5)
    own_aws.client("iam").put_role_policy(
        RoleName=names.ROLE,
        PolicyName=names.ROLE_POLICY,
        PolicyDocument=json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": [
                    {"Effect": "Allow", "Action": ["dynamodb:*", "events:InvokeApiDestination"], "Resource": ["*"]}
                ],
            }
        ),
    )
    queue_arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]

    with running_pipeline(own_stack) as pipeline:
        found = findings(pipeline)
        limits = {one.flow: one.rate_limit for one in stack_settings.read(pipeline._aws, lambda: ()).destinations}

    assert found - AS_PROVISIONED == {
        ("Pipe cache-put", Severity.LOSES, "It has no dead-letter queue."),
        ("Pipe cache-put", Severity.RISK, "It retries without end, and has no age limit."),
        ("Pipe cache-put", Severity.RISK, "Its batch size is 10."),
        ("Pipe cache-put", Severity.BLIND, "It writes no log."),
        ("Pipe topic-publish", Severity.BLIND, "Its log holds no execution data."),
        ("Pipe cache-delete", Severity.RISK, "The pipe is stopped."),
        (
            "Pipe cache-delete",
            Severity.NOTE,
            "It and cache-put read the stream independently, with different rate limits and retries.",
        ),
        ("Table", Severity.RISK, "The attribute TTL is enabled as DynamoDB's own time to live."),
        (
            f"Queue {names.QUEUE}",
            Severity.NOTE,
            "It keeps a message for 4 d, less than the 14 days that are possible.",
        ),
        (f"Queue {names.QUEUE}", Severity.NOTE, "It keeps a message for 4 d, and the stream a record for 24 h."),
        ("Log group", Severity.BLIND, "It keeps records for 1 d, and the queue its messages for 4 d."),
        ("Permissions", Severity.LOSES, f"Role {names.ROLE} may not do sqs:SendMessage on {queue_arn}."),
    }
    assert AS_PROVISIONED - found == {
        ("Pipe cache-put", Severity.RISK, "It does not retry."),
        ("Pipe topic-publish", Severity.RISK, "It does not retry."),
        (f"Queue {names.QUEUE}", Severity.NOTE, "It keeps a message for 14 d, and the stream a record for 24 h."),
    }
    assert limits == {names.CACHE_PUT: 300, names.TOPIC_PUBLISH: 300, names.CACHE_DELETE: 5}


def test_what_is_gone_is_found_and_the_rest_is_read_all_the_same(own_stack: SandboxState, own_aws: AwsClients) -> None:
    sqs, events = own_aws.client("sqs"), own_aws.client("events")
    sqs.delete_queue(QueueUrl=sqs.get_queue_url(QueueName=names.QUEUE)["QueueUrl"])
    own_aws.client("logs").delete_log_group(logGroupName=names.log_group(own_stack.region))
    events.delete_api_destination(Name=names.api_destination(names.TOPIC_PUBLISH))

    with running_pipeline(own_stack) as pipeline:
        found = findings(pipeline)

    gone = {resource for resource, severity, what in found if what == "It does not exist."}
    assert gone == {f"Queue {names.QUEUE}", "API destination topic-publish"}
    assert ("Log group", Severity.BLIND, "The log group does not exist.") in found
    assert ("Table", Severity.RISK, "The attribute TTL is enabled as DynamoDB's own time to live.") in found


def test_pipes_that_cannot_be_read_do_not_hide_the_rest(sandbox_stack: SandboxState) -> None:
    def unreachable() -> Any:
        raise Unreachable("Describing pipe weather-stats-demo-cache-put-pipe failed.", "Check the network.")

    with running_pipeline(sandbox_stack) as pipeline:
        settings = stack_settings.read(pipeline._aws, unreachable)

    assert [(one.resource, type(one.error)) for one in settings.unread] == [("Pipes", Unreachable)]
    assert settings.table is not None
    assert len(settings.destinations) == 3
    assert settings.log_group is not None


def test_a_log_that_cannot_be_read_is_told_beside_what_could(sandbox_stack: SandboxState) -> None:
    error = Throttled("Reading log group weather-stats-demo-logs-us-west-2 failed: ThrottlingException", "Wait.")

    def throttled() -> LogView:
        raise error

    log = Shared(throttled, 60.0)
    with running_pipeline(sandbox_stack) as pipeline:
        found = page_data.findings(pipeline._aws, pipeline.pipes, log)
        measured = page_data.measurement(pipeline._aws, pipeline.pipes, log)

    unchecked = [(one.resource, one.why) for one in found if one.severity is Severity.UNCHECKED]
    assert unchecked == [("Log records", error.what)]
    assert len(found) == len(AS_PROVISIONED) + 1
    assert measured.log_error is error
    assert measured.measured


def test_the_calls_that_are_counted_are_those_that_arrive(own_stack: SandboxState) -> None:
    admin = SandboxAdmin(own_stack.admin_url, own_stack.admin_token)
    before = sum(admin.aws_calls().values())
    with running_pipeline(own_stack) as pipeline:
        pipeline.pipes.get()
        pipeline.records.get()
        pipeline.alarms.get()
        pipeline.measurement.get()

        # The watch of the stream makes calls of its own, so the two are compared between two of them.
        wait_until(
            lambda: sum(admin.aws_calls().values()) - before == sum(count.total for count in pipeline.api_calls),
            what="as many calls counted as arrived",
        )
        counts = {(count.service, count.operation): count.total for count in pipeline.api_calls}

    assert counts["pipes", "DescribePipe"] == 3
    assert counts["cloudwatch", "GetMetricData"] == 1
