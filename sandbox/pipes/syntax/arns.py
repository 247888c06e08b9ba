"""The few ARNs that Pipes takes apart."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Arn:
    """An ARN in its parts. `resource` is all that follows the account."""

    service: str
    region: str
    account: str
    resource: str


def parse_arn(text: str) -> Arn:
    """The parts of an ARN that botocore's model has already found well formed. Raises ValueError otherwise."""
    prefix, _, service, region, account, resource = text.split(":", 5)
    if prefix != "arn":
        raise ValueError(f"{text!r} is not an ARN")
    return Arn(service, region, account, resource)


def is_dynamodb_stream(arn: Arn) -> bool:
    """Whether this is `table/<name>/stream/<label>` of DynamoDB."""
    parts = arn.resource.split("/")
    return arn.service == "dynamodb" and len(parts) == 4 and (parts[0], parts[2]) == ("table", "stream")


def is_api_destination(arn: Arn) -> bool:
    """Whether this is `api-destination/<name>/<uuid>` of EventBridge. The emulator's ARNs have no uuid."""
    return arn.service == "events" and arn.resource.startswith("api-destination/")
