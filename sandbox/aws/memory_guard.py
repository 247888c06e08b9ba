"""Refuses writes over the wire while the process takes more memory than it may.

The emulator keeps tables, queues and log groups in memory and has no bounds of its own: a client that floods one of
them would take the whole machine. Each service refuses in its own way, which clients answer by trying again later.
Calls that parts of the sandbox make inside its process are let through: no record on its way is lost by this.
"""

from __future__ import annotations

import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

from starlette.types import ASGIApp, Receive, Scope, Send

from sandbox.aws.json_http import header, send_error

#: The code of the refusal, by the operation as `x-amz-target` names it.
_REFUSALS = {
    **dict.fromkeys(
        (f"DynamoDB_20120810.{each}" for each in ("PutItem", "UpdateItem", "BatchWriteItem", "TransactWriteItems")),
        "ThrottlingException",
    ),
    **dict.fromkeys(("AmazonSQS.SendMessage", "AmazonSQS.SendMessageBatch"), "RequestThrottled"),
    "Logs_20140328.PutLogEvents": "ThrottlingException",
    "AWSEvents.PutEvents": "ThrottlingException",
}
_LEAST = 2 * 2**30
#: Seconds for which one look at the memory counts.
_LOOK_S = 0.2


def most_memory() -> int:
    """What the sandbox may take, in bytes: half of the machine or of the container, at least 2 GB."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        container = int(Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii"))
    except (OSError, ValueError):
        container = machine
    return max(_LEAST, min(machine, container) // 2)


def memory_taken() -> int:
    """What the process takes, in bytes. Where the system does not tell (macOS), the most that it ever took."""
    try:
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


class MemoryGuard:
    """Stands before the gateway."""

    def __init__(self, gateway: ASGIApp, most: int | None = None, taken: Callable[[], int] = memory_taken) -> None:
        self._gateway = gateway
        self._most = most_memory() if most is None else most
        self._taken = taken
        self._full = False
        self._look_at = 0.0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = _REFUSALS.get(header(scope, b"x-amz-target").decode("latin-1")) if scope["type"] == "http" else None
        if refusal is None or not self._is_full():
            await self._gateway(scope, receive, send)
            return
        await send_error(
            send,
            refusal,
            f"The sandbox has reached its limit of memory, {self._most // 2**20:,} MB. Delete data, or start it anew.",
        )

    def _is_full(self) -> bool:
        now = time.monotonic()
        if now >= self._look_at:
            self._full, self._look_at = self._taken() > self._most, now + _LOOK_S
        return self._full
