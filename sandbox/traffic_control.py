"""Traffic inside the sandbox: one replay at a time, started and stopped through the admin port."""

from __future__ import annotations

import threading
from dataclasses import asdict, dataclass
from typing import Any

from sandbox.state import SandboxState
from sandbox.traffic.observation import SourceError
from sandbox.traffic.operations import count_for
from sandbox.traffic.replay import Replay
from sandbox.traffic.sources import open_sources
from sandbox.traffic.table import WeatherTable, table_client

#: Lifetime of the cache items that traffic writes, in seconds.
TTL_S = 3600


@dataclass(frozen=True)
class TrafficOrder:
    """What to replay: sources by name, writes per second, how many (None: all), and percent of deletes."""

    sources: tuple[str, ...]
    rate: float = 5.0
    count: int | None = None
    deletes: float = 5.0

    @classmethod
    def of(cls, body: dict[str, Any]) -> TrafficOrder:
        """An order from JSON. Raises ValueError or TypeError, which say what is wrong."""
        sources = body.get("sources", ["seattle-daily"])
        if not isinstance(sources, list) or not all(isinstance(name, str) for name in sources):
            raise ValueError("sources must be a list of names")
        if any(name.startswith("csv:") for name in sources):
            raise ValueError("files are replayed with `python -m sandbox.traffic` only, not through the admin port")
        unknown = sorted(set(body) - {"sources", "rate", "count", "deletes"})
        if unknown:
            raise ValueError(f"unknown fields: {', '.join(unknown)}")
        rest = {name: body[name] for name in ("rate", "count", "deletes") if name in body}
        return cls(tuple(sources), **rest)


class TrafficControl:
    """Starts and stops the replay, one order after the other. Blocks briefly; call it from a thread."""

    def __init__(self) -> None:
        self._replay: Replay | None = None
        self._thread: threading.Thread | None = None
        self._order: TrafficOrder | None = None
        self._lock = threading.Lock()

    def start(self, order: TrafficOrder, state: SandboxState) -> None:
        """Ends the replay that runs, if any, and starts another. Raises ValueError for an order that makes no sense."""
        try:
            source = open_sources(order.sources)
        except SourceError as error:
            raise ValueError(str(error)) from error
        table = WeatherTable(table_client(state), TTL_S)
        replay = Replay(
            source.observations,
            table.put,
            table.delete,
            rate=order.rate,
            count=count_for(source.size, order.deletes, order.count),
            deletes=order.deletes,
        )
        with self._lock:
            self._end()
            self._replay, self._order = replay, order
            self._thread = threading.Thread(target=replay.run, name="traffic", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Ends the replay after the write in hand."""
        with self._lock:
            self._end()

    def _end(self) -> None:
        if self._replay is not None:
            self._replay.stop()
        if self._thread is not None:
            self._thread.join(timeout=5)

    def status(self) -> dict[str, Any]:
        """The order and how far it is; {} before the first."""
        if self._replay is None or self._order is None:
            return {}
        return {"order": asdict(self._order), "progress": asdict(self._replay.progress)}
