"""`python -m bench [name ...]`: measures the sandbox on this machine and prints tables."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from bench import dead_letters, feed, kills, logs, propagation, provision, replay, startup, sustained, viewers
from bench.machine import machine_line
from bench.table import Table

MEASUREMENTS: dict[str, Callable[[Path], Table]] = {
    "startup": startup.measure,
    "propagation": propagation.measure,
    "replay": replay.measure,
    "sustained": sustained.measure,
    "feed": feed.measure,
    "kills": kills.measure,
    "viewers": viewers.measure,
    "logs": logs.measure,
    "dead-letters": dead_letters.measure,
    "provision": provision.measure,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code: 0 when all that has to hold held, 1 otherwise."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=f"{', '.join(MEASUREMENTS)} (default: all)")
    parser.add_argument("--feed-seconds", type=int, default=60, help="how long feed follows the topic (default 60)")
    arguments = parser.parse_args(argv)
    names = arguments.names or list(MEASUREMENTS)
    soak = partial(feed.measure, seconds=arguments.feed_seconds)
    measurements: dict[str, Callable[[Path], Table]] = {**MEASUREMENTS, "feed": soak}
    unknown = [name for name in names if name not in MEASUREMENTS]
    if unknown:
        parser.error(f"no measurement {', '.join(unknown)}; there are: {', '.join(MEASUREMENTS)}")
    print(machine_line(), flush=True)
    good = True
    for name in names:
        with tempfile.TemporaryDirectory(prefix=f"bench-{name}-") as folder:
            table = measurements[name](Path(folder))
        print(f"\n{table}", flush=True)
        if not table.ok:
            print("  NOT OK", flush=True)
        good = good and table.ok
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
