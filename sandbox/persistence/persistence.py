"""Persistence of the sandbox: `python -m sandbox --persist DIR`.

    calls ─▶ Changes ─▶ emulator ─▶ Watched           Keeper: something changed? ─▶ EmulatorChanges + pipes + ports
                                                                                        └─▶ SnapshotFile

A save writes what changed, so that it is quick however much there is. Everything runs on one event loop, so what is
taken in one turn of it is of one moment: a table never has an item whose stream record is missing, and a pipe's
position never says that a record is done with whose dead letter or log line is missing, except for log lines still on
their way (10 ms).
What was under way at that moment comes again after the restart: at least once.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from starlette.types import ASGIApp

from sandbox.garbage import none_while_loading
from sandbox.http_server import bind
from sandbox.persistence import emulator_state
from sandbox.persistence.change import Snapshot
from sandbox.persistence.changes import Changes
from sandbox.persistence.emulator_changes import EmulatorChanges, Taken
from sandbox.persistence.emulator_stores import emulator_version
from sandbox.persistence.keeper import Keeper, KeepingStatus
from sandbox.persistence.snapshot_file import SnapshotFile, SnapshotRefused
from sandbox.persistence.watched import watch
from sandbox.pipes.api.pipe import KeptPipe
from sandbox.pipes.api.runner import Positions
from sandbox.pipes.plan.errors import PipesError
from sandbox.pipes.service import PipesService
from sandbox.pipes.stream.source import ShardPosition

_ABOUT, _PIPES = "about", "pipes"

#: What a kill loses at most, in s, however much is kept: the pause between two saves and the saves themselves.
LOST_AT_MOST_S = 0.5

#: What a restart does not bring back.
NOT_KEPT = (
    "Momento's caches and topics (they start empty), metrics, the pipes' counts, faults and traffic, and changes to "
    "a pipe that were under way"
)


@dataclass(frozen=True)
class About:
    """What a snapshot says of the run that wrote it. `ports` are those that its parts listened on, by name."""

    emulator: str
    saved_at: str
    host: str
    ports: dict[str, int]


class Persistence:
    """The folder that a sandbox is kept in. Raises SnapshotRefused, or OSError when it is in use or cannot be used."""

    def __init__(self, folder: Path) -> None:
        self._keeper: Keeper | None = None
        self._changes: Changes | None = None
        self._differences = EmulatorChanges()
        self._file = SnapshotFile(folder)
        try:
            with none_while_loading():
                self._snapshot = self._file.load()
            self._about = self._read_about(self._snapshot)
        except SnapshotRefused:
            self._file.close()
            raise

    def port(self, name: str, host: str) -> int:
        """The port that a part had when it was saved, or 0 when there is none or it is taken now."""
        port = self._about.ports.get(name, 0) if self._about else 0
        return port if port and _is_free(host, port) else 0

    def watch(self, app: ASGIApp) -> ASGIApp:
        """The emulator's app, watched for changes."""
        watch()
        self._changes = Changes(app)
        return self._changes

    def restore(self, aws_endpoint: str, pipes: PipesService) -> None:
        """Fill emulator and pipes with what was kept. Raises SnapshotRefused when it does not fit together."""
        if self._snapshot is None or self._about is None:
            return
        old_endpoint = f"http://{self._about.host}:{self._about.ports['aws']}"
        parts = self._snapshot.parts
        try:
            with none_while_loading():
                emulator_state.put_back(self._snapshot, old_endpoint, aws_endpoint)
                self._differences.adopt(parts)
            pipes.restore([_pipe_of(each) for each in parts[_PIPES]])
        except (LookupError, TypeError, ValueError, PipesError) as error:
            raise self._file.refused(f"does not fit together ({error!r})") from error
        # It is as large as all that was kept.
        self._snapshot = None

    def start(self, host: str, ports: Callable[[], dict[str, int]], pipes: PipesService) -> None:
        """Keep the sandbox from now on. Must run on the event loop."""

        def take() -> Taken:
            saved_at = datetime.now(UTC).isoformat(timespec="seconds")
            about = asdict(About(emulator_version(), saved_at, host, ports()))
            return self._differences.take({_ABOUT: about, _PIPES: [asdict(pipe) for pipe in pipes.export()]})

        def token() -> object:
            return (self._changes.count if self._changes else 0, ports(), pipes.export())

        self._keeper = Keeper(self._file, token, take)
        self._keeper.start()

    async def close(self) -> None:
        """Save once more, if the sandbox came up, and let go of the folder. Raises when that save fails."""
        try:
            if self._keeper is not None:
                await self._keeper.close()
        finally:
            self._file.close()

    def status(self) -> dict[str, Any]:
        """How keeping goes, for the admin port: the file, when it was saved last (epoch s), and what is wrong."""
        found = self._keeper.status if self._keeper is not None else KeepingStatus()
        return {"file": str(self._file.path), "saved_at": round(found.saved_at, 3), "problem": found.problem}

    def announcement(self) -> str:
        """What a person should know at the start."""
        begun = f"as of {self._about.saved_at}" if self._about else "empty so far"
        return "\n                ".join(
            (
                f"Kept in         {self._file.path} ({begun}): tables, streams, queues, logs, events, roles, secrets,",
                "pipes and their positions.",
                f"A kill loses at most the last {LOST_AT_MOST_S:g} s of what was acknowledged, however much there is;",
                "a power cut may lose more. What was under way comes again. `kept` in GET /status of the admin port",
                "says when it was saved last.",
                f"Not kept: {NOT_KEPT}.",
            )
        )

    def _read_about(self, snapshot: Snapshot | None) -> About | None:
        if snapshot is None:
            return None
        try:
            about = About(**snapshot.parts[_ABOUT])
        except (KeyError, TypeError) as error:
            raise self._file.refused(f"does not fit together ({error!r})") from error
        installed = emulator_version()
        if about.emulator != installed:
            raise self._file.refused(f"was written with ministack {about.emulator}, and {installed} is installed")
        return about


def _pipe_of(kept: dict[str, Any]) -> KeptPipe:
    positions = kept["positions"]
    shards = tuple(ShardPosition(**each) for each in positions["shards"])
    return KeptPipe(**{**kept, "positions": Positions(shards, tuple(positions["finished"]))})


def _is_free(host: str, port: int) -> bool:
    try:
        with closing(bind(host, port)):
            return True
    except OSError:
        return False
