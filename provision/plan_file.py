"""A plan in a file: what `plan --out` saves, and what `up FILE` holds the world against before it acts.

The file holds no secret, and is readable by its owner only all the same: names and ARNs are nobody else's business.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from core.private_files import read_private, reason, replace_private
from provision.errors import ProvisionFailed
from provision.model import Plan
from provision.report import plan_data
from provision.settings import StackSettings

_VERSION = 1


@dataclass(frozen=True)
class SavedPlan:
    """Which stack with which settings the plan was made for, and its steps as plain data."""

    prefix: str
    region: str
    account: str
    settings: StackSettings
    adopt: bool
    plan: dict[str, Any]


def save(path: Path, saved: SavedPlan) -> None:
    """Writes it in one step. Raises ProvisionFailed when the file cannot be written."""
    try:
        replace_private(path, json.dumps({"version": _VERSION, **asdict(saved)}, indent=2).encode())
    except OSError as error:
        raise ProvisionFailed(f"{path} cannot be written: {reason(error)}. Name another file.") from error


def read(path: Path) -> SavedPlan:
    """The plan in a file. Raises ProvisionFailed when there is none, or one that another user may have written."""
    try:
        raw = json.loads(read_private(path))
        if raw.pop("version") != _VERSION:
            raise ValueError("another version")
        return SavedPlan(**{**raw, "settings": StackSettings(**raw["settings"])})
    except OSError as error:
        raise ProvisionFailed(f"{path} cannot be read: {reason(error)}.") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ProvisionFailed(f"{path} holds no plan of this version. Make one with `plan --out {path}`.") from error


def moved(saved: SavedPlan, now: Plan) -> list[str]:
    """What has changed since the plan was made, as sentences; nothing when it can be applied as it is."""
    before = {step["address"]: step for step in saved.plan["steps"]}
    after = {step["address"]: step for step in plan_data(now)["steps"]}
    return [
        f"{address}: planned was to {_said(before.get(address))}, now it would be to {_said(after.get(address))}."
        for address in {**before, **after}
        if before.get(address) != after.get(address)
    ]


def _said(step: dict[str, Any] | None) -> str:
    if step is None:
        return "do nothing"
    changed = ", ".join(change["path"] for change in step["changes"]) if step["action"] == "change" else ""
    return f"{step['action']} it" + (f" ({changed})" if changed else "")
