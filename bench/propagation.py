"""How long a write takes to arrive: acknowledged → event at a subscriber, and → readable in the cache.

Each write puts a key of its own, so a hit and an event can only be this write's. The cache is asked about every
half millisecond from the acknowledgement on; an event may even come before the acknowledgement, and counts as 0 then.
"""

from __future__ import annotations

import json
import math
import threading
import time
from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue

from bench.stack import running_sandbox
from bench.table import SPREAD, Table, spread
from bench.wire import Cache, Subscriber, momento
from sandbox.traffic.cities import cities
from sandbox.traffic.observation import Observation
from sandbox.traffic.replay import Replay
from sandbox.traffic.table import WeatherTable, table_client

RATE = 20
WARM_UP = 40
WRITES = 400
ASK_EVERY_S = 0.0005
PATIENCE_S = 20


class Clock:
    """Puts observations under keys of their own, and notes when each put began, was acknowledged, and could be read."""

    def __init__(self, table: WeatherTable, cache: Cache) -> None:
        self.began: dict[str, float] = {}
        self.acknowledged: dict[str, float] = {}
        self.readable: dict[str, float] = {}
        self._table = table
        self._cache = cache
        self._news: SimpleQueue[str | None] = SimpleQueue()

    def put(self, seen: Observation) -> None:
        """Put one observation under the next key."""
        key = f"bench-{len(self.began):06}"
        self.began[key] = time.perf_counter()
        self._table.put(replace(seen, location=key))
        self.acknowledged[key] = time.perf_counter()
        self._news.put(key)

    def finish(self) -> None:
        """No more writes will come."""
        self._news.put(None)

    def ask(self) -> None:
        """Ask the cache for each acknowledged key until it is there; ends after `finish`, in the end even without."""
        pending: set[str] = set()
        deadline = math.inf
        while pending or deadline == math.inf:
            while not self._news.empty():
                key = self._news.get()
                if key is None:
                    deadline = time.perf_counter() + PATIENCE_S
                else:
                    pending.add(key)
            for key in tuple(pending):
                if self._cache.get(key) is not None:
                    self.readable[key] = time.perf_counter()
                    pending.remove(key)
            if time.perf_counter() > deadline:
                return
            time.sleep(ASK_EVERY_S)


def measure(folder: Path) -> Table:
    """Latencies in ms at 20 writes/s."""
    with running_sandbox(folder) as running, momento(running.state) as (cache, subscriber):
        client = table_client(running.state)
        table = WeatherTable(client, ttl=600)
        clock = Clock(table, cache)
        asking = threading.Thread(target=clock.ask, name="cache", daemon=True)
        asking.start()
        observations = cities(seed=1).observations
        Replay(observations, clock.put, table.delete, rate=RATE, count=WARM_UP + WRITES, deletes=0).run()
        clock.finish()
        asking.join(PATIENCE_S + 5)
        client.close()
    return _table(clock, _arrivals(subscriber))


def _arrivals(subscriber: Subscriber) -> dict[str, float]:
    return {json.loads(text)["Location"]: arrived for arrived, _, text in subscriber.events}


def _table(clock: Clock, arrived: dict[str, float]) -> Table:
    keys = list(clock.acknowledged)[WARM_UP:]
    rows = {
        "write acknowledged": [clock.acknowledged[key] - clock.began[key] for key in keys],
        "acknowledged → event received": _since(clock.acknowledged, arrived, keys),
        "acknowledged → readable in the cache": _since(clock.acknowledged, clock.readable, keys),
    }
    return Table(
        title=f"propagation: {WRITES} writes at {RATE}/s, in ms",
        header=("", *SPREAD),
        rows=tuple((name, *spread([1000 * value for value in values])) for name, values in rows.items()),
        ok=all(len(values) == len(keys) == WRITES for values in rows.values()),
    )


def _since(start: dict[str, float], end: dict[str, float], keys: list[str]) -> list[float]:
    return [max(0.0, end[key] - start[key]) for key in keys if key in end]
