"""`python -m sandbox`: run the embedded stack in the foreground. `python -m sandbox env`: how to reach it."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from core import descriptors
from provision import names
from provision.names import StackNames
from provision.redaction import guard_logs
from sandbox import state as state_file
from sandbox.callers_shell import keep_the_callers_shell_out
from sandbox.lock import AlreadyRunning, hold, is_held

if TYPE_CHECKING:
    from sandbox.persistence.persistence import Persistence
    from sandbox.server import Options


def main(arguments: list[str] | None = None) -> int:
    """Exit code: 0 after a clean stop, 1 when it could not start or is not running, 3 when one already runs."""
    options = _parser().parse_args(arguments)
    if options.command == "env":
        return _print_env()
    return _run(options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sandbox", description=__doc__)
    parser.add_argument("command", nargs="?", choices=["run", "env"], default="run", help="run is the default")
    parser.add_argument("--region", default=os.environ.get("AWS_REGION") or "us-west-2")
    parser.add_argument("--aws-port", type=int, default=0, help="0 takes a free port, as for the other ports")
    parser.add_argument("--momento-port", type=int, default=0, help="gRPC")
    parser.add_argument("--momento-http-port", type=int, default=0)
    parser.add_argument("--admin-port", type=int, default=0)
    parser.add_argument(
        "--profile",
        choices=["original", "production"],
        default="original",
        help="settings of the stack: those of Momento's demo, or those that lose no data",
    )
    parser.add_argument("--prefix", default="", type=_prefix, help="sets the names of the stack apart, as on AWS")
    parser.add_argument(
        "--persist",
        metavar="DIR",
        type=Path,
        help="keep tables, streams, queues, logs and pipes in this folder, and go on from there at the next start",
    )
    parser.add_argument(
        "--connection-failures",
        choices=["internal", "customer"],
        default="internal",
        help="how a pipe reads an endpoint that cannot be reached: internal (the default) tries again without end, "
        "customer counts it against MaximumRetryAttempts; AWS's pages say both",
    )
    parser.add_argument(
        "--until-stdin-closes",
        action="store_true",
        help="also stop when standard input ends, as it does when the parent process dies",
    )
    return parser


def _prefix(text: str) -> StackNames:
    try:
        return StackNames(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _print_env() -> int:
    state = state_file.read()
    if state is None or not state.ready or not is_held(state_file.directory()):
        print("No sandbox is running. Start one with `python -m sandbox` or `make demo`.", file=sys.stderr)
        return 1
    print(state_file.exports(state), end="")
    return 0


def _run(options: argparse.Namespace) -> int:
    keep_the_callers_shell_out()
    guard_logs()
    descriptors.raise_limit()
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    try:
        lock = hold(state_file.directory())
    except AlreadyRunning as error:
        print(f"{error} `python -m sandbox env` tells how to reach it.", file=sys.stderr)
        return 3
    with lock:
        # A run that was killed left its state behind, which says "ready"; with the lock held it would be believed.
        state_file.path().unlink(missing_ok=True)
        try:
            with asyncio.Runner(loop_factory=_loop_factory()) as runner:
                runner.run(_serve(options))
        except OSError as error:
            print(f"The sandbox could not start: {error}", file=sys.stderr)
            return 1
    return 0


def _loop_factory() -> type[asyncio.AbstractEventLoop] | None:
    if sys.platform == "win32":
        return None
    import uvloop

    return uvloop.Loop


async def _serve(options: argparse.Namespace) -> None:
    # Imported late: `env` and `--help` need none of it, and it takes most of a second.
    from provision.settings import Profile
    from sandbox.pipes.api_destination import ConnectionFailures
    from sandbox.server import Options, Sandbox

    names.choose(options.prefix)
    persistence = _persistence(options.persist)
    chosen = Options(
        region=options.region,
        aws_port=options.aws_port,
        momento_port=options.momento_port,
        momento_http_port=options.momento_http_port,
        admin_port=options.admin_port,
        profile=Profile(options.profile),
        connection_failures=ConnectionFailures(options.connection_failures),
    )
    sandbox = Sandbox(_with_last_ports(chosen, persistence) if persistence else chosen, persistence)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    if options.until_stdin_closes:
        threading.Thread(target=_await_end_of_stdin, args=(loop, stop), daemon=True).start()
    try:
        await sandbox.start()
        _announce(sandbox.state)
        if persistence is not None:
            print(persistence.announcement(), flush=True)
        await stop.wait()
    finally:
        await sandbox.close()


def _persistence(folder: Path | None) -> Persistence | None:
    """Imported only when it is asked for. Raises OSError when the folder cannot be used."""
    if folder is None:
        return None
    from sandbox.persistence.persistence import Persistence

    return Persistence(folder)


def _with_last_ports(chosen: Options, persistence: Persistence) -> Options:
    """Ports that were left open are those of the last run where they are free: queue URLs carry one."""
    last = {name: persistence.port(name, chosen.host) for name in ("aws", "momento", "momento_http", "admin")}
    return replace(
        chosen,
        aws_port=chosen.aws_port or last["aws"],
        momento_port=chosen.momento_port or last["momento"],
        momento_http_port=chosen.momento_http_port or last["momento_http"],
        admin_port=chosen.admin_port or last["admin"],
    )


def _await_end_of_stdin(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    # Read below Python's buffering: a thread that waits inside of a buffered read breaks the interpreter's exit.
    while os.read(0, 4096):
        pass
    loop.call_soon_threadsafe(stop.set)


def _announce(state: state_file.SandboxState) -> None:
    print(f"AWS endpoint    {state.aws_endpoint}  region {state.region}")
    print(f"Momento gRPC    {state.momento_host}:{state.momento_port}")
    print(f"Momento HTTP    {state.momento_http_endpoint}")
    print(f"Admin           {state.admin_url}")
    print('Keys and all: eval "$(python -m sandbox env)".  Ctrl-C stops it.', flush=True)


if __name__ == "__main__":
    sys.exit(main())
