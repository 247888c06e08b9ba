"""The Momento cache. It carries no tags, and others may use it: it is created if missing and never deleted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from provision.clients import Caches
from provision.model import Declared, Observed


class Cache:
    """Momento caches, which have a name and nothing else."""

    def __init__(self, caches: Caches) -> None:
        self._caches = caches

    def observe(self, resource: Declared) -> Observed | None:
        """Whether it is there."""
        return Observed({}, state="exists") if resource.name in self._caches.list_caches() else None

    def create(self, name: str, _wanted: Mapping[str, Any]) -> None:
        """Creates it."""
        self._caches.create_cache(name)

    def update(self, _name: str, _wanted: Mapping[str, Any], _changed: frozenset[str]) -> None:
        """Nothing: there is nothing to change."""

    def delete(self, _name: str) -> None:
        """Nothing: the cache stays."""
