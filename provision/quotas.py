"""Whether the account has room for a stack, before `up` finds out half-way.

What an account may have is asked of Service Quotas, whose names of quotas are not documented as stable: one that is not
found under its name counts with AWS's default (facts/aws-pipes.md, section 9). Roles are counted by IAM itself.
CloudWatch's alarms and dashboards have no quota.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError

from core.names import FLOWS, StackNames
from provision.clients import Clients


@dataclass(frozen=True)
class Room:
    """One kind of thing: its name in the plural, how many others there are, how many may be, how many `up` needs."""

    what: str
    others: int
    quota: int
    needed: int

    @property
    def enough(self) -> bool:
        """Whether the stack fits beside the others."""
        return self.others + self.needed <= self.quota

    def __str__(self) -> str:
        return f"{self.others + self.needed} of {self.quota} {self.what}"


@dataclass(frozen=True)
class _Counted:
    """How a kind is counted: the client, its list call, where names are in the answer, and the default quota."""

    what: str
    client: str
    list_call: str
    answer: str
    default: int


_COUNTED = (
    _Counted("pipes", "pipes", "list_pipes", "Pipes", 1000),
    _Counted("connections", "events", "list_connections", "Connections", 3000),
    _Counted("API destinations", "events", "list_api_destinations", "ApiDestinations", 3000),
)


def rooms(aws: Clients, names: StackNames) -> Iterator[Room]:
    """How much room there is of each kind that has a quota. Raises botocore's errors."""
    ours = {
        "pipes": names.pipes,
        "connections": (names.connection,),
        "API destinations": tuple(names.api_destination(flow) for flow in FLOWS),
    }
    quotas = _quotas(aws)
    for each in _COUNTED:
        found = _names(aws, each)
        mine = ours[each.what]
        yield Room(each.what, len(found - {*mine}), quotas.get(each.what.lower(), each.default), len(mine))
    yield _roles(aws, names)


def _names(aws: Clients, each: _Counted) -> set[str]:
    """The names of all that there are. Not every of these calls has a paginator."""
    client = getattr(aws, each.client)
    found: set[str] = set()
    token: Mapping[str, str] = {}
    while True:
        page = getattr(client, each.list_call)(**token)
        found |= {thing["Name"] for thing in page[each.answer]}
        if not page.get("NextToken"):
            return found
        token = {"NextToken": page["NextToken"]}


def _roles(aws: Clients, names: StackNames) -> Room:
    summary = aws.iam.get_account_summary()["SummaryMap"]
    others = summary["Roles"]
    try:
        aws.iam.get_role(RoleName=names.role)
        others -= 1
    except aws.iam.exceptions.NoSuchEntityException:
        pass  # It is to be made.
    return Room("roles", others, summary["RolesQuota"], 1)


def _quotas(aws: Clients) -> dict[str, int]:
    """The account's own quotas of EventBridge, by name in lower case; none where they cannot be asked for."""
    try:
        pages: Iterable[Mapping[str, list[Mapping[str, object]]]] = aws.quotas.get_paginator(
            "list_service_quotas"
        ).paginate(ServiceCode="events")
        found = [each for page in pages for each in page["Quotas"]]
    except (ClientError, BotoCoreError):
        return {}
    return {str(each["QuotaName"]).lower(): int(float(str(each["Value"]))) for each in found}
