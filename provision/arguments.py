"""What `python -m provision` takes on the command line."""

from __future__ import annotations

import argparse
import sys
from dataclasses import fields
from pathlib import Path
from typing import NoReturn

from provision import policies
from provision.settings import Profile, StackSettings

DONE, FAILED, CHANGES = 0, 1, 2

#: Who an IAM policy is for → the policy.
POLICIES = {"provisioner": policies.provisioner, "reader": policies.reader, "operator": policies.operator}


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Exit code 2 says that there are changes, so wrong arguments are a failure as any other."""
        self.print_usage(sys.stderr)
        self.exit(FAILED, f"{self.prog}: {message}\n")


def parser(description: str | None) -> argparse.ArgumentParser:
    """The parser of all commands; each has its name in `command`."""
    made = _Parser(
        prog="python -m provision", description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = made.add_subparsers(dest="command", required=True)
    common = _Parser(add_help=False)
    common.add_argument("--prefix", help="sets this stack apart from others in the account (default: STACK_PREFIX)")
    common.add_argument(
        "--profile", choices=[each.value for each in Profile], help="the defaults of the settings below"
    )
    _add_switches(common.add_argument_group("settings", "each has a default by profile"))
    as_json = _Parser(add_help=False)
    as_json.add_argument("--json", action="store_true", help="print JSON, for other programs")
    adopting = _Parser(add_help=False)
    adopting.add_argument(
        "--adopt", action="store_true", help="take over resources of these names that carry no stack's tags"
    )
    sure = _Parser(add_help=False)
    sure.add_argument("--yes", action="store_true", help="do not ask")

    def add(name: str, text: str, *parents: _Parser) -> _Parser:
        return commands.add_parser(name, help=text, description=text, parents=[common, *parents])

    planning = add("plan", "say what `up` would do, and change nothing", as_json, adopting)
    planning.add_argument("--out", type=Path, metavar="FILE", help="save the plan, for `up FILE`")
    raising = add("up", "create and change what is not as declared; safe to run again", adopting, sure)
    raising.add_argument("file", nargs="?", type=Path, metavar="FILE", help="do exactly what this saved plan says")
    add("status", "the state of every resource", as_json)
    drifting = add("drift", "what differs from what is declared", as_json)
    drifting.add_argument("--fail", action="store_true", help="exit code 2 when anything differs")
    removing = add("down", "delete the stack, the table and its records included; the Momento cache stays", sure)
    removing.add_argument("--keep-table", action="store_true", help="leave the table and its records")
    removing.add_argument("--unprotect", action="store_true", help="delete the table even with deletion protection")
    add("outputs", "names and ARNs of what is there", as_json)
    add("doctor", "look for what would keep the stack from coming up or from working")
    add("verify", "make a stack under a random prefix, drive it from end to end, and take it away again", sure)
    allowing = add("policy", "print an IAM policy that allows no more than is needed")
    allowing.add_argument("who", nargs="?", choices=list(POLICIES), default="provisioner")
    return made


def _add_switches(group: argparse._ArgumentGroup) -> None:
    for each in fields(StackSettings):
        flag, reason = each.metadata["flag"], each.metadata["reason"]
        default = f"{each.metadata[Profile.ORIGINAL]} | {each.metadata[Profile.PRODUCTION]}"
        if isinstance(each.default, bool):
            group.add_argument(
                flag, dest=each.name, action=argparse.BooleanOptionalAction, default=None, help=f"{reason} ({default})"
            )
        else:
            metavar = "N" if isinstance(each.default, int) else "TEXT"
            text = f"{reason} ({default})" if metavar == "N" else reason
            group.add_argument(flag, dest=each.name, type=type(each.default), metavar=metavar, help=text)
