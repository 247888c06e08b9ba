"""The commands of `python -m provision`: each reads its options, asks the planner and the executor, and prints."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from core import aws, config
from core.environment import read_environment
from core.errors import DashboardError
from core.momento_client import MomentoCache
from core.redaction import guard_logs
from core.text import printable
from provision import plan_file, report
from provision.advice import explain, is_told
from provision.arguments import CHANGES, DONE, FAILED, POLICIES
from provision.executor import Executor
from provision.model import Action, Plan
from provision.observation import Seen, observe
from provision.planner import plan_removal
from provision.stack import CACHE, TABLE
from provision.stack_at_work import DoctorsCaches, Stack, access_of, stack_of
from provision.warnings import warnings


def run(options: argparse.Namespace) -> int:
    """Runs the command that the options name. Returns its exit code (`provision.__main__`)."""
    guard_logs()
    cache: MomentoCache | None = None
    try:
        configuration = config.load(read_environment(), aws.default_chain)
        access, momento, api_key = access_of(configuration)
        cache = MomentoCache(momento)
        saved = plan_file.read(options.file) if getattr(options, "file", None) else None
        if options.prefix is None and options.command != "verify":
            options.prefix = configuration.stack.prefix
        stack = stack_of(options, saved, configuration.target, access, momento, api_key, cache)
        return _COMMANDS[options.command](options, stack)
    except Exception as error:
        if not (isinstance(error, DashboardError) or is_told(error)):
            raise
        _complain(f"Failed: {explain(error)}")
        return FAILED
    finally:
        if cache is not None:
            cache.close()


def _plan(options: argparse.Namespace, stack: Stack) -> int:
    planned, seen = stack.plan(adopt=options.adopt, wait=False)
    warned = (*warnings(stack.settings, planned), *report.unseen(stack.retired, seen))
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
            _show(f"Saved. Do exactly this with `python -m provision up {options.out}`.")
    return DONE if planned.empty else CHANGES


def _up(options: argparse.Namespace, stack: Stack) -> int:
    saved = plan_file.read(options.file) if options.file else None
    planned, seen = stack.plan(adopt=saved.adopt if saved else options.adopt, wait=True)
    warned = (*warnings(stack.settings, planned), *report.unseen(stack.retired, seen))
    for line in (*report.plan_lines(planned), *(f"Warning: {text}" for text in warned)):
        _show(line)
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
        _show("Nothing was changed.")
        return FAILED
    return _run(stack, planned, seen)


def _run(stack: Stack, planned: Plan, seen: Seen) -> int:
    stop = threading.Event()
    executor = Executor(stack.all, stack.kinds, lambda event: _show(report.event_line(event)), stop)
    with _stopped_by_ctrl_c(stop):
        outcome = executor.run(planned, seen)
    if not outcome.complete:
        for line in report.outcome_lines(outcome, planned):
            _complain(line)
        return FAILED
    _show("Done.")
    if any(step.action is not Action.DELETE for step in planned.steps):
        for line in report.outputs_lines(stack.declared, outcome.outputs):
            _show(line)
    return DONE


@contextmanager
def _stopped_by_ctrl_c(stop: threading.Event) -> Iterator[None]:
    """The first Ctrl-C lets the calls in hand be finished, wherever it comes; the second ends all at once."""

    def pressed(*_: object) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()
        _complain("Stopping: what is in hand is finished first. Ctrl-C again does not wait for it.")

    before = signal.signal(signal.SIGINT, pressed)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _status(options: argparse.Namespace, stack: Stack) -> int:
    planned, seen = stack.plan(adopt=False, wait=False)
    rows = report.states(stack.declared, seen)
    _print(options, {"resources": rows, "plan": report.plan_data(planned)}, report.state_lines(stack.declared, seen))
    if not options.json:
        _show(f"Against what is declared: {report.summary(planned)}")
    return FAILED if any(seen[each.address] is None for each in stack.declared) else DONE


def _drift(options: argparse.Namespace, stack: Stack) -> int:
    planned, _ = stack.plan(adopt=False, wait=False)
    _print(options, report.plan_data(planned), report.plan_lines(planned))
    differs = bool(planned.blocked) or not planned.empty
    return CHANGES if differs and options.fail else DONE


def _down(options: argparse.Namespace, stack: Stack) -> int:
    seen = stack.look_settled()
    planned = plan_removal(stack.all, seen, frozenset({CACHE, *([TABLE] if options.keep_table else [])}))
    for line in (*report.plan_lines(planned), *(f"Warning: {text}" for text in report.unseen(stack.retired, seen))):
        _show(line)
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
        _show("Nothing was deleted.")
        return FAILED
    if protected and deletes_table:
        wanted = {"DeletionProtectionEnabled": False}
        stack.kinds["table"].update(stack.names.table, wanted, frozenset(wanted))
        stack.look_settled()
    result = _run(stack, planned, seen)
    if result == DONE:
        _show("The Momento cache was left as it is.")
    return result


def _outputs(options: argparse.Namespace, stack: Stack) -> int:
    seen = observe(stack.declared, stack.kinds)
    outputs = {address: found.outputs for address, found in seen.items() if found is not None}
    data = report.outputs_data(stack.declared, outputs)
    _print(options, data, report.outputs_lines(stack.declared, outputs))
    return DONE


def _doctor(_options: argparse.Namespace, stack: Stack) -> int:
    # Imported late, as `verify` is: a plan is to be there within a second, and needs neither.
    from provision import doctor

    found = []
    for each in doctor.examine(stack.clients, DoctorsCaches(stack.cache), stack.names, stack.place, stack.api_key):
        found.append(each)
        sign = {True: "ok", False: "FAILED", None: "?"}[each.good]
        _show(f"  {sign:6}  {each.title}: {each.said}")
    return FAILED if any(each.good is False for each in found) else DONE


def _verify(options: argparse.Namespace, stack: Stack) -> int:
    """Each line has its time, so that what is printed can be kept as a record."""
    from provision import verify

    if not (options.yes or _agreed("This makes a stack, which costs some cents, and deletes it. Type yes to go on: ")):
        _show("Nothing was done.")
        return FAILED

    before = observe(stack.all, stack.kinds)
    if there := [each.name for each in stack.all if before[each.address] is not None]:
        _complain(f"A verification deletes what it made, so nothing of its stack may be there: {', '.join(there)}.")
        return FAILED

    def note(text: str) -> None:
        _show(f"{datetime.now(UTC).isoformat(timespec='seconds')}  {text}")

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
    except Exception as error:
        if not (isinstance(error, DashboardError) or is_told(error)):
            raise
        _complain(f"Failed: {explain(error)}")
    finally:
        seen = stack.look_settled()
        gone = _run(stack, plan_removal(stack.all, seen, frozenset({CACHE})), seen) == DONE
        if gone and stack.names.prefix:
            stack.cache.delete_cache(stack.names.cache)
        left = f"something is left: `python -m provision down --prefix {stack.names.prefix}`"
        note("all of it is gone" if gone else left)
    note("verified" if good and gone else "NOT verified")
    return DONE if good and gone else FAILED


def _policy(options: argparse.Namespace, stack: Stack) -> int:
    _show(json.dumps(POLICIES[options.who](stack.names, stack.place), indent=2))
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
        _show(json.dumps(data, indent=2))
        return
    for line in lines:
        _show(line)


def _is_blocked(planned: Plan) -> bool:
    for reason in planned.blocked:
        _complain(f"Blocked: {reason}")
    return bool(planned.blocked)


def _agreed(question: str) -> bool:
    """Whether a person typed yes; without one (no standard input) nobody did."""
    try:
        return input(question).strip() == "yes"
    except EOFError:
        print()
        return False


def _show(text: str) -> None:
    """Prints what may have come from elsewhere: a tag, a name, what a service answered."""
    print(printable(text), flush=True)


def _complain(text: str) -> None:
    print(printable(text), file=sys.stderr, flush=True)
