"""The ledger of all pipes: written = delivered + dead-lettered + filtered + in flight (+ dropped), by observation.

None of the counts is the runtime's own. What was written is read from the stream, what was filtered is decided by
the pattern that DescribePipe shows, what was delivered is what Momento answered with success, and what is dead is
what SQS accepted. Only whether a pipe is at rest is taken at its word: a record of which nothing was seen is in
flight while the pipe is stopped, holds or works, and unaccounted when the pipe has rested for `GRACE_S`, or when a
later record of the same key was seen to arrive. A pipe without a dead-letter queue has dropped such a record.

Limits: a pipe's present settings are applied to all its records since the last look, so one that is updated may
show differences for records under way; and the ledger starts again with the sandbox. A pipe that could not be observed
once stays so, because what it did then is missing from its account.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

from sandbox.aws.calls import AwsCaller, AwsCallFailed
from sandbox.ledger.account import Account, Entry
from sandbox.ledger.expectation import Expectation, NotObservable, expectation_of
from sandbox.ledger.letters import Letter, LetterLog
from sandbox.ledger.stream import StreamReader
from sandbox.momento.deliveries import Deliveries, Seen
from sandbox.pipes.syntax.json_paths import compact
from sandbox.pipes.target.destinations import DestinationUnusable

#: Seconds that a pipe must have been seen at rest before what it has not done counts as lost.
GRACE_S = 2.0
#: How many unaccounted records are named.
_NAMED = 50


class Pipes(Protocol):
    """What the ledger asks of the Pipes service."""

    def descriptions(self) -> list[dict[str, Any]]: ...
    def status(self) -> list[dict[str, Any]]: ...


class Momento(Protocol):
    """What the ledger asks of Momento."""

    @property
    def http_endpoint(self) -> str: ...
    def take_deliveries(self) -> Deliveries: ...


@dataclass
class _Page:
    """One pipe's page: its account, its reader, and since when it rests.

    `problem` says why it cannot be observed, "" when it can; `behind` is true when that may pass, else it stays.
    """

    name: str
    region: str
    reader: StreamReader
    account: Account = field(default_factory=Account)
    problem: str = ""
    behind: bool = False
    may_drop: bool = False
    lanes: int = 1
    resting_since: float | None = None


class Ledger:
    """Keeps the accounts. Nothing is computed until somebody asks."""

    def __init__(self, aws: AwsCaller, pipes: Pipes, momento: Momento, letters: LetterLog) -> None:
        self._aws = aws
        self._pipes = pipes
        self._momento = momento
        self._letter_log = letters
        # By ARN and creation time: a pipe that is made anew has a new page.
        self._pages: dict[tuple[str, float], _Page] = {}
        self._requests: list[Seen] = []
        self._letters: list[Letter] = []
        self._unexplained = 0
        self._missed = 0
        self._one_look = asyncio.Lock()

    async def balance(self) -> dict[str, Any]:
        """The balance of every pipe now. `unexplained` requests came from pipes but of no record that is known."""
        async with self._one_look:
            # First what arrived, then what was written: so that what arrived is known to have been written.
            deliveries = self._momento.take_deliveries()
            self._requests += deliveries.fingerprints
            self._missed += deliveries.missed
            self._letters += self._letter_log.take()
            before = {key: _seen(page.account) for key, page in self._pages.items()}
            await self._read_all()
            self._settle_letters()
            left = self._settle_requests()
            # What a pipe sent before it was deleted is of no record that is still known, and nobody's fault.
            if before.keys() <= self._pages.keys() and not any(page.problem for page in self._pages.values()):
                self._unexplained += left
            resting = {(each["name"], each["region"]): _is_at_rest(each) for each in self._pipes.status()}
            rows = []
            for key, page in self._pages.items():
                progress = before.get(key) != _seen(page.account)
                self._note_rest(page, resting.get((page.name, page.region), False) and not progress)
                rows.append(_row(page))
        balanced = all(row["balanced"] is not False for row in rows) and not self._unexplained and not self._missed
        return {"balanced": balanced, "unexplained": self._unexplained, "missed": self._missed, "pipes": rows}

    async def _read_all(self) -> None:
        """Bring every page up to what is written now; the pages of pipes that are gone are closed."""
        described = {(each["Arn"], each["CreationTime"]): each for each in self._pipes.descriptions()}
        self._pages = {key: page for key, page in self._pages.items() if key in described}
        for key, description in described.items():
            if key not in self._pages:
                region = description["Arn"].split(":")[3]
                reader = StreamReader(self._aws, description["Source"], region)
                self._pages[key] = _Page(description["Name"], region, reader)
            await self._read(self._pages[key], description)

    async def _read(self, page: _Page, description: dict[str, Any]) -> None:
        if page.problem and not page.behind:
            return
        try:
            expectation = await expectation_of(description, self._momento.http_endpoint, self._aws)
            page.may_drop = not expectation.plan.dead_letter_arn
            page.lanes = expectation.plan.batching.lanes
            async for record in page.reader.read():
                _write(page.account, expectation, record)
        except NotObservable as error:
            page.problem, page.behind = str(error), False
        except (AwsCallFailed, DestinationUnusable) as error:
            page.problem, page.behind = str(error), True
        else:
            page.problem, page.behind = "", False

    def _settle_letters(self) -> None:
        pages = {arn: page for (arn, _), page in self._pages.items()}
        letters, self._letters = self._letters, []
        for letter in letters:
            page = pages.get(letter.pipe_arn)
            if page is not None and page.behind:
                self._letters.append(letter)
            elif page is not None and not page.problem:
                page.account.dead_letter(letter.first, letter.last, letter.size, page.lanes)

    def _settle_requests(self) -> int:
        """How many requests neither a pending record explains nor an earlier delivery."""
        accounts = [page.account for page in self._pages.values()]
        left = [rest for request in self._requests for rest in _unexplained(request, accounts)]
        if any(page.behind for page in self._pages.values()):
            # They may belong to records that could not be read this time.
            self._requests = left
            return 0
        self._requests = []
        return sum(_not_repeated(request, accounts) for request in left)

    def _note_rest(self, page: _Page, at_rest: bool) -> None:
        if not at_rest:
            page.resting_since = None
        elif page.resting_since is None:
            page.resting_since = time.monotonic()


def _write(account: Account, expectation: Expectation, record: dict[str, Any]) -> None:
    if expectation.concerns(record):
        change = record["dynamodb"]
        entry = Entry(record["eventName"], compact(change["Keys"]), change["SequenceNumber"])
        account.write(entry, expectation.request_of(record))


def _unexplained(request: Seen, accounts: list[Account]) -> list[Seen]:
    """What pending records do not explain of a request: all of it, some elements of a batch, or nothing."""
    whole, *elements = request if isinstance(request, tuple) else (request,)
    if any(account.deliver(whole) for account in accounts):
        return []
    left = [element for element in elements if not any(account.deliver(element) for account in accounts)]
    return [request] if len(left) == len(elements) else list(left)


def _not_repeated(request: Seen, accounts: list[Account]) -> int:
    """How many records' deliveries a request has that no earlier delivery explains."""
    whole, *elements = request if isinstance(request, tuple) else (request,)
    if any(account.deliver_again(whole) for account in accounts):
        return 0
    return sum(not any(account.deliver_again(each) for account in accounts) for each in elements or [whole])


def _seen(account: Account) -> tuple[int, ...]:
    return account.written, account.delivered, account.dead_lettered, account.duplicates


def _is_at_rest(status: dict[str, Any]) -> bool:
    return status["state"] == "RUNNING" and not status["in_flight"] and status["holding_since"] is None


def _row(page: _Page) -> dict[str, Any]:
    account = page.account
    rested = page.resting_since is not None and time.monotonic() - page.resting_since >= GRACE_S
    lost = account.pending() if rested else account.overtaken()
    missing = [] if page.may_drop else lost
    counts: dict[str, int | None] = {
        "written": account.written,
        "delivered": account.delivered,
        "dead_lettered": account.dead_lettered,
        "filtered": account.filtered,
        "in_flight": len(account.pending()) - len(lost),
        "dropped": len(lost) if page.may_drop else 0,
        "difference": len(missing),
        "duplicates": account.duplicates,
    }
    if page.problem and not page.behind:
        counts, missing = dict.fromkeys(counts), []
    return {
        "name": page.name,
        "region": page.region,
        **counts,
        "balanced": None if page.problem else not missing,
        "not_observed": page.problem,
        "unaccounted": [asdict(entry) for entry in missing[:_NAMED]],
    }
