"""A CloudWatch alarm, on one metric or on an expression of several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError

from provision.clients import Clients
from provision.errors import is_missing, missing_is_fine
from provision.kinds.kind import TAGS, as_dict, as_list, ours_of, owner
from provision.model import Declared, Observed


class Alarm:
    """CloudWatch metric alarms. Output: `arn`."""

    def __init__(self, aws: Clients) -> None:
        self._aws = aws

    def observe(self, resource: Declared) -> Observed | None:
        """Its metrics, threshold, actions and tags; its state is OK, ALARM or INSUFFICIENT_DATA."""
        answer = self._aws.cloudwatch.describe_alarms(AlarmNames=[resource.name], AlarmTypes=["MetricAlarm"])
        if not answer["MetricAlarms"]:
            return None
        (found,) = answer["MetricAlarms"]
        arn = found["AlarmArn"]
        try:
            tags = as_dict(self._aws.cloudwatch.list_tags_for_resource(ResourceARN=arn)["Tags"])
        except ClientError as error:
            # Deleted since it was found.
            if is_missing(error):
                return None
            raise
        attributes = {key: found.get(key) for key in resource.attributes if key != TAGS}
        if "Metrics" in attributes:
            attributes["Metrics"] = _in_order(found.get("Metrics", []), resource.attributes["Metrics"])
        attributes[TAGS] = ours_of(resource, tags)
        return Observed(attributes, {"arn": arn}, owner(resource, tags), found["StateValue"])

    def create(self, name: str, wanted: Mapping[str, Any]) -> None:
        """Creates it with its tags."""
        given = {key: value for key, value in wanted.items() if key != TAGS}
        self._aws.cloudwatch.put_metric_alarm(AlarmName=name, Tags=as_list(wanted[TAGS]), **given)

    def update(self, name: str, wanted: Mapping[str, Any], changed: frozenset[str]) -> None:
        """Sets all that is declared; the tags of an alarm that is there have a call of their own."""
        if TAGS in changed:
            (found,) = self._aws.cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"]
            self._aws.cloudwatch.tag_resource(ResourceARN=found["AlarmArn"], Tags=as_list(wanted[TAGS]))
        if changed - {TAGS}:
            given = {key: value for key, value in wanted.items() if key != TAGS}
            self._aws.cloudwatch.put_metric_alarm(AlarmName=name, **given)

    def delete(self, name: str) -> None:
        """Deletes it."""
        with missing_is_fine():
            self._aws.cloudwatch.delete_alarms(AlarmNames=[name])


def _in_order(found: Sequence[Any], declared: Sequence[Any]) -> list[Any]:
    """The metrics in the order of their declaration, which CloudWatch need not keep; what it fills in is left out."""
    order = {each["Id"]: number for number, each in enumerate(declared)}
    filled = [{"ReturnData": True, **each} for each in found]
    return sorted(filled, key=lambda each: (order.get(each["Id"], len(order)), each["Id"]))
