"""`python -m sandbox.traffic`: replays weather into the running sandbox, with a progress bar on stderr."""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import threading
import time
from collections.abc import Sequence
from types import FrameType

from core import names
from core.names import StackNames
from core.redaction import guard_logs
from sandbox.callers_shell import keep_the_callers_shell_out
from sandbox.traffic.observation import BadRow, SourceError
from sandbox.traffic.operations import DEFAULT_COUNT, count_for
from sandbox.traffic.progress_line import progress_line, summary
from sandbox.traffic.replay import Replay
from sandbox.traffic.sources import NAMES, distinct_days, open_sources
from sandbox.traffic.table import NoSandbox, WeatherTable, running_sandbox, table_client

#: How often the progress is drawn, in s: on a terminal, and into a file or pipe.
ON_TERMINAL_S = 0.2
ELSEWHERE_S = 5.0
BAD_ROWS_SHOWN = 20


def arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line, checked as far as it can be without a sandbox."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.traffic", description="Replay weather into the sandbox.")
    parser.add_argument(
        "--source",
        action="append",
        metavar="NAME",
        help=f"{', '.join(NAMES)}; more than one are interleaved (default: seattle-daily)",
    )
    parser.add_argument("--rate", type=float, default=5, help="writes/s (default: 5)")
    parser.add_argument(
        "--count",
        type=int,
        help=f"how many writes (default: all of a finite source, {DEFAULT_COUNT:,} of an endless one)",
    )
    parser.add_argument("--deletes", type=float, default=5, help="percent of the writes that delete (default: 5)")
    parser.add_argument("--ttl", type=int, default=3600, help="lifetime of the cache item, in s (default: 3600)")
    parser.add_argument("--seed", type=int, help="makes random weather and deletes repeatable")
    parser.add_argument("--distinct-days", action="store_true", help='keys like "Seattle 2012-01-01": a record a day')
    chosen = parser.parse_args(argv)
    if not 1 <= chosen.ttl <= 86_400:
        parser.error("--ttl has to be between 1 and 86400 s")
    return chosen


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code: 0 when every write was acknowledged, 1 when some were not, 2 when it could not start."""
    chosen = arguments(argv)
    keep_the_callers_shell_out()
    guard_logs()
    try:
        state = running_sandbox()
        names.choose(StackNames(state.stack_prefix))
        source = open_sources(chosen.source or ["seattle-daily"], chosen.seed)
        client = table_client(state)
        table = WeatherTable(client, chosen.ttl)
        if chosen.distinct_days:
            source = distinct_days(source)
        replay = Replay(
            source.observations,
            table.put,
            table.delete,
            rate=chosen.rate,
            count=count_for(source.size, chosen.deletes, chosen.count),
            deletes=chosen.deletes,
            seed=chosen.seed,
        )
    except (NoSandbox, SourceError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    report(source.bad_rows)
    print(f"Replaying {source.name} into {state.aws_endpoint} (Ctrl-C ends it)", file=sys.stderr)
    started = time.monotonic()
    run(replay)
    client.close()
    print(summary(replay.progress, time.monotonic() - started), file=sys.stderr)
    return 1 if replay.progress.failures else 0


def report(bad_rows: Sequence[BadRow]) -> None:
    """Say which rows of a file are left out, and why."""
    for bad in bad_rows[:BAD_ROWS_SHOWN]:
        print(f"line {bad.line}: {bad.reason}", file=sys.stderr)
    if bad_rows:
        print(f"{len(bad_rows):,} bad rows are left out", file=sys.stderr)


def run(replay: Replay) -> None:
    """Run a replay to its end and draw its progress; Ctrl-C or SIGTERM ends it after the write under way."""

    def stop(_signal: int, _frame: FrameType | None) -> None:
        replay.stop()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    writer = threading.Thread(target=replay.run, name="replay")
    writer.start()
    terminal = sys.stderr.isatty()
    while writer.is_alive():
        writer.join(ON_TERMINAL_S if terminal else ELSEWHERE_S)
        draw(progress_line(replay.progress), terminal)
    if terminal:
        print(file=sys.stderr)
    for number, handler in before.items():
        signal.signal(number, handler)


def draw(line: str, terminal: bool) -> None:
    """Draw a line over the last one on a terminal, below it elsewhere."""
    if terminal:
        width = shutil.get_terminal_size().columns - 1
        print(f"\r{line[:width]:<{width}}", end="", file=sys.stderr, flush=True)
    else:
        print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
