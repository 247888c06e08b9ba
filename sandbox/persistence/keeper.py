"""When the sandbox is saved: soon after a change, and at the end. A save writes what changed since the one before."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from sandbox.persistence.change import Change
from sandbox.persistence.emulator_changes import Taken
from sandbox.persistence.snapshot_file import SnapshotFile, Statement, statements

logger = logging.getLogger(__name__)

#: Time between two looks whether something changed. What a kill loses at most is this and the time of two saves.
INTERVAL_S = 0.1
#: A save holds the event loop for so long before it lets others have a turn.
_HOLD_S = 0.005
#: Time until a save is tried again that failed.
_RETRY_S = 1.0


@dataclass(frozen=True)
class KeepingStatus:
    """How the last save went: when it was (epoch seconds, 0 before the first), and the `problem`, "" for none."""

    saved_at: float = 0.0
    problem: str = ""


class Keeper:
    """Saves what `take` gives whenever what `token` gives has changed. Both are called between two turns of the loop.

    A save that fails is reported once, and tried again until it works; the sandbox goes on meanwhile.
    """

    def __init__(self, file: SnapshotFile, token: Callable[[], object], take: Callable[[], Taken]) -> None:
        self._file = file
        self._token = token
        self._take = take
        self._saved_token: object = None
        self._task: asyncio.Task[None] | None = None
        self.status = KeepingStatus()

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
        while True:
            await asyncio.sleep(_RETRY_S if self.status.problem else INTERVAL_S)
            if self._token() != self._saved_token:
                await self._try_to_save()

    async def _try_to_save(self) -> None:
        try:
            await self._save()
        except OSError as error:
            self._failed(str(error))
        except Exception as error:
            if not self.status.problem:
                logger.exception("the sandbox cannot be kept: an error of its own")
            self._failed(repr(error))

    def _failed(self, problem: str) -> None:
        if not self.status.problem:
            logger.error(
                "The sandbox cannot be kept: %s. It goes on without, and tries again each %g s: make room or mend the "
                "folder. What is written meanwhile is lost if it ends before.",
                problem,
                _RETRY_S,
            )
        self.status = KeepingStatus(self.status.saved_at, problem)

    async def _save(self) -> None:
        token = self._token()
        taken = self._take()
        try:
            change = await _encoded(taken.change)
        except BaseException:
            taken.failed()
            raise
        # Not cut off in the middle: whoever cancels this waits until the file is written.
        writing = asyncio.ensure_future(asyncio.to_thread(self._file.save, change))
        cancelled = False
        try:
            await asyncio.shield(writing)
        except asyncio.CancelledError:
            cancelled = True
            await asyncio.wait([writing])
        except Exception:
            taken.failed()
            raise
        if cancelled:
            (taken.saved if writing.exception() is None else taken.failed)()
            raise asyncio.CancelledError
        taken.saved()
        self._saved_token = token
        if self.status.problem:
            logger.warning("The sandbox is kept again.")
        self.status = KeepingStatus(time.time())


async def _encoded(change: Change) -> list[Statement]:
    """What writes a change. It is encoded here and not by the writer, which would hold the loop up at each turn."""
    encoded: list[Statement] = []
    started = time.perf_counter()
    for statement in statements(change):
        encoded.append(statement)
        if time.perf_counter() - started > _HOLD_S:
            await asyncio.sleep(0)
            started = time.perf_counter()
    return encoded
