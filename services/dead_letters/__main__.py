"""`python -m services.dead_letters list|show|plan|repair|delete|purge`: the dead-letter page for terminals and scripts.

Each command works through the whole queue, and says how many messages it saw of about how many: SQS's counts are
approximate. repair and delete go on in rounds until nothing is left or a round changes nothing. Messages that come
while they work are taken by the next round, of which there are at most five; those that another look or other work
hides are waited for up to 30 s. Ctrl-C ends them after the messages in hand.

Exit codes: 0 done, and nothing that was meant is left (list: the queue is empty); 1 something failed, was left or was
not seen (plan: would be left), or the question was not answered with yes; 2 it could not start; 3 (list only) there are
dead letters; 130 Ctrl-C, and what was done is said.
"""

from __future__ import annotations

import argparse
import getpass
import json
import os
import socket
import sys
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from core import names, target
from core.aws import Aws
from core.errors import DashboardError
from core.momento_client import MomentoCache
from core.text import printable
from services.audit.log import Audit
from services.cache.reconcile import Reconciler
from services.dead_letters.diagnosis import Casebook
from services.dead_letters.export import described, described_letter
from services.dead_letters.log_evidence import from_log
from services.dead_letters.message import DeadLetter
from services.dead_letters.orders import PER_SECOND, Sweep
from services.dead_letters.purge import purge
from services.dead_letters.queue import DeadLetterQueue, Look
from services.dead_letters.repair import SLOWEST, Handle, deleting, repairing, work
from services.dead_letters.repair_status import plan
from services.dead_letters.results import KEPT, Report
from services.dead_letters.saved import Memory
from services.dead_letters.wording import (
    Telling,
    about,
    interrupting,
    looked,
    planned_words,
    unseen_of,
    unseen_words,
)
from services.logs.tail import LogTail, LogView
from services.weather.table import WeatherTable

#: Letters that one command looks at, and how long it may take, in seconds. SQS holds 120,000 messages at most.
MOST = 100_000
LOOK_S = 1_800.0
#: The most letters a second that may be asked for.
FASTEST = 1_000.0
#: How long one reading of the log may take, in seconds.
READ_S = 20.0
#: What a shell makes of Ctrl-C.
INTERRUPTED = 130


@dataclass(frozen=True)
class Parts:
    """What the commands ask."""

    queue: DeadLetterQueue
    casebook: Casebook
    reconciler: Reconciler
    audit: Audit


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command. Returns its exit code."""
    options = _parser().parse_args(arguments)
    try:
        with _parts() as parts:
            code: int = options.run(parts, options)
            return code
    except DashboardError as error:
        print(printable(str(error)), file=sys.stderr)
        return 2
    except BrokenPipeError:
        # Whoever reads has read enough, as `head` does; nothing more can be said there, at the end neither.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        print("Stopped. What was not done is in the queue; messages that are still held show again within a minute.")
        return INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m services.dead_letters",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    choosing = argparse.ArgumentParser(add_help=False)
    choosing.add_argument("--pipe", choices=names.FLOWS, help="only letters of this pipe")
    choosing.add_argument("--id", action="append", metavar="ID", help="only this message; may be repeated")
    choosing.add_argument("--json", action="store_true", help="one JSON object a line; the counts in the last one")
    acting = argparse.ArgumentParser(add_help=False)
    acting.add_argument("--why", required=True, help="the reason, for the audit log")
    acting.add_argument("--yes", action="store_true", help="do not ask")
    for name, run, parents, words in (
        ("list", _list, [choosing], "the messages, oldest first"),
        ("show", _show, [choosing], "each message with its record and both sides of its key now"),
        ("plan", _plan, [choosing], "what a repair would do; changes nothing"),
        ("repair", _repair, [choosing, acting], "bring the cache to the table for each key, then delete the message"),
        ("delete", _delete, [choosing, acting], "delete messages as they are"),
    ):
        command = commands.add_parser(name, parents=parents, help=words, description=words)
        command.set_defaults(run=run)
        if name == "repair":
            command.add_argument(
                "--rate", type=_rate, default=PER_SECOND, help=f"at most so many a second (default {PER_SECOND:g})"
            )
    purge = commands.add_parser("purge", parents=[acting], help="delete every message")
    purge.add_argument("--json", action="store_true", help="one JSON object")
    purge.add_argument("--queue", required=True, help="the queue's name, as a confirmation")
    purge.set_defaults(run=_purge)
    return parser


def _rate(text: str) -> float:
    """A number of letters a second. Raises ArgumentTypeError, which says what is allowed."""
    try:
        rate = float(text)
    except ValueError:
        rate = 0.0
    if not SLOWEST <= rate <= FASTEST:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from {SLOWEST:g} to {FASTEST:g}")
    return rate


@contextmanager
def _parts() -> Iterator[Parts]:
    _, access, address = target.of_environment()
    aws, cache = Aws(access), MomentoCache(address)
    tail = LogTail(aws)
    try:
        table = WeatherTable(aws)
        audit = Audit(aws)
        memory = Memory(lambda: audit)
        witness = from_log(tail, lambda: _read_back(tail))
        casebook = Casebook(aws, cache, table, witness, lambda: memory.kept().records)
        yield Parts(DeadLetterQueue(aws), casebook, Reconciler(cache, table), audit)
    finally:
        tail.close()
        cache.close()
        aws.close()


def _read_back(tail: LogTail) -> LogView:
    """The log of the window that was asked for, as far as it can be read in READ_S. Raises DashboardError."""
    deadline = time.monotonic() + READ_S
    view = tail.refresh()
    while view.state.reading_back and time.monotonic() < deadline:
        view = tail.refresh()
    return view


def _list(parts: Parts, options: argparse.Namespace) -> int:
    look = _look(parts)
    letters = _chosen(look, options)
    for case in parts.casebook.unread(letters) if letters else ():
        letter = case.letter
        _say(
            options,
            described_letter(letter) | {"cause": case.cause.words},
            f"{letter.message_id}  {_age(letter):>8}  {letter.pipe or letter.problem}  {case.cause.words}",
        )
    unseen = unseen_of(look)
    empty = not look.letters and not unseen
    words = "The queue is empty." if empty else f"{looked(look, letters)}{unseen_words(unseen)}"
    print(words, file=sys.stderr if options.json else sys.stdout)
    if letters:
        return 3
    return 1 if unseen or _not_in_queue(options, ()) else 0


def _show(parts: Parts, options: argparse.Namespace) -> int:
    look = _look(parts)
    letters = _chosen(look, options)
    for case in parts.casebook.cases(letters):
        cause, found = case.cause, case.hydrated
        where = f" in the {cause.stage}" if cause.stage else ""
        _say(
            options,
            described(case),
            "\n".join(
                (
                    f"{case.letter.message_id}  {case.letter.pipe or case.letter.problem}",
                    f"  {case.standing.value}: {case.why}",
                    f"  cause: {cause.words}{where} ({cause.join.value})",
                    f"  record: {found.recovery.value}",
                    *(f"    {record.event_name} {record.location!r}" for record in found.records),
                    *(f"  {key.location!r}: {key.step.value} {key.problem}".rstrip() for key in case.keys),
                )
            ),
        )
    unseen = unseen_of(look)
    print(f"{looked(look, letters)}{unseen_words(unseen)}", file=sys.stderr)
    return 1 if _not_in_queue(options, [letter.message_id for letter in letters]) or unseen else 0


def _plan(parts: Parts, options: argparse.Namespace) -> int:
    look = _look(parts)
    letters = _chosen(look, options)
    cases = parts.casebook.cases(letters)
    planned, unseen = plan(cases), unseen_of(look)
    counts = {"seen": len(look.letters), "about": about(look), "unseen": unseen}
    words = f"{looked(look, letters)} {planned_words(planned, cases)}{unseen_words(unseen)}"
    _say(options, asdict(planned) | counts, words)
    missing = _not_in_queue(options, [letter.message_id for letter in letters])
    return 1 if unseen or missing or planned.without_key or planned.unreadable else 0


def _repair(parts: Parts, options: argparse.Namespace) -> int:
    sweep = _sweep(parts, options, "Repair dead letters", options.rate)
    if not options.yes:
        look = _look(parts)
        letters = _chosen(look, options)
        cases = parts.casebook.cases(letters)
        words = f"{looked(look, letters)} {planned_words(plan(cases), cases)}{unseen_words(unseen_of(look))}"
        if letters and not _agreed(options, f"{words} Repair them?"):
            return 1
    return _act(parts, options, sweep, repairing(parts.reconciler))


def _delete(parts: Parts, options: argparse.Namespace) -> int:
    sweep = _sweep(parts, options, "Delete dead letters", FASTEST)
    if not options.yes:
        look = _look(parts)
        letters = _chosen(look, options)
        words = f"{looked(look, letters)}{unseen_words(unseen_of(look))}"
        if letters and not _agreed(options, f"{words} Delete {len(letters):,} messages for good? Nothing is repaired."):
            return 1
    return _act(parts, options, sweep, deleting)


def _purge(parts: Parts, options: argparse.Namespace) -> int:
    if options.queue != names.QUEUE:
        print(f"--queue is {options.queue!r}, and the queue is {names.QUEUE!r}: nothing was deleted.", file=sys.stderr)
        return 2
    total = parts.queue.depth().total
    if not _agreed(options, f"Delete all of about {total:,} messages for good? Nothing is repaired."):
        return 1
    letters = _look(parts).letters if options.why.strip() else ()
    total = purge(parts.queue, parts.audit, _who(), options.why, options.queue, letters)
    kept = f"The audit log has the bodies of {len(letters):,} of about {max(total, len(letters)):,} messages."
    _say(options, {"purged": True, "about": total, "kept": len(letters)}, f"Purged. SQS takes up to a minute. {kept}")
    return 0


def _sweep(parts: Parts, options: argparse.Namespace, act: str, per_second: float) -> Sweep:
    """The work that the options order. Raises InvalidInput without a reason."""
    pipe = names.pipe(options.pipe) if options.pipe else ""
    named = frozenset(options.id) if options.id else None
    return Sweep(act, _who(), options.why, parts.casebook.pointed, pipe, named, per_second)


def _act(parts: Parts, options: argparse.Namespace, sweep: Sweep, handle: Handle) -> int:
    if not parts.queue.depth().total:
        print("No message matches: nothing was changed.", file=sys.stderr)
        if options.json:
            _say(options, {"counts": Report(()).counts()}, "")
        return 1 if _not_in_queue(options, ()) else 0
    control = Telling()
    with interrupting(control):
        report = work(parts.queue, parts.audit, sweep, handle, control)
    _tell(options, report)
    if control.cancelled:
        return INTERRUPTED
    return 0 if report.all_done else 1


def _look(parts: Parts) -> Look:
    return parts.queue.look(MOST, LOOK_S)


def _not_in_queue(options: argparse.Namespace, seen: Collection[str]) -> bool:
    """Whether messages were named that the queue did not show; says which."""
    missing = [message_id for message_id in options.id or () if message_id not in seen]
    for message_id in missing:
        print(f"{message_id}  not seen in the queue", file=sys.stderr)
    return bool(missing)


def _tell(options: argparse.Namespace, report: Report) -> None:
    for result in report.results:
        if options.json:
            print(printable(json.dumps(result.line(), ensure_ascii=False)))
        elif result.fate in KEPT:
            print(printable(f"{result.message_id}  {result.fate.value}: {result.why}"))
    _say(options, {"counts": report.counts()}, f"{report.words()} {report.rest_words()}")
    if options.json:
        print(printable(f"{report.words()} {report.rest_words()}"), file=sys.stderr)


def _chosen(look: Look, options: argparse.Namespace) -> list[DeadLetter]:
    pipe = names.pipe(options.pipe) if options.pipe else None
    return [
        letter
        for letter in look.letters
        if pipe in (None, letter.pipe) and (not options.id or letter.message_id in options.id)
    ]


def _agreed(options: argparse.Namespace, question: str) -> bool:
    if options.yes:
        return True
    try:
        agreed = input(f"{question} Type yes to go on: ").strip() == "yes"
    except EOFError:
        agreed = False
    if not agreed:
        print("Nothing was changed.")
    return agreed


def _who() -> str:
    return f"{getpass.getuser()}@{socket.gethostname()} (command line)"


def _say(options: argparse.Namespace, content: Mapping[str, Any], words: str) -> None:
    print(printable(json.dumps(content, ensure_ascii=False, default=str) if options.json else words))


def _age(letter: DeadLetter) -> str:
    minutes = (time.time() - letter.sent_at.timestamp()) / 60
    return f"{minutes:.0f} min" if minutes < 120 else f"{minutes / 60:.0f} h"


if __name__ == "__main__":
    sys.exit(main())
