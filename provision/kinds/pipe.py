"""A pipe: from the table's stream to one API destination."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from core.names import trouble_in
from provision.clients import Clients
from provision.errors import NotYet, error_code, error_message, is_missing, missing_is_fine
from provision.kinds.kind import TAGS, ours_of, owner, without
from provision.model import Declared, Observed

#: Declared of every pipe. Whether it runs or was stopped by somebody is not configuration; that it failed is seen here.
CONDITION = "Condition"
WORKING = "working"
_PASSING = ("CREATING", "UPDATING", "DELETING", "STARTING", "STOPPING")
#: A pipe in these states takes no update: it is made anew.
_HOPELESS = ("CREATE_FAILED", "CREATE_ROLLBACK_FAILED", "DELETE_FAILED", "DELETE_ROLLBACK_FAILED")
#: Words of a StateReason that say that role or stream are not known everywhere yet (facts/aws-pipes.md, section 7).
_PROPAGATION = (
    "error occurred while sending message to sqs",
    "does not have permissions",
    "does not have required permissions",
    "does not have enough permission",
    "cannot access stream",
    "assume",
)
#: What DescribePipe may answer for parameters that nobody set.
_DEFAULTS = {
    "MaximumBatchingWindowInSeconds": 0,
    "MaximumRecordAgeInSeconds": -1,
    "ParallelizationFactor": 1,
}
_EMPTY = {"FilterCriteria": {"Filters": []}, "InputTemplate": "", "HeaderParameters": {}, "QueryStringParameters": {}}


class Pipe:
    """EventBridge pipes that read a DynamoDB stream. Output: `arn`."""

    def __init__(self, aws: Clients) -> None:
        self._pipes = aws.pipes

    def observe(self, resource: Declared) -> Observed | None:
        """The pipe's parameters without what AWS fills in, and its state with the reason."""
        try:
            found: Mapping[str, Any] = self._pipes.describe_pipe(Name=resource.name)
        except ClientError as error:
            if is_missing(error):
                return None
            raise
        state, reason = found["CurrentState"], trouble_in(found.get("StateReason", ""))
        said = f"{state}: {reason}" if reason else state
        failed = state.endswith("_FAILED")
        tags = found.get("Tags", {})
        attributes = {
            **{key: found.get(key) for key in ("Source", "Target", "RoleArn")},
            "LogConfiguration": _log_configuration(found.get("LogConfiguration", {})),
            "SourceParameters": _source_parameters(found.get("SourceParameters", {})),
            "TargetParameters": _target_parameters(found.get("TargetParameters", {})),
            CONDITION: said if failed else WORKING,
            TAGS: ours_of(resource, tags),
        }
        return Observed(
            attributes,
            {"arn": found["Arn"]},
            owner(resource, tags),
            said,
            trouble=said if state in _HOPELESS else "",
            passing=state in _PASSING,
            retry=state == "CREATE_FAILED" and is_propagation(reason),
        )

    def create(self, name: str, wanted: Mapping[str, Any]) -> None:
        """Creates it, running. Raises NotYet when AWS does not know the role yet."""
        given = {key: value for key, value in wanted.items() if key != CONDITION}
        try:
            self._pipes.create_pipe(Name=name, DesiredState="RUNNING", **given)
        except ClientError as error:
            if error_code(error) == "ValidationException" and is_propagation(error_message(error)):
                raise NotYet(error_message(error)) from error
            raise

    def update(self, name: str, wanted: Mapping[str, Any], changed: frozenset[str]) -> None:
        """Sets all that can be changed, and removes what is no longer declared."""
        if TAGS in changed:
            arn = self._pipes.describe_pipe(Name=name)["Arn"]
            self._pipes.tag_resource(resourceArn=arn, tags=wanted[TAGS])
        if changed - {TAGS}:
            self._pipes.update_pipe(**_update(name, wanted, CONDITION in changed))

    def delete(self, name: str) -> None:
        """Deletes it. AWS takes a minute or two."""
        with missing_is_fine():
            self._pipes.delete_pipe(Name=name)


def is_propagation(reason: str) -> bool:
    """Whether a reason may pass once role and stream are known everywhere."""
    return any(words in reason.lower() for words in _PROPAGATION)


def _update(name: str, wanted: Mapping[str, Any], failed: bool) -> Any:
    """Parameters of UpdatePipe. What is left out of them keeps its value, so what is to go is named empty."""
    source = wanted["SourceParameters"]
    stream = {key: value for key, value in source["DynamoDBStreamParameters"].items() if key != "StartingPosition"}
    return {
        "Name": name,
        "RoleArn": wanted["RoleArn"],
        "Target": wanted["Target"],
        "SourceParameters": {
            "FilterCriteria": source.get("FilterCriteria", {"Filters": []}),
            "DynamoDBStreamParameters": stream,
        },
        "TargetParameters": {"InputTemplate": "", **wanted["TargetParameters"]},
        "LogConfiguration": wanted["LogConfiguration"],
        **({"DesiredState": "RUNNING"} if failed else {}),
    }


def _log_configuration(found: Mapping[str, Any]) -> dict[str, Any]:
    """Some services give a log group's ARN with `:*` after it, whichever way it was put."""
    group = found.get("CloudwatchLogsLogDestination", {}).get("LogGroupArn", "")
    return {**found, "CloudwatchLogsLogDestination": {"LogGroupArn": group.removesuffix(":*")}} if group else {**found}


def _source_parameters(found: Mapping[str, Any]) -> dict[str, Any]:
    stream = without(found.get("DynamoDBStreamParameters", {}), _DEFAULTS)
    return {**without(found, _EMPTY), "DynamoDBStreamParameters": stream}


def _target_parameters(found: Mapping[str, Any]) -> dict[str, Any]:
    http = without(found.get("HttpParameters", {}), _EMPTY)
    return {**without(found, _EMPTY), "HttpParameters": http}
