"""`python -m provision up|status|down`: the stack on the configured target.

The target is the dashboard's own: `aws` with the settings of `.env`, or the sandbox that runs.
"""

from __future__ import annotations

import argparse
import sys
import time

from botocore.exceptions import BotoCoreError, ClientError

from provision.apply import Momento, up
from provision.clients import Clients, clients
from provision.resources import ProvisionFailed
from provision.status import ResourceStatus, status
from provision.teardown import down
from services import aws, config
from services.config import AwsAccess, Config
from services.errors import DashboardError
from services.momento import MomentoCache
from services.momento_keys import MomentoAddress
from services.runtime import read_environment
from services.sandbox_process import SandboxProcess


def main(arguments: list[str] | None = None) -> int:
    """Exit code: 0 done, 1 failed or (status) something is missing, 2 not configured."""
    options = _parser().parse_args(arguments)
    try:
        configuration = config.load(read_environment(), aws.default_chain)
        access, momento, api_key = _target(configuration)
    except DashboardError as error:
        print(error, file=sys.stderr)
        return 2
    stack = clients(aws.session(access), access.endpoint_url or None)
    print(f"Target {configuration.target.value}, region {stack.region}")
    try:
        return _run(options, stack, momento, api_key)
    except (ProvisionFailed, DashboardError, ClientError, BotoCoreError) as error:
        print(f"Failed: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m provision", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("up", help="create what is missing; safe to run again")
    commands.add_parser("status", help="the state of every resource")
    remove = commands.add_parser("down", help="delete everything, the table and its records included")
    remove.add_argument("--yes", action="store_true", help="do not ask")
    return parser


def _target(configuration: Config) -> tuple[AwsAccess, MomentoAddress, str]:
    """Access, address and key of the target. Raises DashboardError."""
    if configuration.aws is not None:
        return configuration.aws.aws, configuration.aws.momento, configuration.aws.momento_api_key
    info = SandboxProcess().ready()
    assert info.momento is not None, "a ready sandbox has its Momento port in the state file"
    return info.aws, info.momento, info.momento.token


def _run(options: argparse.Namespace, stack: Clients, momento: MomentoAddress, api_key: str) -> int:
    if options.command == "up":
        return _up(stack, momento, api_key)
    if options.command == "status":
        return _status(stack)
    return _down(stack, options.yes)


def _up(stack: Clients, momento: MomentoAddress, api_key: str) -> int:
    started = time.monotonic()
    cache = MomentoCache(momento)
    try:
        up(stack, Momento(momento.http_endpoint, api_key, cache.create_cache), _say)
    finally:
        cache.close()
    print(f"Done in {time.monotonic() - started:.1f} s.")
    return 0


def _status(stack: Clients) -> int:
    found = status(stack)
    for resource in found:
        print(f"{resource.kind:16} {resource.name:58} {resource.state}")
    return 0 if all(_present(resource) for resource in found) else 1


def _present(resource: ResourceStatus) -> bool:
    return resource.state not in ("missing", "being deleted")


def _down(stack: Clients, sure: bool) -> int:
    if not sure:
        for resource in status(stack):
            print(f"delete {resource.kind:16} {resource.name}")
        if not _agreed("This deletes the table with all its records. Type yes to go on: "):
            print("Nothing was deleted.")
            return 1
    down(stack, _say)
    print("Done. The Momento cache was left as it is.")
    return 0


def _agreed(question: str) -> bool:
    """Whether a person typed yes; without one (no standard input) nobody did."""
    try:
        return input(question).strip() == "yes"
    except EOFError:
        print()
        return False


def _say(kind: str, name: str) -> None:
    print(f"  {kind:16} {name}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
