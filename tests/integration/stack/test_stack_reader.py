"""A look at the whole stack, over the wire: that it changes nothing, and needs no more rights than a reader has."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from core import names
from core.aws import Aws
from core.momento_client import MomentoCache
from provision import policies
from provision.model import Declared
from provision.settings import PRODUCTION
from provision.stack import Place
from sandbox.state import SandboxState
from services.stack.reader import PROFILES, StackReader
from services.stack.report import Difference, StackReport, Standing
from tests.support.provisioned import stack
from tests.support.running_pipeline import aws_access, momento_address

#: Names that botocore's events have for services, where IAM has others.
IN_IAM = {"cloudwatch-logs": "logs", "eventbridge": "events", "secrets-manager": "secretsmanager"}


@dataclass(frozen=True)
class Looks:
    """What looks at a stack of the profile production gave, by the profile it was held against; and their calls."""

    against: dict[str, StackReport]
    declared: tuple[Declared, ...]
    calls: set[str]


@pytest.fixture(scope="module")
def looks(sandbox_stack: SandboxState) -> Iterator[Looks]:
    """Looks at a stack that only these tests know."""
    aws, address = Aws(aws_access(sandbox_stack)), momento_address(sandbox_stack)
    cache = MomentoCache(address)
    reader = StackReader(aws, cache, address, sandbox_stack.momento_api_key)
    with stack(sandbox_stack, "looked-at", PRODUCTION) as built:
        built.up()
        names.choose(built.names)
        against = {profile: reader.read(profile) for profile in PROFILES}
        names.choose(names.DEFAULT)
        calls = {f"{IN_IAM.get(each.service, each.service)}:{each.operation}" for each in aws.calls.counts()}
        yield Looks(against, built.declared, calls)
        built.aws.dynamodb.update_table(TableName=built.names.table, DeletionProtectionEnabled=False)
        built.down()
    reader.close()
    cache.close()
    aws.close()


def test_a_stack_is_as_the_profile_declares_it_that_made_it(looks: Looks, sandbox_stack: SandboxState) -> None:
    report = looks.against["production"]

    assert report.as_declared, report.summary()
    assert {part.address for part in report.parts} == {each.address for each in looks.declared}
    assert (report.account, report.region) == (sandbox_stack.account_id, sandbox_stack.region)
    assert sandbox_stack.momento_api_key not in repr(report)
    assert all(part.arn.startswith("arn:") for part in report.parts if part.kind != "Momento cache")


def test_against_another_profile_it_differs_and_has_more(looks: Looks) -> None:
    report = looks.against["original"]

    assert report.count(Standing.EXTRA) == len(looks.declared) - 13
    assert report.count(Standing.MISSING) == 0
    pipe = next(part for part in report.parts if part.address == "pipe/cache-put")
    assert Difference("SourceParameters.DynamoDBStreamParameters.MaximumRetryAttempts", "0", "10") in pipe.differences


def test_a_look_needs_no_more_than_a_readers_rights_and_the_key(looks: Looks, sandbox_stack: SandboxState) -> None:
    place = Place(sandbox_stack.region, sandbox_stack.account_id, "")
    allowed = set(policies.actions(policies.reader(names.DEFAULT, place)))

    # Who one is may always be asked; without the secret's value the key is not compared.
    assert looks.calls - allowed == {"sts:GetCallerIdentity", "secretsmanager:GetSecretValue"}
