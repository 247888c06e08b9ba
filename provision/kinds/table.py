"""The DynamoDB table and its stream."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from provision.clients import Clients
from provision.errors import is_missing, missing_is_fine
from provision.kinds.kind import TAGS, as_dict, as_list, ours_of, owner
from provision.model import Declared, Observed

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import TableDescriptionTypeDef

#: Declared beside CreateTable's parameters; has a call of its own.
RECOVERY = "PointInTimeRecovery"
_AT_CREATION = ("AttributeDefinitions", "KeySchema", "BillingMode", "ProvisionedThroughput", "StreamSpecification")
_PROTECTION = "DeletionProtectionEnabled"


class Table:
    """DynamoDB tables. Outputs: `arn`, and `stream_arn` while the stream is as declared."""

    def __init__(self, aws: Clients) -> None:
        self._dynamodb = aws.dynamodb

    def observe(self, resource: Declared) -> Observed | None:
        """The table with its capacity, stream, protection and tags."""
        try:
            found = self._dynamodb.describe_table(TableName=resource.name)["Table"]
            pages = self._dynamodb.get_paginator("list_tags_of_resource").paginate(ResourceArn=found["TableArn"])
            tags = as_dict(tag for page in pages for tag in page["Tags"])
            # Before it is there, a table has no backups to ask for.
            asks = RECOVERY in resource.attributes and found["TableStatus"] == "ACTIVE"
            recovery = self._recovers(resource.name) if asks else None
        except ClientError as error:
            if is_missing(error):
                return None
            raise
        attributes = {**_attributes(found), TAGS: ours_of(resource, tags), RECOVERY: recovery}
        outputs = {"arn": found["TableArn"]}
        stream = found.get("LatestStreamArn")
        if stream and attributes["StreamSpecification"] == resource.attributes["StreamSpecification"]:
            outputs["stream_arn"] = stream
        state = found["TableStatus"]
        return Observed(attributes, outputs, owner(resource, tags), state, passing=state != "ACTIVE")

    def create(self, name: str, wanted: Mapping[str, Any]) -> None:
        """Creates it; backups are switched on by the update that follows, once it is there."""
        given = {key: wanted[key] for key in (*_AT_CREATION, _PROTECTION) if key in wanted}
        self._dynamodb.create_table(TableName=name, Tags=as_list(wanted[TAGS]), **given)

    def update(self, name: str, wanted: Mapping[str, Any], changed: frozenset[str]) -> None:
        """One of its aspects, the first that `changed` names: DynamoDB takes one at a time."""
        if TAGS in changed:
            arn = self._dynamodb.describe_table(TableName=name)["Table"]["TableArn"]
            self._dynamodb.tag_resource(ResourceArn=arn, Tags=as_list(wanted[TAGS]))
        if RECOVERY in changed:
            self._dynamodb.update_continuous_backups(
                TableName=name, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": wanted[RECOVERY]}
            )
        if _PROTECTION in changed:
            self._dynamodb.update_table(TableName=name, DeletionProtectionEnabled=wanted[_PROTECTION])
        elif changed & {"BillingMode", "ProvisionedThroughput"}:
            capacity = {key: wanted[key] for key in ("BillingMode", "ProvisionedThroughput") if key in wanted}
            self._dynamodb.update_table(TableName=name, **capacity)
        elif "StreamSpecification" in changed:
            self._restream(name, wanted["StreamSpecification"])

    def delete(self, name: str) -> None:
        """Deletes it with all its records. A table with deletion protection is refused by DynamoDB."""
        with missing_is_fine():
            self._dynamodb.delete_table(TableName=name)

    def _restream(self, name: str, wanted: Any) -> None:
        """A stream's view type cannot be changed: the old stream ends first, and the next update begins the new one."""
        if self._dynamodb.describe_table(TableName=name)["Table"].get("StreamSpecification", {}).get("StreamEnabled"):
            self._dynamodb.update_table(TableName=name, StreamSpecification={"StreamEnabled": False})
        else:
            self._dynamodb.update_table(TableName=name, StreamSpecification=wanted)

    def _recovers(self, name: str) -> bool:
        found = self._dynamodb.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
        return found.get("PointInTimeRecoveryDescription", {}).get("PointInTimeRecoveryStatus") == "ENABLED"


def _attributes(found: TableDescriptionTypeDef) -> dict[str, Any]:
    billing = found.get("BillingModeSummary", {}).get("BillingMode", "PROVISIONED")
    throughput = found.get("ProvisionedThroughput", {})
    capacity = {key: throughput.get(key) for key in ("ReadCapacityUnits", "WriteCapacityUnits")}
    return {
        "AttributeDefinitions": found.get("AttributeDefinitions"),
        "KeySchema": found.get("KeySchema"),
        "BillingMode": billing,
        **({"ProvisionedThroughput": capacity} if billing == "PROVISIONED" else {}),
        "StreamSpecification": found.get("StreamSpecification", {"StreamEnabled": False}),
        _PROTECTION: found.get("DeletionProtectionEnabled", False),
    }
