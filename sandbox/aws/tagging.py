"""GetResources of the Tagging API over all that the sandbox has: what the emulator finds, and what it does not.

The emulator finds tables, queues and topics; log groups, secrets and our pipes are added here (`facts/emulators.md`).
Resources come in the order of their ARNs. A resource that never had a tag is not listed, as on AWS.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any, Protocol

from starlette.types import ASGIApp, Receive, Scope, Send

from sandbox.aws.calls import AwsCaller
from sandbox.aws.json_http import header, read_json, region_of, send_error, send_json

_GET_RESOURCES = b"ResourceGroupsTaggingAPI_20170126.GetResources"
#: Resources to a page when the caller names no number; also the most.
_PAGE = 100
#: What goes with ResourceARNList no more (the API's model).
_NOT_WITH_ARNS = ("ResourceTypeFilters", "TagFilters", "ResourcesPerPage", "TagsPerPage", "PaginationToken")

#: ARN → tags.
Tagged = dict[str, dict[str, str]]


class TaggedPipes(Protocol):
    """Who knows the tags of pipes."""

    def tagged(self) -> Tagged:
        """ARN → tags of all pipes that have any, of all regions."""
        ...


class InvalidParameter(Exception):
    """Raised when arguments of GetResources contradict each other or cannot be read."""


class TaggingFront:
    """An ASGI app that answers GetResources itself and hands every other call on."""

    def __init__(self, next_app: ASGIApp, aws: AwsCaller, pipes: TaggedPipes) -> None:
        self._next = next_app
        self._aws = aws
        self._pipes = pipes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or header(scope, b"x-amz-target") != _GET_RESOURCES:
            await self._next(scope, receive, send)
            return
        try:
            arguments = await read_json(receive)
            region = region_of(scope)
            pipes = {arn: tags for arn, tags in self._pipes.tagged().items() if arn.split(":")[3] == region}
            answer = get_resources({**await _of_emulator(self._aws, region), **pipes}, arguments)
        except (InvalidParameter, ValueError) as error:
            await send_error(send, "InvalidParameterException", str(error))
        else:
            await send_json(send, 200, answer)


def get_resources(tagged: Tagged, arguments: dict[str, Any]) -> dict[str, Any]:
    """The answer of GetResources. Raises InvalidParameter."""
    arns = arguments.get("ResourceARNList")
    if arns and any(arguments.get(name) for name in _NOT_WITH_ARNS):
        raise InvalidParameter("ResourceARNList cannot be specified with filters or pagination parameters.")
    after = _arn_of_token(arguments.get("PaginationToken") or "")
    size = arguments.get("ResourcesPerPage") or _PAGE
    if not 1 <= size <= _PAGE:
        raise InvalidParameter(f"ResourcesPerPage must be between 1 and {_PAGE}.")
    found = [
        arn
        for arn, tags in sorted(tagged.items())
        if arn > after
        and (not arns or arn in arns)
        and _is_of_type(arn, arguments.get("ResourceTypeFilters"))
        and _has_tags(tags, arguments.get("TagFilters") or [])
    ]
    page = found[:size]
    return {
        "ResourceTagMappingList": [{"ResourceARN": arn, "Tags": _as_list(tagged[arn])} for arn in page],
        "PaginationToken": base64.urlsafe_b64encode(page[-1].encode()).decode() if len(page) < len(found) else "",
    }


def _is_of_type(arn: str, types: list[str] | None) -> bool:
    """Whether an ARN is of one of the types `service` or `service:resourceType`, as both stand in ARNs.

    An ARN without a resource type, such as a queue's, is of every type of its service.
    """
    if not types:
        return True
    service, resource = arn.split(":", 5)[2::3]
    kind = resource.replace("/", ":").partition(":")[0]
    return any(wanted in (service, f"{service}:{kind}") for wanted in types)


def _has_tags(tags: dict[str, str], filters: list[dict[str, Any]]) -> bool:
    """Whether all keys are there, each with one of its values when it names any."""
    return all(
        each["Key"] in tags and (not each.get("Values") or tags[each["Key"]] in each["Values"]) for each in filters
    )


def _as_list(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _as_dict(tags: list[dict[str, str]]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in tags}


def _arn_of_token(token: str) -> str:
    try:
        return base64.b64decode(token, altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise InvalidParameter("PaginationToken is not valid.") from error


async def _of_emulator(aws: AwsCaller, region: str) -> Tagged:
    answer = await aws.call("resourcegroupstaggingapi.GetResources", {}, region=region)
    found = {each["ResourceARN"]: _as_dict(each["Tags"]) for each in answer["ResourceTagMappingList"]}
    return {**found, **await _log_groups(aws, region), **await _secrets(aws, region)}


async def _log_groups(aws: AwsCaller, region: str) -> Tagged:
    found: Tagged = {}
    page: dict[str, Any] = {}
    while True:
        answer = await aws.call("logs.DescribeLogGroups", page, region=region)
        for group in answer["logGroups"]:
            arn = group["logGroupArn"]
            tags = (await aws.call("logs.ListTagsForResource", {"resourceArn": arn}, region=region))["tags"]
            if tags:
                found[arn] = tags
        if not answer.get("nextToken"):
            return found
        page = {"nextToken": answer["nextToken"]}


async def _secrets(aws: AwsCaller, region: str) -> Tagged:
    found: Tagged = {}
    page: dict[str, Any] = {}
    while True:
        answer = await aws.call("secretsmanager.ListSecrets", page, region=region)
        found |= {each["ARN"]: _as_dict(each["Tags"]) for each in answer["SecretList"] if each.get("Tags")}
        if not answer.get("NextToken"):
            return found
        page = {"NextToken": answer["NextToken"]}
