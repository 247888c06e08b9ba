"""The log group that the pipes write to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from provision.clients import Clients
from provision.errors import is_missing, missing_is_fine
from provision.kinds.kind import TAGS, ours_of, owner
from provision.model import Declared, Observed


class LogGroup:
    """CloudWatch log groups. Output: `arn`, without the `:*` that some answers end with."""

    def __init__(self, aws: Clients) -> None:
        self._logs = aws.logs

    def observe(self, resource: Declared) -> Observed | None:
        """Its retention (days) and tags."""
        try:
            return self._observe(resource)
        except ClientError as error:
            # Deleted since it was found.
            if is_missing(error):
                return None
            raise

    def create(self, name: str, wanted: Mapping[str, Any]) -> None:
        """Creates it and sets how long it keeps its records."""
        self._logs.create_log_group(logGroupName=name, tags=wanted[TAGS])
        # Not known everywhere at once: then the look that follows finds no retention, and sets it.
        with missing_is_fine():
            self._logs.put_retention_policy(logGroupName=name, retentionInDays=wanted["RetentionInDays"])

    def update(self, name: str, wanted: Mapping[str, Any], changed: frozenset[str]) -> None:
        """Sets retention and tags."""
        if "RetentionInDays" in changed:
            self._logs.put_retention_policy(logGroupName=name, retentionInDays=wanted["RetentionInDays"])
        if TAGS in changed:
            for group in self._logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"]:
                if group.get("logGroupName") == name:
                    self._logs.tag_resource(resourceArn=group["arn"].removesuffix(":*"), tags=wanted[TAGS])

    def delete(self, name: str) -> None:
        """Deletes it with its records."""
        with missing_is_fine():
            self._logs.delete_log_group(logGroupName=name)

    def _observe(self, resource: Declared) -> Observed | None:
        pages = self._logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=resource.name)
        for found in (group for page in pages for group in page["logGroups"]):
            if found.get("logGroupName") == resource.name:
                arn = found["arn"].removesuffix(":*")
                tags = self._logs.list_tags_for_resource(resourceArn=arn)["tags"]
                attributes = {"RetentionInDays": found.get("retentionInDays"), TAGS: ours_of(resource, tags)}
                return Observed(attributes, {"arn": arn}, owner(resource, tags), "exists")
        return None
