"""The EventBridge connection, which puts the Momento key into the header of every call.

A connection carries no tags. One with our name is ours when it has the declared description.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from provision.clients import Clients
from provision.errors import error_code, is_denied, is_missing, missing_is_fine
from provision.model import Declared, Observed, Owner
from provision.secret_text import SecretText

KEY = "Key"
_PASSING = ("CREATING", "UPDATING", "DELETING", "AUTHORIZING", "DEAUTHORIZING")


class Connection:
    """Connections with an API key. Output: `arn`.

    `key_record` names the secret that is written once the connection has its key: where EventBridge's own secret cannot
    be read, it says which key that is.
    """

    def __init__(self, aws: Clients, key_record: str) -> None:
        self._events = aws.events
        self._secrets = aws.secrets
        self._key_record = key_record

    def observe(self, resource: Declared) -> Observed | None:
        """The connection with its key, as a text that is compared and not shown; not read when none is declared."""
        try:
            found = self._events.describe_connection(Name=resource.name)
        except ClientError as error:
            if is_missing(error):
                return None
            raise
        state = found["ConnectionState"]
        asks = KEY in resource.attributes and state == "AUTHORIZED"
        key = self._key(found.get("SecretArn", "")) if asks else None
        attributes = {
            "Description": found.get("Description", ""),
            "AuthorizationType": found["AuthorizationType"],
            "ApiKeyName": found.get("AuthParameters", {}).get("ApiKeyAuthParameters", {}).get("ApiKeyName"),
            KEY: key,
        }
        ours = attributes["Description"] == resource.attributes["Description"]
        reason = found.get("StateReason", "")
        return Observed(
            attributes,
            {"arn": found["ConnectionArn"]},
            Owner.STACK if ours else Owner.SOMEBODY,
            f"{state}: {reason}" if reason else state,
            passing=state in _PASSING,
        )

    def create(self, name: str, wanted: Mapping[str, Any]) -> None:
        """Creates it."""
        self._events.create_connection(**_parameters(name, wanted))

    def update(self, name: str, wanted: Mapping[str, Any], _changed: frozenset[str]) -> None:
        """Gives it description and key anew, which also authorizes it."""
        self._events.update_connection(**_parameters(name, wanted))

    def delete(self, name: str) -> None:
        """Deletes it."""
        with missing_is_fine():
            self._events.delete_connection(Name=name)

    def _key(self, secret_arn: str) -> SecretText | None:
        if secret_arn:
            try:
                content = self._secrets.get_secret_value(SecretId=secret_arn)["SecretString"]
                return SecretText(str(json.loads(content)["api_key_value"]))
            except ClientError as error:
                # The stack's own secret then says which key was given.
                if not (is_missing(error) or is_denied(error)):
                    raise
            except (ValueError, KeyError):
                pass  # The format of EventBridge's own secret is not documented.
        try:
            return SecretText(self._secrets.get_secret_value(SecretId=self._key_record)["SecretString"])
        except ClientError as error:
            if is_missing(error) or error_code(error) == "InvalidRequestException":
                return None
            raise


def _parameters(name: str, wanted: Mapping[str, Any]) -> Any:
    return {
        "Name": name,
        "Description": wanted["Description"],
        "AuthorizationType": wanted["AuthorizationType"],
        "AuthParameters": {
            "ApiKeyAuthParameters": {"ApiKeyName": wanted["ApiKeyName"], "ApiKeyValue": wanted[KEY].reveal()}
        },
    }
