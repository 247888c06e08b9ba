"""The secret that holds the Momento key, for people and tools beside the pipes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from provision.clients import Clients
from provision.errors import ProvisionFailed, error_code, is_missing, missing_is_fine
from provision.kinds.kind import TAGS, as_dict, as_list, ours_of, owner
from provision.model import Declared, Observed
from provision.secret_text import SecretText

VALUE = "Value"


class Secret:
    """Secrets Manager secrets. Output: `arn`."""

    def __init__(self, aws: Clients) -> None:
        self._secrets = aws.secrets

    def observe(self, resource: Declared) -> Observed | None:
        """The value, as a text that is compared and not shown; not read when none is declared.

        One that is scheduled for deletion is not there.
        """
        try:
            found = self._secrets.describe_secret(SecretId=resource.name)
            if found.get("DeletedDate"):
                return None
            value = self._value(resource.name) if VALUE in resource.attributes else None
        except ClientError as error:
            if is_missing(error):
                return None
            raise
        tags = as_dict(found.get("Tags", []))
        attributes = {VALUE: value, TAGS: ours_of(resource, tags)}
        return Observed(attributes, {"arn": found["ARN"]}, owner(resource, tags), "exists")

    def create(self, name: str, wanted: Mapping[str, Any]) -> None:
        """Creates it. One of ours that is scheduled for deletion is taken back and given the value."""
        value = wanted[VALUE].reveal()
        try:
            self._secrets.create_secret(Name=name, SecretString=value, Tags=as_list(wanted[TAGS]))
        except ClientError as error:
            if error_code(error) != "InvalidRequestException":
                raise
            self._take_back(name, wanted[TAGS])
            self._secrets.put_secret_value(SecretId=name, SecretString=value)

    def update(self, name: str, wanted: Mapping[str, Any], changed: frozenset[str]) -> None:
        """Sets value and tags."""
        if TAGS in changed:
            self._secrets.tag_resource(SecretId=name, Tags=as_list(wanted[TAGS]))
        if VALUE in changed:
            self._secrets.put_secret_value(SecretId=name, SecretString=wanted[VALUE].reveal())

    def delete(self, name: str) -> None:
        """Deletes it at once: the key is in the Momento console, and the name is free again."""
        with missing_is_fine():
            self._secrets.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)

    def _value(self, name: str) -> SecretText:
        return SecretText(self._secrets.get_secret_value(SecretId=name)["SecretString"])

    def _take_back(self, name: str, tags: Mapping[str, str]) -> None:
        found = as_dict(self._secrets.describe_secret(SecretId=name).get("Tags", []))
        if any(found.get(key) != value for key, value in tags.items()):
            raise ProvisionFailed(
                f"A secret {name} of somebody else's is scheduled for deletion. "
                "Wait until it is gone, or choose another --prefix."
            )
        self._secrets.restore_secret(SecretId=name)
