"""The SNS topic that alarms are sent to, with the one address that is told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from provision.clients import Clients
from provision.errors import is_missing, missing_is_fine
from provision.kinds.kind import TAGS, as_dict, as_list, ours_of, owner
from provision.model import Declared, Observed
from provision.partition import partition_of

EMAIL = "Email"


class Topic:
    """SNS topics of one region and account. Output: `arn`, which is known from the name."""

    def __init__(self, aws: Clients, account: str) -> None:
        self._aws = aws
        self._account = account

    def observe(self, resource: Declared) -> Observed | None:
        """Its tags, and whether the address is subscribed; the person behind it has to confirm that once."""
        arn = self._arn(resource.name)
        try:
            tags = as_dict(self._aws.sns.list_tags_for_resource(ResourceArn=arn)["Tags"])
            pages = self._aws.sns.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=arn)
            found = [each for page in pages for each in page["Subscriptions"] if each["Protocol"] == "email"]
        except ClientError as error:
            if is_missing(error):
                return None
            raise
        email = resource.attributes[EMAIL]
        there = email if any(each["Endpoint"] == email for each in found) else ""
        waits = any(each["SubscriptionArn"] == "PendingConfirmation" for each in found)
        attributes = {EMAIL: there, TAGS: ours_of(resource, tags)}
        state = "waits for its address to confirm" if waits else "exists"
        return Observed(attributes, {"arn": arn}, owner(resource, tags), state)

    def create(self, name: str, wanted: Mapping[str, Any]) -> None:
        """Creates it and subscribes the address."""
        self._aws.sns.create_topic(Name=name, Tags=as_list(wanted[TAGS]))
        # Not known everywhere at once: then the look that follows finds nobody subscribed, and does it.
        with missing_is_fine():
            self._subscribe(name, wanted[EMAIL])

    def update(self, name: str, wanted: Mapping[str, Any], changed: frozenset[str]) -> None:
        """Sets the tags, and subscribes an address that is not. Those that somebody else subscribed stay."""
        if TAGS in changed:
            self._aws.sns.tag_resource(ResourceArn=self._arn(name), Tags=as_list(wanted[TAGS]))
        if EMAIL in changed:
            self._subscribe(name, wanted[EMAIL])

    def delete(self, name: str) -> None:
        """Deletes it with its subscriptions."""
        with missing_is_fine():
            self._aws.sns.delete_topic(TopicArn=self._arn(name))

    def _subscribe(self, name: str, email: str) -> None:
        self._aws.sns.subscribe(TopicArn=self._arn(name), Protocol="email", Endpoint=email)

    def _arn(self, name: str) -> str:
        return f"arn:{partition_of(self._aws.region)}:sns:{self._aws.region}:{self._account}:{name}"
