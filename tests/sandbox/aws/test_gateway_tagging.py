"""The Tagging API through boto3 and the gateway: one look over everything that carries a tag."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.running_pipes import ACCOUNT, REGION, SESSION, Stage, stage


@pytest.fixture(scope="module")
def mark() -> str:
    """The value of the tag that only this module's resources carry."""
    return uuid.uuid4().hex[:8]


@pytest.fixture
async def built(mark: str) -> AsyncIterator[Stage]:
    """A stage with a tagged pipe, queue, table, log group and secret beside the untagged ones."""
    async with stage() as made:
        tags = [{"Key": "app", "Value": mark}]
        await made.pipes("create_pipe", **made.settings(), Tags={"app": mark, "flow": "cache-put"})
        await made.call("sqs.CreateQueue", QueueName=f"tagged-{made.id}", tags={"app": mark, "flow": "dead"})
        await made.call("dynamodb.TagResource", ResourceArn=made.stream_arn.partition("/stream")[0], Tags=tags)
        await made.call("logs.CreateLogGroup", logGroupName=f"tagged-{made.id}", tags={"app": mark})
        await made.call("secretsmanager.CreateSecret", Name=f"tagged-{made.id}", SecretString="x", Tags=tags)
        yield made


def found(built: Stage, mark: str, region: str = REGION, **arguments: Any) -> dict[str, dict[str, str]]:
    """ARN → tags of all that carry the stage's mark, as boto3's own paginator finds them."""
    client = SESSION.client("resourcegroupstaggingapi", region_name=region, endpoint_url=built.client.meta.endpoint_url)
    filters = [{"Key": "app", "Values": [mark]}, *arguments.pop("TagFilters", [])]
    pages = client.get_paginator("get_resources").paginate(TagFilters=filters, **arguments)
    return {
        each["ResourceARN"]: {tag["Key"]: tag["Value"] for tag in each["Tags"]}
        for page in pages
        for each in page["ResourceTagMappingList"]
        if built.id in each["ResourceARN"]
    }


async def look(built: Stage, mark: str, **arguments: Any) -> dict[str, dict[str, str]]:
    """`found` from a thread, because the gateway runs on this loop."""
    return await asyncio.to_thread(found, built, mark, **arguments)


async def test_everything_with_a_tag_is_found_pipes_included(built: Stage, mark: str) -> None:
    tagged = await look(built, mark)

    assert {arn.split(":")[2] for arn in tagged} == {"pipes", "sqs", "dynamodb", "logs", "secretsmanager"}
    assert tagged[f"arn:aws:pipes:{REGION}:{ACCOUNT}:pipe/pipe-{built.id}"] == {"app": mark, "flow": "cache-put"}
    assert tagged[f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:tagged-{built.id}"] == {"app": mark}


@pytest.mark.parametrize(
    ("arguments", "services"),
    [
        ({"ResourceTypeFilters": ["pipes"]}, ["pipes"]),
        ({"ResourceTypeFilters": ["pipes:pipe", "sqs"]}, ["pipes", "sqs"]),
        ({"ResourceTypeFilters": ["dynamodb:table", "logs:log-group"]}, ["dynamodb", "logs"]),
        ({"ResourceTypeFilters": ["secretsmanager:secret"]}, ["secretsmanager"]),
        ({"ResourceTypeFilters": ["pipes:nothing"]}, []),
        ({"TagFilters": [{"Key": "flow"}]}, ["pipes", "sqs"]),
        ({"TagFilters": [{"Key": "flow", "Values": ["dead", "x"]}]}, ["sqs"]),
        ({"TagFilters": [{"Key": "flow", "Values": ["x"]}]}, []),
    ],
)
async def test_filters_narrow_what_is_found(
    built: Stage, mark: str, arguments: dict[str, Any], services: list[str]
) -> None:
    assert sorted(arn.split(":")[2] for arn in await look(built, mark, **arguments)) == services


async def test_small_pages_lose_nothing(built: Stage, mark: str) -> None:
    assert await look(built, mark, PaginationConfig={"PageSize": 1}) == await look(built, mark)


async def test_another_region_has_none_of_it(built: Stage, mark: str) -> None:
    assert await look(built, mark, region="eu-west-1") == {}


async def test_an_untagged_pipe_is_no_longer_found(built: Stage, mark: str) -> None:
    arn = f"arn:aws:pipes:{REGION}:{ACCOUNT}:pipe/pipe-{built.id}"

    await built.pipes("untag_resource", resourceArn=arn, tagKeys=["app"])

    assert arn not in await look(built, mark)


async def test_named_arns_are_looked_up_and_take_no_filters(built: Stage) -> None:
    client = SESSION.client("resourcegroupstaggingapi", endpoint_url=built.client.meta.endpoint_url)
    arn = f"arn:aws:pipes:{REGION}:{ACCOUNT}:pipe/pipe-{built.id}"

    answer = await asyncio.to_thread(client.get_resources, ResourceARNList=[arn, arn + "-not"])

    assert [each["ResourceARN"] for each in answer["ResourceTagMappingList"]] == [arn]
    with pytest.raises(ClientError, match="ResourceARNList") as caught:
        await asyncio.to_thread(client.get_resources, ResourceARNList=[arn], ResourceTypeFilters=["pipes"])
    assert caught.value.response["Error"]["Code"] == "InvalidParameterException"
