"""`python -m provision plan|up|status|drift|down|outputs|doctor|policy`: the stack on the configured target.

The target is the dashboard's own: `aws` with the settings of `.env`, or the sandbox that runs. On `aws` the profile is
`production` unless --profile names the other; on the sandbox it is `original`.

Exit codes: 0 done, or nothing to do; 1 failed, refused or not configured; 2 there are changes (plan, drift --fail).
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, NoReturn

from botocore.exceptions import BotoCoreError, ClientError

from provision import doctor, plan_file, policies, report
from provision.advice import explain
from provision.clients import Clients
from provision.errors import ProvisionFailed
from provision.executor import Executor
from provision.kinds.registry import Kinds, kinds
from provision.model import Action, Declared, Plan
from provision.names import StackNames
from provision.observation import Seen, observe, observe_settled
from provision.planner import plan, plan_removal
from provision.secret_text import SecretText
from provision.settings import Profile, StackSettings
from provision.stack import CACHE, TABLE, Place, declared, optional
from provision.warnings import warnings
from services import aws, config
from services.config import AwsAccess, Config, Target
from services.errors import DashboardError
from services.momento import MomentoCache
from services.momento_keys import MomentoAddress
from services.runtime import read_environment
from services.sandbox_process import SandboxProcess

DONE, FAILED, CHANGES = 0, 1, 2


@dataclass(frozen=True)
class Stack:
    """One stack in one place, with what it takes to look at it and to change it."""

    names: StackNames
    settings: StackSettings
    place: Place
    declared: tuple[Declared, ...]
    retired: tuple[Declared, ...]
    kinds: Kinds
    clients: Clients
    cache: MomentoCache

    def plan(self, *, adopt: bool, wait: bool) -> tuple[Plan, Seen]:
        """What is to be done, and what is there; with `wait` only once nothing is on its way to another state."""
        if wait:
            seen: Seen = observe_settled(self.all, self.kinds, _waiting, adopt=adopt)
        else:
            seen = observe(self.all, self.kinds, adopt=adopt)
        return plan(self.declared, seen, self.retired), seen

    @property
    def all(self) -> tuple[Declared, ...]:
        """What is declared, and what other settings may have left behind."""
        return (*self.declared, *self.retired)


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; see the module's text for the exit codes."""
    options = _parser().parse_args(arguments)
    cache: MomentoCache | None = None
    try:
        configuration = config.load(read_environment(), aws.default_chain)
        access, momento, api_key = _target(configuration)
        cache = MomentoCache(momento)
        saved = plan_file.read(options.file) if getattr(options, "file", None) else None
        stack = _stack(options, saved, configuration.target, access, momento, api_key, cache)
        return _COMMANDS[options.command](options, stack)
    except (ProvisionFailed, DashboardError, ClientError, BotoCoreError) as error:
        _complain(f"Failed: {explain(error)}")
        return FAILED
    except KeyboardInterrupt:
        _complain("Stopped. Nothing was begun.")
        return FAILED
    finally:
        if cache is not None:
            cache.close()


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Exit code 2 says that there are changes, so wrong arguments are a failure as any other."""
        self.print_usage(sys.stderr)
        self.exit(FAILED, f"{self.prog}: {message}\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m provision", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    common = _Parser(add_help=False)
    common.add_argument("--prefix", default="", help="sets this stack apart from others in the account")
    common.add_argument("--profile", type=Profile, choices=list(Profile), help="original or production")
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
    drifting = add("drift", "what is not as declared, and was not made here so", as_json)
    drifting.add_argument("--fail", action="store_true", help="exit code 2 when anything differs")
    removing = add("down", "delete the stack, the table and its records included; the Momento cache stays", sure)
    removing.add_argument("--keep-table", action="store_true", help="leave the table and its records")
    removing.add_argument("--unprotect", action="store_true", help="delete the table even with deletion protection")
    add("outputs", "names and ARNs of what is there", as_json)
    add("doctor", "look for what would keep the stack from coming up or from working")
    allowing = add("policy", "print an IAM policy that allows no more than is needed")
    allowing.add_argument("who", nargs="?", choices=list(_POLICIES), default="provisioner")
    return parser


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


def _target(configuration: Config) -> tuple[AwsAccess, MomentoAddress, str]:
    """Access, address and key of the target. Raises DashboardError."""
    if configuration.aws is not None:
        return configuration.aws.aws, configuration.aws.momento, configuration.aws.momento_api_key
    info = SandboxProcess().ready()
    assert info.momento is not None, "a ready sandbox has its Momento port in the state file"
    return info.aws, info.momento, info.momento.token


def _stack(
    options: argparse.Namespace,
    saved: plan_file.SavedPlan | None,
    target: Target,
    access: AwsAccess,
    momento: MomentoAddress,
    api_key: str,
    cache: MomentoCache,
) -> Stack:
    clients = Clients(aws.session(access), access.endpoint_url or None)
    account = clients.sts.get_caller_identity()["Account"]
    profile = options.profile or (Profile.PRODUCTION if target is Target.AWS else Profile.ORIGINAL)
    try:
        names = StackNames(saved.prefix if saved else options.prefix)
    except ValueError as error:
        raise ProvisionFailed(str(error)) from error
    chosen = {each.name: getattr(options, each.name) for each in fields(StackSettings)}
    settings = saved.settings if saved else StackSettings.of(profile, **chosen)
    place = Place(clients.region, account, momento.http_endpoint)
    if options.command != "policy" and not getattr(options, "json", False):
        print(f"Target {target.value}, account {account}, region {place.region}, stack {names.stack}", flush=True)
    if saved and (saved.region, saved.account) != (place.region, place.account):
        raise ProvisionFailed(f"The plan was made for account {saved.account} in {saved.region}. Make a new one here.")
    resources = declared(names, settings, place, SecretText(api_key))
    retired = optional(names, settings, place, SecretText(api_key))
    return Stack(names, settings, place, resources, retired, kinds(clients, cache, names, account), clients, cache)


def _plan(options: argparse.Namespace, stack: Stack) -> int:
    planned, _ = stack.plan(adopt=options.adopt, wait=False)
    warned = warnings(stack.settings, planned)
    data = {**report.plan_data(planned), "warnings": list(warned)}
    _print(options, data, (*report.plan_lines(planned), *(f"Warning: {text}" for text in warned)))
    if _is_blocked(planned):
        return FAILED
    if options.out:
        place = stack.place
        saved = plan_file.SavedPlan(
            stack.names.prefix, place.region, place.account, stack.settings, options.adopt, report.plan_data(planned)
        )
        plan_file.save(options.out, saved)
        if not options.json:
            print(f"Saved. Do exactly this with `python -m provision up {options.out}`.")
    return DONE if planned.empty else CHANGES


def _up(options: argparse.Namespace, stack: Stack) -> int:
    saved = plan_file.read(options.file) if options.file else None
    planned, seen = stack.plan(adopt=saved.adopt if saved else options.adopt, wait=True)
    for line in (*report.plan_lines(planned), *(f"Warning: {text}" for text in warnings(stack.settings, planned))):
        print(line)
    if _is_blocked(planned):
        return FAILED
    if saved and (differing := plan_file.moved(saved, planned)):
        for line in differing:
            _complain(f"  {line}")
        _complain("The world has moved since the plan was made, so nothing was done. Make a new plan.")
        return FAILED
    if planned.empty:
        return DONE
    if not (saved or options.yes or _agreed("Type yes to do this: ")):
        print("Nothing was changed.")
        return FAILED
    return _run(stack, planned, seen)


def _run(stack: Stack, planned: Plan, seen: Seen) -> int:
    executor = Executor(stack.all, stack.kinds, lambda event: print(report.event_line(event), flush=True))
    outcome = executor.run(planned, seen)
    if not outcome.complete:
        for line in report.outcome_lines(outcome, planned):
            _complain(line)
        return FAILED
    print("Done.")
    if any(step.action is not Action.DELETE for step in planned.steps):
        for line in report.outputs_lines(stack.declared, outcome.outputs):
            print(line)
    return DONE


def _status(options: argparse.Namespace, stack: Stack) -> int:
    planned, seen = stack.plan(adopt=False, wait=False)
    rows = report.states(stack.declared, seen)
    _print(options, {"resources": rows, "plan": report.plan_data(planned)}, report.state_lines(stack.declared, seen))
    if not options.json:
        print(f"Against what is declared: {report.summary(planned)}")
    return FAILED if any(seen[each.address] is None for each in stack.declared) else DONE


def _drift(options: argparse.Namespace, stack: Stack) -> int:
    planned, _ = stack.plan(adopt=False, wait=False)
    _print(options, report.plan_data(planned), report.plan_lines(planned))
    differs = bool(planned.blocked) or not planned.empty
    return CHANGES if differs and options.fail else DONE


def _down(options: argparse.Namespace, stack: Stack) -> int:
    seen = observe_settled(stack.all, stack.kinds, _waiting)
    planned = plan_removal(stack.all, seen, frozenset({CACHE, *([TABLE] if options.keep_table else [])}))
    for line in report.plan_lines(planned):
        print(line)
    if planned.empty:
        return DONE
    table = seen[TABLE]
    protected = table is not None and bool(table.attributes.get("DeletionProtectionEnabled"))
    deletes_table = any(step.address == TABLE for step in planned.steps)
    if protected and deletes_table and not options.unprotect:
        _complain("The table has deletion protection. Leave it with --keep-table, or delete it with --unprotect.")
        return FAILED
    loss = "This deletes the table with all its records. " if deletes_table else ""
    if not (options.yes or _agreed(f"{loss}Type yes to go on: ")):
        print("Nothing was deleted.")
        return FAILED
    if protected and deletes_table:
        wanted = {"DeletionProtectionEnabled": False}
        stack.kinds["table"].update(stack.names.table, wanted, frozenset(wanted))
        observe_settled(stack.declared, stack.kinds, _waiting)
    result = _run(stack, planned, seen)
    if result == DONE:
        print("The Momento cache was left as it is.")
    return result


def _outputs(options: argparse.Namespace, stack: Stack) -> int:
    seen = observe(stack.declared, stack.kinds)
    outputs = {address: found.outputs for address, found in seen.items() if found is not None}
    data = report.outputs_data(stack.declared, outputs)
    _print(options, data, report.outputs_lines(stack.declared, outputs))
    return DONE


def _doctor(_options: argparse.Namespace, stack: Stack) -> int:
    found = list(doctor.examine(stack.clients, stack.cache, stack.names, stack.place))
    for each in found:
        sign = {True: "ok", False: "FAILED", None: "?"}[each.good]
        print(f"  {sign:6}  {each.title}: {each.said}")
    return FAILED if any(each.good is False for each in found) else DONE


def _policy(options: argparse.Namespace, stack: Stack) -> int:
    print(json.dumps(_POLICIES[options.who](stack.names, stack.place), indent=2))
    return DONE


_POLICIES = {"provisioner": policies.provisioner, "reader": policies.reader, "operator": policies.operator}
_COMMANDS = {
    "plan": _plan,
    "up": _up,
    "status": _status,
    "drift": _drift,
    "down": _down,
    "outputs": _outputs,
    "doctor": _doctor,
    "policy": _policy,
}


def _print(options: argparse.Namespace, data: Any, lines: Iterable[str]) -> None:
    if options.json:
        print(json.dumps(data, indent=2))
        return
    for line in lines:
        print(line)


def _is_blocked(planned: Plan) -> bool:
    for reason in planned.blocked:
        _complain(f"Blocked: {reason}")
    return bool(planned.blocked)


def _waiting(resource: Declared, state: str) -> None:
    print(f"      {resource.kind:16} {resource.name}  is {state}; waiting", flush=True)


def _agreed(question: str) -> bool:
    """Whether a person typed yes; without one (no standard input) nobody did."""
    try:
        return input(question).strip() == "yes"
    except EOFError:
        print()
        return False


def _complain(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
