"""Refuses calls over the wire that add something while the process takes more memory than it may.

The emulator keeps tables, queues and log groups in memory and has no bounds of its own: a client that floods one of
them would take the whole machine. Clients answer a refusal by trying again later. Calls that parts of the sandbox make
inside its process do not come by: no record on its way is lost by this.
"""

from __future__ import annotations

import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

from sandbox.aws.allowed import SERVICES
from sandbox.aws.refusals import NO_ROOM, NO_ROOM_IN_QUEUE, Refused

#: How the names of operations begin that change something and add nothing.
_ADDS_NOTHING = ("Change", "Deauthorize", "Delete", "Disable", "Purge", "Receive", "Stop", "Unsubscribe", "Untag")
#: What adds something, as pairs of signing name and operation.
_ADDING = frozenset(
    (service.signing_name, operation)
    for service in SERVICES
    for operation in service.writes
    if not operation.startswith(_ADDS_NOTHING)
)
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
    """Looks at the memory of the process, seldom enough to cost nothing. `most` and what `taken` tells are in bytes."""

    def __init__(self, most: int | None = None, taken: Callable[[], int] = memory_taken) -> None:
        self._most = most_memory() if most is None else most
        self._taken = taken
        self._full = False
        self._look_at = 0.0

    def check(self, signing_name: str, operation: str) -> None:
        """Raises Refused for an operation that adds something while there is no memory for it."""
        if (signing_name, operation) not in _ADDING or not self._is_full():
            return
        raise Refused(
            NO_ROOM_IN_QUEUE if signing_name == "sqs" else NO_ROOM,
            f"The sandbox has reached its limit of memory, {self._most // 2**20:,} MB. Delete data, or start it anew.",
        )

    def _is_full(self) -> bool:
        now = time.monotonic()
        if now >= self._look_at:
            self._full, self._look_at = self._taken() > self._most, now + _LOOK_S
        return self._full
