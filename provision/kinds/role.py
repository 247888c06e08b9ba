"""The role that the pipes take on, with its one inline policy."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from core.names import ROLE_POLICY
from provision.clients import Clients
from provision.errors import is_missing, missing_is_fine
from provision.kinds.kind import TAGS, as_dict, as_list, ours_of, owner
from provision.model import Declared, Observed

TRUST = "Trust"
POLICY = "Policy"


class Role:
    """IAM roles. Output: `arn`."""

    def __init__(self, aws: Clients) -> None:
        self._iam = aws.iam

    def observe(self, resource: Declared) -> Observed | None:
        """Who may take it on, what it may do, and its tags."""
        try:
            found: Mapping[str, Any] = self._iam.get_role(RoleName=resource.name)["Role"]
        except ClientError as error:
            if is_missing(error):
                return None
            raise
        tags = as_dict(found.get("Tags", []))
        attributes = {
            TRUST: found["AssumeRolePolicyDocument"],
            POLICY: self._policy(resource.name),
            TAGS: ours_of(resource, tags),
        }
        return Observed(attributes, {"arn": found["Arn"]}, owner(resource, tags), "exists")

    def create(self, name: str, wanted: Mapping[str, Any]) -> None:
        """Creates it and gives it its policy."""
        self._iam.create_role(
            RoleName=name, AssumeRolePolicyDocument=json.dumps(wanted[TRUST]), Tags=as_list(wanted[TAGS])
        )
        # Not known everywhere at once: then the look that follows finds no policy, and puts it.
        with missing_is_fine():
            self._put_policy(name, wanted[POLICY])

    def update(self, name: str, wanted: Mapping[str, Any], changed: frozenset[str]) -> None:
        """Sets what differs."""
        if TAGS in changed:
            self._iam.tag_role(RoleName=name, Tags=as_list(wanted[TAGS]))
        if TRUST in changed:
            self._iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(wanted[TRUST]))
        if POLICY in changed:
            self._put_policy(name, wanted[POLICY])

    def delete(self, name: str) -> None:
        """Deletes policy and role."""
        with missing_is_fine():
            self._iam.delete_role_policy(RoleName=name, PolicyName=ROLE_POLICY)
        with missing_is_fine():
            self._iam.delete_role(RoleName=name)

    def _policy(self, name: str) -> Any:
        try:
            return self._iam.get_role_policy(RoleName=name, PolicyName=ROLE_POLICY)["PolicyDocument"]
        except ClientError as error:
            if is_missing(error):
                return None
            raise

    def _put_policy(self, name: str, policy: Any) -> None:
        self._iam.put_role_policy(RoleName=name, PolicyName=ROLE_POLICY, PolicyDocument=json.dumps(policy))
