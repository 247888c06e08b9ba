"""`python -m sandbox`: run the embedded stack in the foreground. `python -m sandbox env`: how to reach it."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import re
import signal
import sys
import threading
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from core import descriptors, names
from core.names import StackNames
from core.private_files import reason
from core.redaction import guard_logs
from sandbox import state as state_file
from sandbox.callers_shell import keep_the_callers_shell_out
from sandbox.lock import AlreadyRunning, hold, is_held

if TYPE_CHECKING:
    from sandbox.persistence.persistence import Persistence
    from sandbox.server import Options


#: How the line begins that says why the sandbox ended; the dashboard quotes it and nothing else.
ENDED = "The sandbox ended: "
#: The options that take a port, with what --help says of each.
_PORTS = {
    "--aws-port": "0 takes a free port, as for the other ports",
    "--momento-port": "gRPC",
    "--momento-http-port": "Momento's HTTP API",
    "--admin-port": "faults, ledger and traffic",
}


def main(arguments: list[str] | None = None) -> int:
    """Exit code: 0 after a clean stop, 1 when it could not start, go on or be kept, or is not running, 2 for wrong
    arguments, 3 when one already runs, 128 and the signal's number when it was stopped before it was up."""
    parser = _parser()
    options = _checked(parser, parser.parse_args(arguments))
    if options.command == "env":
        return _print_env()
    return _run(options)


class _Parser(argparse.ArgumentParser):
    """Says what is wrong with the arguments in the line that a dashboard quotes."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(2, f"{ENDED}{message}\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="python -m sandbox", description=__doc__)
    parser.add_argument("command", nargs="?", choices=["run", "env"], default="run", help="run is the default")
    parser.add_argument("--region", default=os.environ.get("AWS_REGION") or "us-west-2", type=_region)
    for option, more in _PORTS.items():
        parser.add_argument(option, type=_port, default=0, metavar="PORT", help=more)
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


def _checked(parser: argparse.ArgumentParser, options: argparse.Namespace) -> argparse.Namespace:
    """The options, or the end when two ports are the same."""
    option_of: dict[int, str] = {}
    for option in _PORTS:
        port = getattr(options, option.removeprefix("--").replace("-", "_"))
        if port in option_of:
            parser.error(f"{option_of[port]} and {option} are both {port}; each needs a port of its own")
        if port:
            option_of[port] = option
    return options


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) <= 65_535):
        raise argparse.ArgumentTypeError(f"{text!r} is no port; allowed are 0 to 65535, where 0 takes a free one")
    return int(text)


def _region(text: str) -> str:
    if not re.fullmatch(r"[a-z]{2,}(-[a-z]+)+-[0-9]+", text):
        raise argparse.ArgumentTypeError(f"{text!r} is no region; name one such as us-west-2 (or set AWS_REGION)")
    return text


def _prefix(text: str) -> StackNames:
    try:
        return StackNames(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _print_env() -> int:
    try:
        state = state_file.read() if is_held(state_file.directory()) else None
    except OSError as error:
        print(f"Whether a sandbox runs cannot be told: {state_file.trouble(error)}", file=sys.stderr)
        return 1
    if state is None or not state.ready:
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
        # A run that was killed left its state behind, which says "ready"; with the lock held it would be believed.
        state_file.forget()
    except AlreadyRunning as error:
        return _ended(3, f"{error} `python -m sandbox env` tells how to reach it.")
    except OSError as error:
        return _ended(1, state_file.trouble(error))
    with lock:
        try:
            with asyncio.Runner(loop_factory=_loop_factory()) as runner:
                return runner.run(_serve(options))
        except OSError as error:
            return _ended(1, reason(error))
        except Exception as error:
            logging.exception("an error of the sandbox's own")
            return _ended(1, f"an error of its own, {error!r}")


def _ended(code: int, why: str) -> int:
    print(f"{ENDED}{why}", file=sys.stderr)
    return code


def _loop_factory() -> type[asyncio.AbstractEventLoop] | None:
    if sys.platform == "win32":
        return None
    import uvloop

    return uvloop.Loop


async def _serve(options: argparse.Namespace) -> int:
    """The exit code. Raises OSError for what keeps it from starting or from being kept."""
    # Imported late: `env` and `--help` need none of it, and it takes most of a second.
    from provision.settings import Profile
    from sandbox.pipes.target.api_destination import ConnectionFailures
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
    stop: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    _listen_for_the_end(stop, stdin=options.until_stdin_closes)
    try:
        starting = asyncio.ensure_future(sandbox.start())
        both: set[asyncio.Future[Any]] = {starting, stop}
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        if not starting.done():
            starting.cancel()
            await asyncio.wait({starting})
            return _ended(128 + stop.result(), "it was stopped before it had started.")
        await starting
        _announce(sandbox.state)
        if persistence is not None:
            print(persistence.announcement(), flush=True)
        await stop
    finally:
        await sandbox.close()
    return 0


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


def _listen_for_the_end(stop: asyncio.Future[int], *, stdin: bool) -> None:
    """Have a signal, or the end of standard input, set the signal's number."""
    loop = asyncio.get_running_loop()

    def end(number: int) -> None:
        if not stop.done():
            stop.set_result(number)

    def await_end_of_stdin() -> None:
        # Read below Python's buffering: a thread that waits inside of a buffered read breaks the interpreter's exit.
        while os.read(0, 4096):
            pass
        # The loop may be gone already: then all has ended.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(end, signal.SIGTERM)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, end, number)
    if stdin:
        threading.Thread(target=await_end_of_stdin, daemon=True).start()


def _announce(state: state_file.SandboxState) -> None:
    print(f"AWS endpoint    {state.aws_endpoint}  region {state.region}")
    print(f"Momento gRPC    {state.momento_host}:{state.momento_port}")
    print(f"Momento HTTP    {state.momento_http_endpoint}")
    print(f"Admin           {state.admin_url}")
    print('Keys and all: eval "$(python -m sandbox env)".  Ctrl-C stops it.', flush=True)
