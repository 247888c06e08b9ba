"""The declared stack: names, order, and what the production settings change.

The original settings are held against the demo's template in test_provision_original.py.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from core import names
from core.names import StackNames
from provision import stack
from provision.model import Declared
from provision.planner import in_order, resolved
from provision.secret_text import SecretText
from provision.settings import ORIGINAL, PRODUCTION, Profile, StackSettings

PLACE = stack.Place("us-west-2", "123456789012", "https://api.cache.example.com")
OUTPUTS = {
    stack.TABLE: {"stream_arn": "arn:stream"},
    stack.QUEUE: {"arn": "arn:queue"},
    stack.LOG_GROUP: {"arn": "arn:logs"},
    stack.CONNECTION: {"arn": "arn:connection"},
    stack.ROLE: {"arn": "arn:role"},
    **{stack.destination_address(flow): {"arn": f"arn:{flow}"} for flow in names.FLOWS},
}
TAGS = {"Project": "weather-pipeline-dashboard", "Stack": "weather-stats-demo"}


def declared(settings: StackSettings = ORIGINAL, place: stack.Place = PLACE, prefix: str = "") -> dict[str, Declared]:
    made = stack.declared(StackNames(prefix), settings, place, SecretText("the-key"))
    return {resource.address: resource for resource in made}


def attributes(address: str, settings: StackSettings = ORIGINAL) -> dict[str, Any]:
    return resolved(declared(settings)[address].attributes, OUTPUTS)


#: What can carry no tags; connections and API destinations are known by their description instead.
TAGLESS = {"Momento cache", "connection", "API destination"}


def test_all_that_can_carry_tags_carries_those_of_the_stack() -> None:
    told = replace(PRODUCTION, alarm_email="on-call@example.com")
    for resource in declared(told).values():
        if resource.kind in TAGLESS:
            assert "Tags" not in resource.attributes
        else:
            assert resource.attributes["Tags"] == TAGS, resource.address


@pytest.mark.parametrize(
    ("flow", "method", "endpoint", "description"),
    [
        ("cache-put", "PUT", "https://api.cache.example.com/cache/*", "Cache Set API"),
        ("topic-publish", "POST", "https://api.cache.example.com/topics/*/*", "Topic Publish API"),
        ("cache-delete", "DELETE", "https://api.cache.example.com/cache/*", "Cache Delete API"),
    ],
)
@pytest.mark.parametrize("base", ["https://api.cache.example.com", "https://api.cache.example.com/"])
def test_each_api_destination_calls_its_route(
    flow: str, method: str, endpoint: str, description: str, base: str
) -> None:
    destination = declared(place=stack.Place("us-west-2", "1", base))[f"destination/{flow}"]
    assert resolved(destination.attributes, OUTPUTS) == {
        "Description": description,
        "ConnectionArn": "arn:connection",
        "InvocationEndpoint": endpoint,
        "HttpMethod": method,
    }


def test_the_original_role_may_be_taken_on_by_pipes_and_a_confined_one_by_these_three_only() -> None:
    (original,) = attributes("role")["Trust"]["Statement"]
    (confined,) = attributes("role", PRODUCTION)["Trust"]["Statement"]

    assert original == {
        "Effect": "Allow",
        "Principal": {"Service": "pipes.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
    assert confined["Condition"]["StringEquals"] == {"aws:SourceAccount": "123456789012"}
    assert confined["Condition"]["ArnLike"]["aws:SourceArn"] == [
        f"arn:aws:pipes:us-west-2:123456789012:pipe/weather-stats-demo-{flow}-pipe" for flow in names.FLOWS
    ]


def test_production_retries_begins_at_the_oldest_and_protects_the_table() -> None:
    stream = attributes("pipe/cache-put", PRODUCTION)["SourceParameters"]["DynamoDBStreamParameters"]
    table = attributes("table", PRODUCTION)

    assert (stream["StartingPosition"], stream["MaximumRetryAttempts"]) == ("TRIM_HORIZON", 10)
    assert stream["MaximumRecordAgeInSeconds"] == 3600
    assert (table["BillingMode"], "ProvisionedThroughput" in table) == ("PAY_PER_REQUEST", False)
    assert (table["DeletionProtectionEnabled"], table["PointInTimeRecovery"]) == (True, True)
    assert attributes("queue", PRODUCTION)["SqsManagedSseEnabled"] == "true"


def test_a_chosen_setting_wins_over_the_profile() -> None:
    assert StackSettings.of(Profile.PRODUCTION, retries=0, recovery=None) == StackSettings(
        **{**vars(PRODUCTION), "retries": 0}
    )


def test_the_pipes_wait_for_all_that_they_need() -> None:
    order = [resource.address for resource in in_order(list(declared().values()))]

    assert order.index("table") < order.index("role") < order.index("pipe/cache-put")
    assert order.index("connection") < order.index("secret")
    assert order.index("cache") < order.index("pipe/cache-delete")


@pytest.mark.parametrize("prefix", ["", "t", "team-1", "a23456789012345"])
def test_every_name_of_every_prefix_is_within_its_limit(prefix: str) -> None:
    longest = {"role": 64, "pipe": 64, "API destination": 64, "connection": 64, "queue": 80}
    for resource in declared(prefix=prefix, place=stack.Place("ap-southeast-2", "1", "https://x.y")).values():
        assert len(resource.name) <= longest.get(resource.kind, 255), resource.name


@pytest.mark.parametrize("prefix", ["Team", "1st", "a-", "a_b", "a234567890123456", "-a", "a b"])
def test_a_prefix_that_some_name_cannot_carry_is_refused(prefix: str) -> None:
    with pytest.raises(ValueError, match="prefix"):
        StackNames(prefix)
