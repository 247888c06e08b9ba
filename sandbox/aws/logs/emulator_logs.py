"""Where the emulator keeps log events. `tests/sandbox/aws/test_gateway_contract.py` holds what is relied on here."""

from __future__ import annotations

from typing import Any

from sandbox.aws.logs.pages import Event


class GroupMissing(Exception):
    """Raised when there is no such log group."""


def streams_of(account_id: str, region: str, group: str) -> dict[str, list[Event]]:
    """The emulator's own lists of events by stream name, each sorted by timestamp, then arrival; not to be changed.

    Raises GroupMissing.
    """
    from ministack.services import cloudwatch_logs

    found: dict[str, Any] | None = cloudwatch_logs._log_groups.get_scoped(account_id, region, group)
    if found is None:
        raise GroupMissing(group)
    return {name: stream["events"] for name, stream in found["streams"].items()}
