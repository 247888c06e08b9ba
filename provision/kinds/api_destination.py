"""An API destination: one HTTP route of Momento, called through the connection.

An API destination carries no tags. One with our name is ours when it has the declared description.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from provision.clients import Clients
from provision.errors import is_missing, missing_is_fine
from provision.model import Declared, Observed, Owner


class ApiDestination:
    """EventBridge API destinations. Output: `arn`."""

    def __init__(self, aws: Clients) -> None:
        self._events = aws.events

    def observe(self, resource: Declared) -> Observed | None:
        """Its route, method, connection and rate limit."""
        try:
            found = self._events.describe_api_destination(Name=resource.name)
        except ClientError as error:
            if is_missing(error):
                return None
            raise
        attributes = {key: value for key, value in found.items() if key in resource.attributes}
        ours = found.get("Description", "") == resource.attributes["Description"]
        return Observed(
            attributes,
            {"arn": found["ApiDestinationArn"]},
            Owner.STACK if ours else Owner.SOMEBODY,
            found["ApiDestinationState"],
        )

    def create(self, name: str, wanted: Mapping[str, Any]) -> None:
        """Creates it."""
        self._events.create_api_destination(Name=name, **wanted)

    def update(self, name: str, wanted: Mapping[str, Any], _changed: frozenset[str]) -> None:
        """Sets all that is declared."""
        self._events.update_api_destination(Name=name, **wanted)

    def delete(self, name: str) -> None:
        """Deletes it."""
        with missing_is_fine():
            self._events.delete_api_destination(Name=name)
