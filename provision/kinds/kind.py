"""What every kind of resource can do, and what the kinds share. A kind knows nothing of the others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from provision.model import Declared, Observed, Owner

#: The attribute that holds the tags, for kinds that can carry some: names and values.
TAGS = "Tags"


class Kind(Protocol):
    """How one kind of resource is looked at and changed. Every method raises botocore's ClientError.

    Attributes have the shape that is declared in `provision/stack.py`, whatever the API makes of them: what a resource
    was created with is what is observed of it.
    """

    def observe(self, resource: Declared, /) -> Observed | None:
        """The resource as it is, or None when there is none."""
        ...

    def create(self, name: str, wanted: Mapping[str, Any], /) -> None:
        """Begins to create it. It may be usable only later: `observe` then says that it is on its way."""
        ...

    def update(self, name: str, wanted: Mapping[str, Any], changed: frozenset[str], /) -> None:
        """Gives it the attributes that `changed` names (the first part of each path)."""
        ...

    def delete(self, name: str, /) -> None:
        """Begins to delete it. What is gone already is fine."""
        ...


def owner(resource: Declared, tags: Mapping[str, str]) -> Owner:
    """Whose a resource with these tags is: the stack's when it carries both of the stack's."""
    ours = resource.attributes[TAGS]
    return Owner.STACK if all(tags.get(key) == value for key, value in ours.items()) else Owner.SOMEBODY


def ours_of(resource: Declared, tags: Mapping[str, str]) -> dict[str, str]:
    """Those of the tags that are declared; what people add is theirs."""
    return {key: value for key, value in tags.items() if key in resource.attributes[TAGS]}


def as_list(tags: Mapping[str, str]) -> list[Any]:
    """Tags as most services take them."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def as_dict(tags: Iterable[Any]) -> dict[str, str]:
    """Tags as most services give them, as names and values."""
    return {tag["Key"]: tag["Value"] for tag in tags}


def without(value: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes that are not what AWS fills in for one that is not named."""
    return {key: found for key, found in value.items() if key not in defaults or found != defaults[key]}
