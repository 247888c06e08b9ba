"""ARNs in China and GovCloud."""

from __future__ import annotations

import json

import botocore.session
import pytest

from core import names
from provision import policies, stack
from provision.model import Declared
from provision.partition import partition_of
from provision.planner import resolved
from provision.secret_text import SecretText
from provision.settings import PRODUCTION


def test_every_region_that_botocore_knows_is_in_its_partition() -> None:
    session = botocore.session.get_session()
    known = {
        region: partition
        for partition in session.get_available_partitions()
        for region in session.get_available_regions("dynamodb", partition, allow_non_regional=False)
    }

    assert len(known) > 20
    assert {region: partition_of(region) for region in known} == known


@pytest.mark.parametrize(
    ("region", "partition"), [("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov"), ("eu-west-1", "aws")]
)
def test_trust_and_policies_name_arns_of_the_partition(region: str, partition: str) -> None:
    place = stack.Place(region, "123456789012", "https://x.example.com")
    role = next(each for each in made(place) if each.address == "role")
    trust = resolved(role.attributes, {})["Trust"]["Statement"][0]["Condition"]["ArnLike"]["aws:SourceArn"]
    printed = [json.dumps(policy(names.DEFAULT, place)) for policy in POLICIES]

    assert {arn.split(":")[1] for arn in trust} == {partition}
    assert all(f'"arn:{partition}:' in text for text in printed)
    assert partition == "aws" or not any('"arn:aws:' in text for text in printed)


POLICIES = (policies.provisioner, policies.reader, policies.operator)


def made(place: stack.Place) -> tuple[Declared, ...]:
    return stack.declared(names.DEFAULT, PRODUCTION, place, SecretText("key"))
