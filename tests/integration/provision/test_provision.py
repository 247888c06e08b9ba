"""Provisioning, over the wire: what it creates, that it can be repeated, and that it takes away what it made."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.stack import RunningSandbox, running_sandbox
from core import names
from core.names import StackNames
from provision import policies
from provision.model import Action, Change, Plan
from provision.observation import observe_settled
from provision.settings import ORIGINAL, PRODUCTION
from provision.stack import Place
from sandbox.state import SandboxState
from tests.support.provisioned import Stack, stack

PROJECT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    """A sandbox that these tests may take apart."""
    with running_sandbox(tmp_path_factory.mktemp("provision")) as running:
        yield running


@pytest.fixture
def state(own: RunningSandbox) -> SandboxState:
    return own.state


def actions(planned: Plan) -> dict[str, Action]:
    return {step.address: step.action for step in planned.steps if step.action is not Action.KEEP}


def changes(planned: Plan, address: str) -> tuple[Change, ...]:
    return next(step.changes for step in planned.steps if step.address == address)


def tagged(built: Stack) -> list[str]:
    """ARNs of all that carries the stack's tags: roles apart, which the Tagging API does not list."""
    client = built.aws._session.client("resourcegroupstaggingapi", endpoint_url=built.aws._endpoint_url)
    pages = client.get_paginator("get_resources").paginate(TagFilters=[{"Key": "Stack", "Values": [built.names.stack]}])
    return [each["ResourceARN"] for page in pages for each in page["ResourceTagMappingList"]]


def test_the_sandbox_comes_up_with_the_whole_stack_as_declared(state: SandboxState) -> None:
    with stack(state, "") as built:
        planned = built.plan()
        states = {address: found.state for address, found in built.seen().items() if found}

    assert planned.empty
    assert len(states) == 13
    assert [states[f"pipe/{flow}"] for flow in names.FLOWS] == ["RUNNING"] * 3


@pytest.mark.parametrize("settings", [ORIGINAL, PRODUCTION], ids=["original", "production"])
def test_up_twice_plans_nothing_and_down_leaves_nothing(state: SandboxState, settings: Any) -> None:
    with stack(state, "twice", settings) as built:
        first = built.up()
        again = built.plan()
        marked = tagged(built)
        if settings.protection:
            built.aws.dynamodb.update_table(TableName=built.names.table, DeletionProtectionEnabled=False)
        last = built.down()

        assert first.complete, first.failed
        assert len({*first.done} - {"cache"}) == (20 if settings.alarms else 12)
        assert again.empty, again
        assert {arn.split(":")[2] for arn in marked} >= {"dynamodb", "sqs", "logs", "secretsmanager", "pipes"}
        assert last.complete, last.failed
        assert tagged(built) == []
        assert [address for address, found in built.seen().items() if found] == ["cache"]


def test_one_profile_becomes_the_other(state: SandboxState) -> None:
    with stack(state, "both", ORIGINAL) as built:
        assert built.up().complete
    with stack(state, "both", PRODUCTION) as built:
        planned = built.plan()
        outcome = built.up()
        assert outcome.complete, outcome.failed
        assert built.plan().empty
    with stack(state, "both", ORIGINAL) as built:
        back = built.up()
        assert back.complete, back.failed
        built.down()

    assert actions(planned) == {
        "table": Action.CHANGE,
        "queue": Action.CHANGE,
        "role": Action.CHANGE,
        **{f"pipe/{flow}": Action.REPLACE for flow in names.FLOWS},
        "alarm/letters": Action.CREATE,
        "alarm/oldest-letter": Action.CREATE,
        **{f"alarm/{flow}-failures": Action.CREATE for flow in names.FLOWS},
        "alarm/no-cache-deliveries": Action.CREATE,
        "alarm/no-topic-deliveries": Action.CREATE,
        "dashboard": Action.CREATE,
    }
    assert len([address for address in back.done if address.startswith(("alarm/", "dashboard"))]) == 8


def test_alarms_tell_an_address_and_go_when_they_are_no_longer_declared(state: SandboxState) -> None:
    told = replace(ORIGINAL, alarms=True, alarm_email="on-call@example.com")
    with stack(state, "alarms", told) as built:
        assert built.up().complete
        assert built.plan().empty
        topic = built.seen()["alerts"].outputs["arn"]
        (alarm,) = built.aws.cloudwatch.describe_alarms(AlarmNames=[built.names.alarm("letters")])["MetricAlarms"]
        (subscription,) = built.aws.sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
        built.aws.cloudwatch.put_metric_alarm(
            AlarmName=built.names.alarm("oldest-letter"),
            Namespace="AWS/SQS",
            MetricName="ApproximateAgeOfOldestMessage",
            Statistic="Maximum",
            Period=60,
            EvaluationPeriods=1,
            Threshold=60.0,
            ComparisonOperator="GreaterThanThreshold",
        )
        loosened = changes(built.plan(), "alarm/oldest-letter")
    with stack(state, "alarms") as without:
        assert without.up().complete
        left = [address for address, found in without.seen().items() if found]
        assert without.plan().empty
        without.down()

    assert (alarm["AlarmActions"], alarm["Dimensions"][0]["Value"]) == ([topic], built.names.queue)
    assert subscription["Endpoint"] == "on-call@example.com"
    assert Change("Threshold", "60.0", "3600.0") in loosened
    assert not [address for address in left if address.startswith("al")]


def test_dashboard_and_alarms_on_expressions_are_put_back_as_they_were(state: SandboxState) -> None:
    with stack(state, "board", PRODUCTION) as built:
        assert built.up().complete
        cloudwatch = built.aws.cloudwatch
        board, silence = built.names.dashboard(state.region), built.names.alarm("no-cache-deliveries")
        body = json.loads(cloudwatch.get_dashboard(DashboardName=board)["DashboardBody"])
        # When somebody moves a picture, drops another, loosens an expression, and silences an alarm
        body["widgets"] = [each for each in body["widgets"] if each["properties"].get("title") != "Failures"]
        body["widgets"][-1]["height"] = 9
        cloudwatch.put_dashboard(DashboardName=board, DashboardBody=json.dumps(body))
        (alarm,) = cloudwatch.describe_alarms(AlarmNames=[silence])["MetricAlarms"]
        looser = [
            {**each, **({"Expression": "0 * writes"} if "Expression" in each else {})} for each in alarm["Metrics"]
        ]
        kept = ("AlarmName", "EvaluationPeriods", "DatapointsToAlarm", "Threshold", "ComparisonOperator")
        cloudwatch.put_metric_alarm(Metrics=looser, **{name: alarm[name] for name in kept})
        cloudwatch.disable_alarm_actions(AlarmNames=[built.names.alarm("letters")])
        planned = built.plan()
        # Then the plan names what differs, and `up` puts it back
        assert {each.path.split(".")[1] for each in changes(planned, "dashboard")} == {
            "Failures",
            "Newest errors of the pipes",
        }
        assert {"Metrics", "TreatMissingData"} <= {each.path for each in changes(planned, "alarm/no-cache-deliveries")}
        assert changes(planned, "alarm/letters") == (Change("ActionsEnabled", "false", "true"),)
        assert built.up().complete
        assert built.plan().empty
        built.aws.dynamodb.update_table(TableName=built.names.table, DeletionProtectionEnabled=False)
        built.down()


def test_somebody_elses_dashboard_stops_the_plan(state: SandboxState) -> None:
    with stack(state, "theirs", PRODUCTION) as built:
        board = built.names.dashboard(state.region)
        built.aws.cloudwatch.put_dashboard(DashboardName=board, DashboardBody='{"widgets": []}')

        (reason,) = built.plan().blocked

        assert board in reason
        assert not built.plan(adopt=True).blocked
        built.aws.cloudwatch.delete_dashboards(DashboardNames=[board])


def test_what_somebody_changed_by_hand_is_found_and_put_right(state: SandboxState) -> None:
    with stack(state, "drift") as built:
        built.up()
        queue = built.aws.sqs.get_queue_url(QueueName=built.names.queue)["QueueUrl"]
        built.aws.sqs.set_queue_attributes(QueueUrl=queue, Attributes={"MessageRetentionPeriod": "60"})
        built.aws.pipes.update_pipe(
            Name=built.names.pipe("cache-delete"),
            RoleArn=built.seen()["role"].outputs["arn"],
            SourceParameters={
                "FilterCriteria": {"Filters": []},
                "DynamoDBStreamParameters": {"MaximumRetryAttempts": 3},
            },
        )
        wait_until_settled(built)
        built.aws.iam.delete_role_policy(RoleName=built.names.role, PolicyName=names.ROLE_POLICY)
        built.aws.logs.delete_log_group(logGroupName=built.names.log_group(state.region))
        built.aws.events.update_api_destination(Name=built.names.api_destination("cache-put"), HttpMethod="POST")

        found = built.plan()
        outcome = built.up()

        assert actions(found)["log-group"] is Action.CREATE
        assert changes(found, "queue") == (Change("MessageRetentionPeriod", "60", "1209600"),)
        assert changes(found, "destination/cache-put") == (Change("HttpMethod", "POST", "PUT"),)
        assert actions(found)["role"] is Action.CHANGE
        assert {each.path for each in changes(found, "pipe/cache-delete")} >= {
            "SourceParameters.FilterCriteria.Filters"
        }
        assert outcome.complete, outcome.failed
        assert built.plan().empty
        built.down()


def test_a_pipe_that_failed_to_change_says_why_and_is_put_right(state: SandboxState) -> None:
    with stack(state, "broken") as built:
        built.up()
        role = built.seen()["role"].outputs["arn"]
        built.aws.iam.delete_role_policy(RoleName=built.names.role, PolicyName=names.ROLE_POLICY)
        built.aws.pipes.update_pipe(Name=built.names.pipe("cache-put"), RoleArn=role)
        wait_until_settled(built)

        (condition,) = [each for each in changes(built.plan(), "pipe/cache-put") if each.path == "Condition"]

        assert condition.old.startswith("UPDATE_FAILED: ")
        assert built.up().complete
        assert built.plan().empty
        built.down()


def test_a_pipe_whose_role_was_not_known_yet_is_made_anew(state: SandboxState) -> None:
    with stack(state, "early") as built:
        built.up()
        # Given a pipe that failed to be created, as AWS does while a new role is not known everywhere
        pipe = built.names.pipe("cache-put")
        found: Any = built.aws.pipes.describe_pipe(Name=pipe)
        built.aws.pipes.delete_pipe(Name=pipe)
        wait_until_settled(built)
        built.aws.iam.delete_role_policy(RoleName=built.names.role, PolicyName=names.ROLE_POLICY)
        kept = ("Source", "SourceParameters", "Target", "TargetParameters", "RoleArn", "LogConfiguration", "Tags")
        built.aws.pipes.create_pipe(Name=pipe, **{key: found[key] for key in kept})
        wait_until_settled(built)
        # When it is planned and brought up
        planned = built.plan()
        outcome = built.up()
        # Then it is replaced, with AWS's own reason
        (step,) = [each for each in planned.steps if each.address == "pipe/cache-put"]
        assert (step.action, step.reason[:13]) == (Action.REPLACE, "CREATE_FAILED")
        assert outcome.complete, outcome.failed
        assert built.plan().empty
        built.down()


def wait_until_settled(built: Stack) -> None:
    observe_settled(built.declared, built.kinds, lambda *_: None)


def test_pipes_follow_a_table_that_was_made_anew(state: SandboxState) -> None:
    with stack(state, "anew") as built:
        built.up()
        built.aws.dynamodb.delete_table(TableName=built.names.table)

        assert built.up().complete

        stream = built.aws.dynamodb.describe_table(TableName=built.names.table)["Table"]["LatestStreamArn"]
        sources = {built.aws.pipes.describe_pipe(Name=pipe)["Source"] for pipe in built.names.pipes}
        assert sources == {stream}
        built.down()


def test_a_new_key_reaches_secret_and_connection_and_is_never_shown(state: SandboxState) -> None:
    with stack(state, "rotate") as built:
        built.up()
    with stack(state, "rotate", api_key="a-key-made-anew") as built:
        planned = built.plan()
        assert built.up().complete
        assert built.plan().empty
        value = built.aws.secrets.get_secret_value(SecretId=built.names.secret)["SecretString"]
        built.down()

    assert value == "a-key-made-anew"
    assert changes(planned, "secret") == (Change("Value", "(secret)", "(secret)"),)
    assert changes(planned, "connection") == (Change("Key", "(secret)", "(secret)"),)
    assert "a-key-made-anew" not in repr(planned) + repr(built.declared)


def test_what_carries_no_tags_of_ours_stops_the_plan_until_it_is_adopted(state: SandboxState) -> None:
    with stack(state, "adopt") as built:
        built.aws.sqs.create_queue(QueueName=built.names.queue, Attributes={"MessageRetentionPeriod": "1209600"})
        blocked = built.plan()
        refused = built.down()
        adopted = built.plan(adopt=True)
        outcome = built.up(adopt=True)

        assert ["queue" in reason for reason in blocked.blocked] == [True]
        assert refused.done == ()
        assert actions(adopted)["queue"] is Action.CHANGE
        assert outcome.complete, outcome.failed
        assert built.plan().empty
        built.down()


def test_what_another_stack_has_is_not_adopted(state: SandboxState) -> None:
    with stack(state, "first") as built:
        other = {"Project": names.PROJECT, "Stack": "another"}
        queue = built.aws.sqs.create_queue(QueueName=built.names.queue, tags=other)["QueueUrl"]

        assert len(built.plan(adopt=True).blocked) == 1

        built.aws.sqs.delete_queue(QueueUrl=queue)


def provision_command(folder: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "MOMENTO_"))}
    return subprocess.run(
        [sys.executable, "-m", "provision", *arguments],
        cwd=PROJECT,
        env={**environment, "SANDBOX_DIR": str(folder), "TARGET": "sandbox", **settings},
        input="",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_command_line_tells_what_is_there(own: RunningSandbox) -> None:
    done = provision_command(own.folder, "status")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("RUNNING") == 3
    assert own.state.momento_api_key not in done.stdout + done.stderr


def test_down_and_up_without_a_yes_do_nothing(own: RunningSandbox) -> None:
    down = provision_command(own.folder, "down")
    up = provision_command(own.folder, "up", "--prefix", "unasked")
    assert (down.returncode, up.returncode) == (1, 1)
    assert "Nothing was deleted" in down.stdout
    assert "Nothing was changed" in up.stdout
    with stack(own.state, "unasked") as built:
        assert not any(built.seen().values())


def test_a_saved_plan_is_done_exactly_or_refused(own: RunningSandbox, tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    # Given a plan for a stack, saved
    saved = provision_command(own.folder, "plan", "--prefix", "saved", "--retries", "7", "--out", str(file))
    assert saved.returncode == 2, saved.stderr
    assert own.state.momento_api_key not in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600
    # When somebody creates one of its resources meanwhile
    with stack(own.state, "saved") as built:
        tags = {"Project": names.PROJECT, "Stack": built.names.stack}
        queue = built.aws.sqs.create_queue(QueueName=built.names.queue, tags=tags)["QueueUrl"]
        refused = provision_command(own.folder, "up", str(file))
        # Then it is refused, and nothing was done
        assert refused.returncode == 1
        assert "queue: planned was to create it, now it would be to change it" in refused.stderr
        assert not built.seen()["table"]
        # And when the world is again as it was, it is done without another question
        built.aws.sqs.delete_queue(QueueUrl=queue)
        assert provision_command(own.folder, "up", str(file)).returncode == 0
        source = built.aws.pipes.describe_pipe(Name=built.names.pipe("cache-put"))["SourceParameters"]
        assert source["DynamoDBStreamParameters"]["MaximumRetryAttempts"] == 7
        built.down()


def test_drift_and_plan_say_with_their_exit_code_that_something_differs(own: RunningSandbox) -> None:
    def code(*arguments: str) -> int:
        return provision_command(own.folder, *arguments).returncode

    assert (code("plan"), code("drift", "--fail")) == (0, 0)
    assert (
        code("plan", "--retries", "3"),
        code("drift", "--retries", "3"),
        code("drift", "--fail", "--retries", "3"),
    ) == (
        2,
        0,
        2,
    )
    assert code("plan", "--nonsense") == 1
    listed = json.loads(provision_command(own.folder, "plan", "--json").stdout)
    assert {step["action"] for step in listed["steps"]} == {"keep"}
    outputs = json.loads(provision_command(own.folder, "outputs", "--json").stdout)
    assert outputs["pipe/cache-put"]["arn"].endswith(names.pipe("cache-put"))


def test_a_protected_table_is_not_deleted_unless_told(own: RunningSandbox) -> None:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return provision_command(own.folder, *arguments, "--prefix", "kept", "--yes")

    assert run("up", "--profile", "production").returncode == 0
    refused = run("down")
    assert refused.returncode == 1
    assert "--keep-table" in refused.stderr
    assert run("down", "--keep-table").returncode == 0
    with stack(own.state, "kept") as built:
        assert [address for address, found in built.seen().items() if found] == ["cache", "table"]
    assert run("down", "--unprotect").returncode == 0
    with stack(own.state, "kept") as built:
        assert [address for address, found in built.seen().items() if found] == ["cache"]


def begun(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "MOMENTO_"))}
    return subprocess.Popen(
        [sys.executable, "-m", "provision", *arguments],
        cwd=PROJECT,
        env={**environment, "SANDBOX_DIR": str(folder), "TARGET": "sandbox"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_ctrl_c_finishes_what_is_in_hand_and_says_what_is_not_done(own: RunningSandbox) -> None:
    with begun(own.folder, "up", "--yes", "--prefix", "halved") as process:
        assert process.stdout is not None
        # When it is pressed as soon as the first step is under way
        for line in process.stdout:
            if "…" in line:
                process.send_signal(signal.SIGINT)
                break
        said, complaints = process.communicate(timeout=60)
    # Then what was begun is done, the pipes are not, and the next run goes on
    assert process.returncode == 1
    assert "done in" in said
    assert "Stopping" in complaints
    assert complaints.count("not done  pipe") == 3
    assert "Traceback" not in complaints
    with stack(own.state, "halved") as built:
        assert built.up().complete
        assert built.plan().empty
        built.down()


def test_a_reader_that_goes_away_is_no_traceback(own: RunningSandbox) -> None:
    with begun(own.folder, "outputs") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        complaints = process.stderr.read()

    assert process.returncode == 1
    assert complaints == ""


def test_a_half_configured_environment_is_refused_with_the_names(own: RunningSandbox) -> None:
    done = provision_command(own.folder, "up", TARGET="", AWS_ACCESS_KEY_ID="AKIAEXAMPLE", MOMENTO_API_KEY="")
    assert done.returncode == 1
    for name in ("AWS_SECRET_ACCESS_KEY", "AWS_REGION", "MOMENTO_API_KEY"):
        assert name in done.stderr
    assert "Traceback" not in done.stderr


def test_no_sandbox_is_a_sentence_and_not_a_traceback(tmp_path: Path) -> None:
    done = provision_command(tmp_path, "status")
    assert done.returncode == 1
    assert "The sandbox is not running" in done.stderr
    assert "Traceback" not in done.stderr


def test_two_stacks_share_no_name() -> None:
    one, other = StackNames(), StackNames("team-1")
    for flow in names.FLOWS:
        assert one.pipe(flow) != other.pipe(flow)
        assert one.api_destination(flow) != other.api_destination(flow)
    assert not {one.table, one.queue, one.secret, one.role, one.cache} & {
        other.table,
        other.queue,
        other.secret,
        other.role,
        other.cache,
    }


def test_the_policy_allows_every_call_that_is_made(state: SandboxState) -> None:
    """A whole life of a stack; `policy` is what the person who runs it needs."""
    with stack(state, "least", PRODUCTION) as built:
        built.up()
        queue = built.aws.sqs.get_queue_url(QueueName=built.names.queue)["QueueUrl"]
        built.aws.sqs.set_queue_attributes(QueueUrl=queue, Attributes={"MessageRetentionPeriod": "60"})
        built.up()
        built.aws.dynamodb.update_table(TableName=built.names.table, DeletionProtectionEnabled=False)
        built.down()
        made = {call.replace(".", ":") for call, _ in built.calls.made}
        place = Place(state.region, state.account_id, state.momento_http_endpoint)
        allowed = set(policies.actions(policies.provisioner(built.names, place)))

    assert made - allowed == set()
    reading = set(policies.actions(policies.reader(built.names, place)))
    operating = set(policies.actions(policies.operator(built.names, place)))
    assert reading < operating
    changing = re.compile(r":(Create|Delete|Put|Update|Set|Tag|Restore|Purge|Start[^Q]|StopPipe|Transact|BatchWrite)")
    assert [action for action in reading if changing.search(action)] == []


def test_the_command_line_speaks_of_the_stack_that_the_settings_name(own: RunningSandbox) -> None:
    by_setting = provision_command(own.folder, "policy", "reader", STACK_PREFIX="team-1")
    by_option = provision_command(own.folder, "policy", "reader", "--prefix", "team-2", STACK_PREFIX="team-1")
    refused = provision_command(own.folder, "policy", STACK_PREFIX="Team")

    assert "table/team-1-weather-stats-demo" in by_setting.stdout
    assert "table/team-2-weather-stats-demo" in by_option.stdout
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "STACK_PREFIX: The prefix 'Team' does not fit" in refused.stderr


def test_the_doctor_finds_nothing_wrong_with_the_sandbox_and_the_policy_is_json(own: RunningSandbox) -> None:
    doctor = provision_command(own.folder, "doctor")
    policy = provision_command(own.folder, "policy", "operator")

    assert doctor.returncode == 0, doctor.stdout
    assert doctor.stdout.count("  ok ") == 6, doctor.stdout
    assert "dynamodb:PutItem" in policies.actions(json.loads(policy.stdout))


def test_a_verification_makes_a_stack_drives_it_and_leaves_nothing(own: RunningSandbox) -> None:
    done = provision_command(own.folder, "verify", "--yes", "--profile", "production", "--prefix", "proof")

    assert done.returncode == 0, done.stdout + done.stderr
    for words in ("is in the cache", "is gone from the cache", "no dead letter", "as declared", "verified"):
        assert words in done.stdout
    with stack(own.state, "proof") as built:
        assert not any(built.seen().values())


def test_a_verification_never_takes_what_is_there_for_what_it_made(own: RunningSandbox) -> None:
    unasked = provision_command(own.folder, "verify")
    with stack(own.state, "standing") as built:
        built.up()
        refused = provision_command(own.folder, "verify", "--yes", "--prefix", "standing")

        assert (unasked.returncode, refused.returncode) == (1, 1)
        assert "nothing of its stack may be there" in refused.stderr
        assert built.plan().empty
        built.down()
