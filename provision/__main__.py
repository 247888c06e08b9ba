"""`python -m provision plan|up|status|drift|down|outputs|doctor|verify|policy`: the stack on the configured target.

The target is the dashboard's own: `aws` with the settings of `.env`, or the sandbox that runs. On `aws` the profile is
`production` unless --profile names the other; on the sandbox it is `original`.

Exit codes: 0 done, or nothing to do; 1 failed, refused or not configured; 2 there are changes (plan, drift --fail).
"""

from __future__ import annotations

import argparse
import json
import secrets
import sys
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from provision import doctor, plan_file, report, verify
from provision.advice import explain
from provision.arguments import CHANGES, DONE, FAILED, POLICIES, parser
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
    options = parser(__doc__).parse_args(arguments)
    cache: MomentoCache | None = None
    try:
        configuration = config.load(read_environment(), aws.default_chain)
        access, momento, api_key = _target(configuration)
        cache = MomentoCache(momento)
        saved = plan_file.read(options.file) if getattr(options, "file", None) else None
        if options.prefix is None and options.command != "verify":
            options.prefix = configuration.stack.prefix
        stack = _stack(options, saved, configuration.target, access, momento, api_key, cache)
        return _COMMANDS[options.command](options, stack)
    except (ProvisionFailed, DashboardError, ClientError, BotoCoreError) as error:
        _complain(f"Failed: {explain(error)}")
        return FAILED
    except KeyboardInterrupt:
        _complain("Stopped.")
        return FAILED
    finally:
        if cache is not None:
            cache.close()


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
    profile = (
        Profile(options.profile)
        if options.profile
        else (Profile.PRODUCTION if target is Target.AWS else Profile.ORIGINAL)
    )
    try:
        names = StackNames(saved.prefix if saved else _prefix(options))
    except ValueError as error:
        raise ProvisionFailed(str(error)) from error
    chosen = {each.name: getattr(options, each.name) for each in fields(StackSettings)}
    settings = saved.settings if saved else StackSettings.of(profile, **chosen)
    if options.command == "verify":
        settings = replace(settings, protection=False)  # It is to be deleted again.
    place = Place(clients.region, account, momento.http_endpoint)
    if options.command != "policy" and not getattr(options, "json", False):
        print(f"Target {target.value}, account {account}, region {place.region}, stack {names.stack}", flush=True)
    if saved and (saved.region, saved.account) != (place.region, place.account):
        raise ProvisionFailed(f"The plan was made for account {saved.account} in {saved.region}. Make a new one here.")
    resources = declared(names, settings, place, SecretText(api_key))
    retired = optional(names, settings, place, SecretText(api_key))
    return Stack(names, settings, place, resources, retired, kinds(clients, cache, names, account), clients, cache)


def _prefix(options: argparse.Namespace) -> str:
    """The prefix that was named; a verification without one gets one that nobody has."""
    if options.command == "verify" and not options.prefix:
        return f"verify-{secrets.token_hex(3)}"
    return options.prefix or ""


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


def _verify(options: argparse.Namespace, stack: Stack) -> int:
    """Each line has its time, so that what is printed can be kept as a record."""
    if not (options.yes or _agreed("This makes a stack, which costs some cents, and deletes it. Type yes to go on: ")):
        print("Nothing was done.")
        return FAILED

    before = observe(stack.all, stack.kinds)
    if there := [each.name for each in stack.all if before[each.address] is not None]:
        _complain(f"A verification deletes what it made, so nothing of its stack may be there: {', '.join(there)}.")
        return FAILED

    def note(text: str) -> None:
        print(f"{datetime.now(UTC).isoformat(timespec='seconds')}  {text}", flush=True)

    note(f"begin: {stack.names.stack}, {stack.settings}")
    good = False
    try:
        planned, seen = stack.plan(adopt=False, wait=True)
        if not _is_blocked(planned) and _run(stack, planned, seen) == DONE:
            again, _ = stack.plan(adopt=False, wait=True)
            note(f"a second plan: {report.summary(again)}")
            for each in verify.drive(
                stack.clients, stack.names, lambda key: stack.cache.get(stack.names.cache, key).hit
            ):
                note(f"{each.what} ({each.after_s:.2f} s)")
            good = again.empty
    except (ProvisionFailed, DashboardError, ClientError, BotoCoreError) as error:
        _complain(f"Failed: {explain(error)}")
    finally:
        seen = observe_settled(stack.all, stack.kinds, _waiting)
        gone = _run(stack, plan_removal(stack.all, seen, frozenset({CACHE})), seen) == DONE
        if gone and stack.names.prefix:
            stack.cache.delete_cache(stack.names.cache)
        left = f"something is left: `python -m provision down --prefix {stack.names.prefix}`"
        note("all of it is gone" if gone else left)
    note("verified" if good and gone else "NOT verified")
    return DONE if good and gone else FAILED


def _policy(options: argparse.Namespace, stack: Stack) -> int:
    print(json.dumps(POLICIES[options.who](stack.names, stack.place), indent=2))
    return DONE


_COMMANDS = {
    "plan": _plan,
    "up": _up,
    "status": _status,
    "drift": _drift,
    "down": _down,
    "outputs": _outputs,
    "doctor": _doctor,
    "verify": _verify,
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
