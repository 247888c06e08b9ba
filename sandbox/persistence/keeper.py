"""When the sandbox is saved: soon after a change, seldom enough to cost next to nothing, and at the end."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

from sandbox.persistence.differences import Differences
from sandbox.persistence.snapshot_file import Change, SnapshotFile

logger = logging.getLogger(__name__)

#: Time between two looks whether something changed: what a kill loses at most, while saves are quick.
INTERVAL_S = 0.5
#: A save holds the event loop for a moment. The pause until the next is so many times as long: 5 % at most.
_PAUSE_PER_SAVE = 20

#: Parts and lists by name, all of one moment.
Taken = tuple[Mapping[str, Any], Mapping[str, list[Any]]]


class Keeper:
    """Saves what `take` gives whenever what `token` gives has changed. Both are called between two turns of the loop.

    A save that fails is reported once, and tried again until it works.
    """

    def __init__(self, file: SnapshotFile, token: Callable[[], object], take: Callable[[], Taken]) -> None:
        self._file = file
        self._token = token
        self._take = take
        self._saved_token: object = None
        self._differences = Differences()
        self._failing = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin. Must run on the event loop."""
        self._task = asyncio.create_task(self._run(), name="keeper")

    async def close(self) -> None:
        """Save once more. Raises what keeps it from being saved: the last changes are lost then."""
        if self._task is None:
            return
        task, self._task = self._task, None
        task.cancel()
        await asyncio.wait([task])
        await self._save()

    async def _run(self) -> None:
        pause_s = INTERVAL_S
        while True:
            await asyncio.sleep(pause_s)
            if self._token() != self._saved_token:
                pause_s = max(INTERVAL_S, _PAUSE_PER_SAVE * await self._try_to_save())

    async def _try_to_save(self) -> float:
        """How long the event loop was held, in s."""
        try:
            held_s = await self._save()
        except Exception:
            if not self._failing:
                logger.exception("the sandbox cannot be kept; it is tried again until it can")
            self._failing = True
            return INTERVAL_S
        self._failing = False
        return held_s

    async def _save(self) -> float:
        started = time.perf_counter()
        token = self._token()
        change = self._changed()
        held_s = time.perf_counter() - started
        # Not cut off in the middle: whoever cancels this waits until the file is written.
        writing = asyncio.create_task(asyncio.to_thread(self._file.save, change))
        try:
            await asyncio.shield(writing)
        except asyncio.CancelledError:
            await asyncio.wait([writing])
            self._differences.forget()
            raise
        except Exception:
            self._differences.forget()
            raise
        self._saved_token = token
        return held_s

    def _changed(self) -> Change:
        try:
            return self._differences.take(*self._take())
        except Exception:
            self._differences.forget()
            raise
