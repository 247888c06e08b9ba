"""Provisioning, over the wire: what it creates, that it can be repeated, and that it takes away what it made."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import ANY, Stubber

from bench.stack import running_sandbox
from provision import names, resources, stack
from provision.apply import Momento, up
from provision.clients import Clients, clients
from provision.status import status
from provision.teardown import down
from sandbox.provisioning import session
from sandbox.state import SandboxState

PROJECT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture(scope="module")
def own_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[SandboxState, Path]]:
    """A sandbox that these tests may take apart."""
    folder = tmp_path_factory.mktemp("provision")
    with running_sandbox(folder) as running:
        yield running.state, folder


@pytest.fixture
def stack_clients(own_sandbox: tuple[SandboxState, Path]) -> Clients:
    state, _ = own_sandbox
    return clients(session(state), state.aws_endpoint)


def bring_up(aws: Clients, state: SandboxState) -> list[str]:
    steps: list[str] = []
    momento = Momento(state.momento_http_endpoint, state.momento_api_key, lambda _: None)
    up(aws, momento, lambda kind, name: steps.append(f"{kind} {name}"))
    return steps


def test_the_sandbox_comes_up_with_the_whole_stack(stack_clients: Clients) -> None:
    # Given a sandbox that has just started, when its resources are looked at
    states = {resource.name: resource.state for resource in status(stack_clients)}
    # Then all twelve are there and the pipes run
    assert len(states) == 12
    assert {states[pipe] for pipe in names.PIPES} == {"RUNNING"}
    assert "missing" not in states.values()


def test_what_was_created_is_what_was_declared(stack_clients: Clients) -> None:
    aws = stack_clients
    url = aws.sqs.get_queue_url(QueueName=names.QUEUE)["QueueUrl"]
    attributes = aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert attributes["MessageRetentionPeriod"] == "1209600"
    groups = aws.logs.describe_log_groups(logGroupNamePrefix=names.log_group(aws.region))["logGroups"]
    assert [group["retentionInDays"] for group in groups] == [90]
    policy: Any = aws.iam.get_role_policy(RoleName=names.ROLE, PolicyName=names.ROLE_POLICY)["PolicyDocument"]
    assert len(policy["Statement"]) == 3
    for flow in stack.FLOWS:
        described = aws.pipes.describe_pipe(Name=names.pipe(flow.name))
        ends = stack.PipeEnds(
            described["Source"],
            described["Target"],
            attributes["QueueArn"],
            described["RoleArn"],
            groups[0]["arn"].removesuffix(":*"),
        )
        wanted = stack.pipe(flow, ends)
        assert {name: described[name] for name in wanted} == wanted  # type: ignore[literal-required]


def test_up_can_be_repeated_and_changes_nothing(own_sandbox: tuple[SandboxState, Path], stack_clients: Clients) -> None:
    state, _ = own_sandbox
    before = [stack_clients.pipes.describe_pipe(Name=pipe)["CreationTime"] for pipe in names.PIPES]
    steps = bring_up(stack_clients, state)
    assert len(steps) == 13
    assert before == [stack_clients.pipes.describe_pipe(Name=pipe)["CreationTime"] for pipe in names.PIPES]


def test_down_takes_everything_away_and_up_brings_it_back(
    own_sandbox: tuple[SandboxState, Path], stack_clients: Clients
) -> None:
    state, _ = own_sandbox
    # When the stack is taken down, and once more
    down(stack_clients, lambda kind, name: None)
    down(stack_clients, lambda kind, name: None)
    # Then nothing is left
    assert {resource.state for resource in status(stack_clients)} == {"missing"}
    # And up brings all of it back
    bring_up(stack_clients, state)
    assert "missing" not in {resource.state for resource in status(stack_clients)}


def test_pipes_follow_a_table_that_was_made_anew(
    own_sandbox: tuple[SandboxState, Path], stack_clients: Clients
) -> None:
    state, _ = own_sandbox
    # Given a table that somebody deleted, and so a stream that is gone
    stack_clients.dynamodb.delete_table(TableName=names.TABLE)
    # When the stack is brought up again
    bring_up(stack_clients, state)
    # Then the pipes read the stream of the new table
    stream = stack_clients.dynamodb.describe_table(TableName=names.TABLE)["Table"]["LatestStreamArn"]
    assert {stack_clients.pipes.describe_pipe(Name=pipe)["Source"] for pipe in names.PIPES} == {stream}


def provision_command(folder: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "MOMENTO_"))}
    return subprocess.run(
        [sys.executable, "-m", "provision", *arguments],
        cwd=PROJECT,
        env={**environment, "SANDBOX_DIR": str(folder), **settings},
        input="",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_command_line_tells_what_is_there(own_sandbox: tuple[SandboxState, Path]) -> None:
    done = provision_command(own_sandbox[1], "status", TARGET="sandbox")
    assert done.returncode == 0
    assert done.stdout.count("RUNNING") == 3


def test_down_without_a_yes_deletes_nothing(own_sandbox: tuple[SandboxState, Path]) -> None:
    done = provision_command(own_sandbox[1], "down", TARGET="sandbox")
    assert done.returncode == 1
    assert "Nothing was deleted" in done.stdout
    assert "RUNNING" in provision_command(own_sandbox[1], "status", TARGET="sandbox").stdout


def test_a_half_configured_environment_is_refused_with_the_names(own_sandbox: tuple[SandboxState, Path]) -> None:
    done = provision_command(own_sandbox[1], "up", AWS_ACCESS_KEY_ID="AKIAEXAMPLE", MOMENTO_API_KEY="")
    assert done.returncode == 2
    for name in ("AWS_SECRET_ACCESS_KEY", "AWS_REGION", "MOMENTO_API_KEY"):
        assert name in done.stderr
    assert "Traceback" not in done.stderr


def test_no_sandbox_is_a_sentence_and_not_a_traceback(tmp_path: Path) -> None:
    done = provision_command(tmp_path, "status", TARGET="sandbox")
    assert done.returncode == 2
    assert "The sandbox is not running" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_pipe_that_aws_fails_to_create_is_deleted_and_created_again(monkeypatch: pytest.MonkeyPatch) -> None:
    # Given that the role is not known everywhere yet, so that the first creation fails
    aws = clients(boto3.Session("key", "secret", region_name="us-west-2"))
    flow = stack.FLOWS[0]
    monkeypatch.setattr("provision.resources.time.sleep", lambda seconds: None)
    name = {"Name": names.pipe(flow.name)}
    failed = {**name, "CurrentState": "CREATE_FAILED", "StateReason": "Error occurred while sending message to SQS"}
    with Stubber(aws.pipes) as stub:
        stub.add_client_error("describe_pipe", "NotFoundException", expected_params=name)
        stub.add_response("create_pipe", {"Arn": "arn:1", **name}, None)
        for _ in range(2):
            stub.add_response("describe_pipe", failed, name)
        stub.add_response("delete_pipe", {**name}, name)
        stub.add_client_error("describe_pipe", "NotFoundException", expected_params=name)
        stub.add_response("create_pipe", {"Arn": "arn:2", **name}, _create_parameters(flow))
        for _ in range(2):
            stub.add_response("describe_pipe", {**name, "CurrentState": "RUNNING"}, name)
        # When the pipe is ensured
        arn = resources.ensure_pipe(aws, flow, stack.PipeEnds("s" * 10, "d" * 10, "q" * 10, "r" * 10, "l" * 10))
        # Then the second one is the answer, and every call was made
        assert arn == "arn:2"
        stub.assert_no_pending_responses()


def _create_parameters(flow: stack.Flow) -> dict[str, Any]:
    return dict.fromkeys(stack.pipe(flow, stack.PipeEnds("s", "d", "q", "r", "l")), ANY)


def test_the_key_is_in_the_secret_and_nowhere_in_what_is_printed(
    own_sandbox: tuple[SandboxState, Path], stack_clients: Clients
) -> None:
    state, folder = own_sandbox
    done = provision_command(folder, "up", TARGET="sandbox")
    assert state.momento_api_key not in done.stdout + done.stderr
    assert stack_clients.secrets.get_secret_value(SecretId=names.SECRET)["SecretString"] == state.momento_api_key
    assert state.momento_api_key not in json.dumps(
        stack_clients.events.describe_connection(Name=names.CONNECTION), default=str
    )
