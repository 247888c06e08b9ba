"""The audit log: an intent before the act, its outcome after it, and nothing is ever taken away."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.stub import Stubber

from core.aws import Aws
from core.config import AwsAccess
from core.errors import DashboardError, NotAuthorized
from sandbox.state import SandboxState
from services.audit.log import ENTRY_BYTES, RETENTION_DAYS, Audit, Stage
from tests.support.running_pipeline import aws_access


@pytest.fixture
def aws(sandbox_stack: SandboxState) -> Iterator[Aws]:
    made = Aws(
        AwsAccess(
            region=sandbox_stack.region,
            access_key_id=sandbox_stack.aws_access_key_id,
            secret_access_key=sandbox_stack.aws_secret_access_key,
            endpoint_url=sandbox_stack.aws_endpoint,
        )
    )
    yield made
    made.close()


def test_an_act_is_told_from_intent_to_outcome(aws: Aws) -> None:
    since = time.time() - 1
    act = Audit(aws).begin("Repair dead letters", "ann@example.com", "Key was revoked", messages=2)
    lines: list[dict[str, Any]] = [{"message": "m-1", "key": "Tromsø"}, {"message": "m-2", "key": 'O"Fallon'}]
    act.end("2 repaired", lines, repaired=2)

    # Another dashboard reads it.
    entries = [entry for entry in Audit(aws).entries(since) if entry.act_id == act.id]

    assert {(entry.act, entry.who, entry.why) for entry in entries} == {
        ("Repair dead letters", "ann@example.com", "Key was revoked")
    }
    by_stage = {entry.stage: entry.details for entry in entries}
    assert by_stage[Stage.INTENT] == {"lines": 0, "messages": 2}
    assert by_stage[Stage.DETAIL] == {"lines": lines}
    assert by_stage[Stage.OUTCOME] == {"outcome": "2 repaired", "lines": 2, "repaired": 2}
    assert Audit(aws).entries(time.time() + 60) == ()


def test_a_log_that_is_made_here_keeps_its_entries_for_a_year(aws: Aws, sandbox_stack: SandboxState) -> None:
    elsewhere = Aws(aws_access(sandbox_stack, region="eu-west-3"))
    audit = Audit(elsewhere)

    audit.begin("Stop a pipe", "local", "drill").end("done", [])

    (group,) = elsewhere.logs.describe_log_groups(logGroupNamePrefix=audit.group)["logGroups"]
    assert group["retentionInDays"] == RETENTION_DAYS
    elsewhere.close()


def test_a_log_that_may_not_be_told_how_long_to_keep_takes_entries_all_the_same(aws: Aws) -> None:
    with Stubber(aws.patient.logs) as stub:
        stub.add_response("create_log_group", {})
        stub.add_client_error("put_retention_policy", "AccessDeniedException", "not allowed")
        stub.add_response("create_log_stream", {})
        stub.add_response("put_log_events", {})

        Audit(aws).begin("Stop a pipe", "local", "drill")

        stub.assert_no_pending_responses()


def test_a_long_outcome_takes_several_entries_and_loses_no_line(aws: Aws) -> None:
    since = time.time() - 1
    act = Audit(aws).begin("Delete dead letters", "local", "")
    lines = [{"message": f"m-{number}", "key": "æ" * 1000} for number in range(ENTRY_BYTES // 2000)]
    act.end("deleted", lines)

    details = [entry for entry in Audit(aws).entries(since) if entry.act_id == act.id and entry.stage is Stage.DETAIL]

    assert len(details) > 1
    told = [line["message"] for entry in details for line in entry.details["lines"]]
    assert sorted(told) == sorted(line["message"] for line in lines)


def test_an_act_whose_intent_cannot_be_written_does_not_begin(aws: Aws) -> None:
    with Stubber(aws.patient.logs) as stub:
        stub.add_client_error("create_log_group", "AccessDeniedException", "not allowed")

        with pytest.raises(NotAuthorized, match="Writing to audit log"):
            Audit(aws).begin("Purge the queue", "local", "")


def test_what_others_wrote_into_the_group_is_passed_over(aws: Aws) -> None:
    audit = Audit(aws)
    act = audit.begin("Stop a pipe", "local", "drill")
    now = int(time.time() * 1000)
    aws.logs.create_log_stream(logGroupName=audit.group, logStreamName=f"foreign-{now}")
    for message in ("hello", '{"actId": 1}', "[]", '{"actId":"a","stage":"?","act":"","who":"","why":"","at":1}'):
        aws.logs.put_log_events(
            logGroupName=audit.group,
            logStreamName=f"foreign-{now}",
            logEvents=[{"timestamp": now, "message": message}],
        )

    entries = audit.entries(time.time() - 60)

    assert act.id in {entry.act_id for entry in entries}
    assert all(entry.act for entry in entries)


def test_an_audit_log_that_cannot_be_read_says_so(aws: Aws) -> None:
    with Stubber(aws.patient.logs) as stub:
        stub.add_client_error("filter_log_events", "ThrottlingException", "Rate exceeded")

        with pytest.raises(DashboardError, match="Reading audit log"):
            Audit(aws).entries(0)


def test_a_reading_gives_the_newest_and_says_that_there_is_more(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    since, name = time.time() - 1, f"Drill {time.time_ns()}"
    for number in range(3):
        Audit(aws).begin(name, "local", str(number))
    whole = Audit(aws).read(since, act=name)
    monkeypatch.setattr("services.audit.log.MOST_BYTES", 1)
    with Stubber(aws.patient.logs) as stub:
        message = '{"actId":"a","stage":"intent","act":"x","who":"","why":"","at":1,"details":{}}'
        stub.add_response("filter_log_events", {"events": [{"message": message}], "nextToken": "more"})
        cut = Audit(aws).read(since)

    assert whole.complete
    assert {entry.why for entry in whole.entries} == {"0", "1", "2"}
    assert (len(cut.entries), cut.complete) == (1, False)
