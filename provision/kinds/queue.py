"""The dead-letter queue."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from provision.clients import Clients
from provision.errors import is_missing, missing_is_fine
from provision.kinds.kind import TAGS, ours_of, owner
from provision.model import Declared, Observed


class Queue:
    """SQS queues. Output: `arn`."""

    def __init__(self, aws: Clients) -> None:
        self._sqs = aws.sqs

    def observe(self, resource: Declared) -> Observed | None:
        """The queue's attributes that are declared, and its tags."""
        try:
            url = self._url(resource.name)
            found: Mapping[str, str] = dict(
                self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"].items()
            )
            tags = self._sqs.list_queue_tags(QueueUrl=url).get("Tags", {})
        except ClientError as error:
            if is_missing(error):
                return None
            raise
        attributes = {**found, TAGS: ours_of(resource, tags)}
        return Observed(attributes, {"arn": found["QueueArn"]}, owner(resource, tags), "exists")

    def create(self, name: str, wanted: Mapping[str, Any]) -> None:
        """Creates it with its tags."""
        self._sqs.create_queue(QueueName=name, Attributes=_given(wanted), tags=wanted[TAGS])

    def update(self, name: str, wanted: Mapping[str, Any], changed: frozenset[str]) -> None:
        """Sets the attributes and the tags."""
        url = self._url(name)
        if TAGS in changed:
            self._sqs.tag_queue(QueueUrl=url, Tags=wanted[TAGS])
        if changed - {TAGS}:
            self._sqs.set_queue_attributes(QueueUrl=url, Attributes=_given(wanted))

    def delete(self, name: str) -> None:
        """Deletes it with its messages. AWS takes up to a minute."""
        with missing_is_fine():
            self._sqs.delete_queue(QueueUrl=self._url(name))

    def _url(self, name: str) -> str:
        return self._sqs.get_queue_url(QueueName=name)["QueueUrl"]


def _given(wanted: Mapping[str, Any]) -> Any:
    return {key: value for key, value in wanted.items() if key != TAGS}
