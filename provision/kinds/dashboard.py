"""A CloudWatch dashboard. Its name holds for all regions of an account, so it ends with the stack's region."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from provision.clients import Clients
from provision.errors import is_missing, missing_is_fine
from provision.kinds.kind import TAGS, as_dict, as_list, ours_of, owner
from provision.model import Declared, Observed

WIDGETS = "Widgets"


class Dashboard:
    """CloudWatch dashboards. Widgets go by their title, so that a plan names those that differ."""

    def __init__(self, aws: Clients) -> None:
        self._aws = aws

    def observe(self, resource: Declared) -> Observed | None:
        """Its widgets and tags."""
        try:
            found = self._aws.cloudwatch.get_dashboard(DashboardName=resource.name)
            arn = found["DashboardArn"]
            tags = as_dict(self._aws.cloudwatch.list_tags_for_resource(ResourceARN=arn).get("Tags", []))
        except ClientError as error:
            if is_missing(error):
                return None
            raise
        attributes = {WIDGETS: _widgets(found["DashboardBody"]), TAGS: ours_of(resource, tags)}
        return Observed(attributes, {"arn": arn}, owner(resource, tags), "exists")

    def create(self, name: str, wanted: Mapping[str, Any]) -> None:
        """Creates it with its tags."""
        self._aws.cloudwatch.put_dashboard(
            DashboardName=name, DashboardBody=_body(wanted[WIDGETS]), Tags=as_list(wanted[TAGS])
        )

    def update(self, name: str, wanted: Mapping[str, Any], changed: frozenset[str]) -> None:
        """Sets all widgets; the tags of a dashboard that is there have a call of their own."""
        if TAGS in changed:
            arn = self._aws.cloudwatch.get_dashboard(DashboardName=name)["DashboardArn"]
            self._aws.cloudwatch.tag_resource(ResourceARN=arn, Tags=as_list(wanted[TAGS]))
        if WIDGETS in changed:
            self._aws.cloudwatch.put_dashboard(DashboardName=name, DashboardBody=_body(wanted[WIDGETS]))

    def delete(self, name: str) -> None:
        """Deletes it."""
        with missing_is_fine():
            self._aws.cloudwatch.delete_dashboards(DashboardNames=[name])


def _body(widgets: Mapping[str, Any]) -> str:
    return json.dumps({"widgets": list(widgets.values())})


def _widgets(body: str) -> dict[str, Any]:
    """The widgets by title. Those that share one are told apart by their number."""
    found: dict[str, Any] = {}
    for number, widget in enumerate(json.loads(body).get("widgets", [])):
        title = str(widget.get("properties", {}).get("title", "About"))
        found[f"{title} ({number})" if title in found else title] = widget
    return found
