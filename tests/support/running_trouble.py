"""A stage on which everything goes wrong on demand: the endpoint, the queue, the pipes, and the process itself.

A crash is deterministic: at a named point (a call of AWS before or after it acted, a request that arrives, an answer
that leaves) and so many turns of the event loop later, the runtime is gone in the middle of whatever it does. What it
had not done then it never does. A new one goes on from what `PipesService.export` says of that very moment, which is
what `--persist` keeps; the tests of persistence kill true processes.
"""

from __future__ import annotations

import asyncio
import copy
import json
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web

from sandbox.aws.calls import AwsCaller, AwsCallFailed
from sandbox.pipes.api.pipe import KeptPipe
from sandbox.pipes.plan import retries
from sandbox.pipes.service import PipesService
from sandbox.pipes.target import api_destination
from tests.support.running_pipes import ACCOUNT, Endpoint, Stage, stage, until

#: The timeout of invocations on this stage, in s: long for this machine, short for a test.
TIMEOUT_S = 0.25
_CHANGES = '{"eventName":["INSERT","MODIFY"]}'
_REMOVALS = '{"eventName":["REMOVE"]}'


@dataclass(frozen=True)
class Flow:
    """One pipe of the stage: which event names it takes, and how its source is set."""

    name: str
    events: frozenset[str]
    pattern: str
    source: dict[str, Any]


_ALL = frozenset({"INSERT", "MODIFY", "REMOVE"})
FLOWS = (
    Flow("put", _ALL - {"REMOVE"}, _CHANGES, {}),
    Flow("topic", _ALL, "", {"MaximumRetryAttempts": 2}),
    Flow("delete", frozenset({"REMOVE"}), _REMOVALS, {}),
    Flow("bulk", _ALL, "", {"BatchSize": 4, "MaximumRetryAttempts": 1}),
    Flow(
        "lanes",
        _ALL,
        "",
        {"BatchSize": 3, "ParallelizationFactor": 3, "OnPartialBatchItemFailure": "AUTOMATIC_BISECT"},
    ),
)


@dataclass(frozen=True)
class Crash:
    """Where and when the runtime is to die: `turns` of the event loop after `point` is next passed."""

    point: str
    turns: int


@dataclass(frozen=True)
class Effect:
    """A record that the endpoint acted on, and whether its sender could know."""

    flow: str
    sequence: str
    key: str
    event_name: str
    item: Any
    answered: bool


class Fuse:
    """Passes the points at which a crash may be wanted, and blows at the one that is."""

    def __init__(self) -> None:
        self.burning = False
        self.blown = False
        self.crashes = 0
        self.kept: list[KeptPipe] = []
        self.service: PipesService | None = None
        self._wanted: Crash | None = None

    def want(self, crash: Crash | None) -> None:
        """Have the runtime die there; None takes the wish back."""
        self._wanted = crash

    def passes(self, point: str) -> None:
        """The point is passed."""
        if self._wanted is not None and self._wanted.point == point:
            turns, self._wanted = self._wanted.turns, None
            self.burning = True
            self._burn(turns)

    def _burn(self, turns: int) -> None:
        if turns:
            asyncio.get_running_loop().call_soon(self._burn, turns - 1)
            return
        self.burning = False
        if not self.blown:
            assert self.service is not None
            self.blown, self.crashes = True, self.crashes + 1
            self.kept = copy.deepcopy(self.service.export())
            # A task that is cancelled does not go on, not even with an answer that it has already.
            for task in asyncio.all_tasks():
                if task.get_name().startswith(("pipe ", "lane ")):
                    task.cancel()


class Wire:
    """One runtime's way to AWS. Dead letters may be refused; after the crash nothing passes."""

    def __init__(self, aws: AwsCaller, trouble: Trouble) -> None:
        self._aws = aws
        self._trouble = trouble
        self._crashes = trouble.fuse.crashes

    @property
    def _is_dead(self) -> bool:
        return self._trouble.fuse.crashes != self._crashes

    async def call(self, operation: str, payload: dict[str, Any], *, region: str) -> dict[str, Any]:
        """As the caller behind it."""
        fuse = self._trouble.fuse
        if not self._is_dead:
            fuse.passes(f"before {operation}")
        if self._is_dead:
            return await _nothing_more(operation)
        if operation == "sqs.SendMessage" and self._trouble.refusals:
            self._trouble.refusals -= 1
            raise AwsCallFailed(operation, "AccessDenied", "refused by the test", 403)
        answer = await self._aws.call(operation, payload, region=region)
        if not self._is_dead:
            fuse.passes(f"after {operation}")
        return await _nothing_more(operation) if self._is_dead else answer


async def _nothing_more(operation: str) -> dict[str, Any]:
    """What a runtime that is gone hears: nothing. Only the log writer is let go, as closing waits for it."""
    if not operation.startswith("logs."):
        await asyncio.get_running_loop().create_future()
    return {}


@dataclass
class TroubledEndpoint(Endpoint):
    """An endpoint that acts on records, and fails each flow's next requests as it is told to.

    A fault is a status, or one of "late" (acts, and answers after the timeout), "reset before" and "reset after" it
    acted, and "partial" (acts on the first half and reports the rest as failed).
    """

    fuse: Fuse = field(default_factory=Fuse)
    faults: dict[str, deque[str]] = field(default_factory=lambda: {flow.name: deque() for flow in FLOWS})
    effects: list[Effect] = field(default_factory=list)

    async def _handle(self, request: web.Request) -> web.Response:
        flow = request.path.split("/")[1]
        body = json.loads(await request.text())
        events = body if isinstance(body, list) else [body]
        self.fuse.passes("request")
        fault = self.faults[flow].popleft() if self.faults[flow] else ""
        if fault.isdigit():
            return web.Response(status=int(fault))
        if fault == "reset before":
            _reset(request)
            return web.Response()
        taken = events[: len(events) // 2] if fault == "partial" else events
        self.effects += [_effect(flow, event, fault in ("", "partial")) for event in taken]
        if fault == "late":
            await asyncio.sleep(1.5 * TIMEOUT_S)
        if fault == "reset after":
            _reset(request)
        self.fuse.passes("answer")
        if fault == "partial":
            return web.json_response({"batchItemFailures": [{"itemIdentifier": events[len(taken)]["eventID"]}]})
        return web.Response()


def _reset(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()


def _effect(flow: str, event: dict[str, Any], answered: bool) -> Effect:
    change = event["dynamodb"]
    key, sequence = change["Keys"]["Location"]["S"], change["SequenceNumber"]
    return Effect(flow, sequence, key, event["eventName"], change.get("NewImage"), answered)


class Trouble:
    """The stage with its five pipes, and what may be done to it."""

    def __init__(self) -> None:
        self.fuse = Fuse()
        self.endpoint = TroubledEndpoint(fuse=self.fuse)
        self.refusals = 0
        self.at: Stage
        #: By flow: the sequence numbers of dead letters.
        self.dead: dict[str, list[str]] = {flow.name: [] for flow in FLOWS}

    def wire(self, aws: AwsCaller) -> AwsCaller:
        """The way to AWS for a new runtime."""
        return Wire(aws, self)

    async def build(self, at: Stage) -> None:
        """Make the pipes."""
        self.at = at
        self.fuse.service = at.service
        await asyncio.gather(*(self._create(flow) for flow in FLOWS))

    async def _create(self, flow: Flow) -> None:
        arn = await self.at.destination(flow.name, "POST", f"/{flow.name}", rate=100_000)
        settings = self.at.settings(pattern=flow.pattern, level="ERROR", **flow.source)
        settings.pop("TargetParameters")
        await self.at.pipes("create_pipe", **{**settings, "Name": self.pipe(flow.name), "Target": arn})
        await self.at.await_state("RUNNING", self.pipe(flow.name))

    def pipe(self, flow: str) -> str:
        """The name of a flow's pipe."""
        return f"{flow}-{self.at.id}"

    async def turn(self, flow: str, operation: str, state: str) -> None:
        """Stop or start a pipe. A crash on the way may leave it in either state."""
        name = self.pipe(flow)
        await self.at.pipes(operation, Name=name)
        await until(lambda: self.fuse.blown or self.at.status(name)["state"] == state, f"{name} to be {state}")

    async def recover(self) -> None:
        """A new runtime, if the old one has crashed."""
        if not self.fuse.blown:
            return
        service = self.at.service
        await copy.copy(service).close()
        # Made anew in its place, so that gateway and stage see the new one.
        service.__init__(self.wire(self.at.emulator), ACCOUNT)  # type: ignore[misc]
        self.fuse.blown = False
        service.restore(self.fuse.kept)
        await service.start()
        service.resume()

    async def calm(self) -> list[dict[str, Any]]:
        """End all trouble and wait until every pipe is done with the whole stream; its records."""
        self.fuse.want(None)
        await until(lambda: not self.fuse.burning, "the last crash")
        await self.recover()
        self.refusals = 0
        for faults in self.endpoint.faults.values():
            faults.clear()
        if self.endpoint.is_down:
            await self.endpoint.up()
        for flow in FLOWS:
            await self.turn(flow.name, "start_pipe", "RUNNING")
        records = await self.at.stream_records()
        if records:
            last = records[-1]["dynamodb"]["SequenceNumber"]
            await until(lambda: self._places() == {last}, f"every pipe to be at {last}")
        await self._take_letters(records)
        return records

    def _places(self) -> set[str]:
        return {
            shard.sequence
            for kept in self.at.service.export()
            if kept.name.endswith(self.at.id)
            for shard in kept.positions.shards
        }

    async def _take_letters(self, records: list[dict[str, Any]]) -> None:
        for letter in await self.at.dead_letters():
            name = letter["context"]["partnerResourceArn"].rpartition("/")[2].partition("-")[0]
            flow = next(flow for flow in FLOWS if flow.name == name)
            info = letter["DDBStreamBatchInfo"]
            first, last = info["startSequenceNumber"], info["endSequenceNumber"]
            covered = [s for s in wanted(flow, records) if first <= s <= last]
            assert len(covered) == info["batchSize"], "a dead letter is of records that stand side by side"
            self.dead[name] += covered


def wanted(flow: Flow, records: list[dict[str, Any]]) -> list[str]:
    """Sequence numbers of the records that a flow takes, in stream order."""
    return [each["dynamodb"]["SequenceNumber"] for each in records if each["eventName"] in flow.events]


@asynccontextmanager
async def trouble() -> AsyncIterator[Trouble]:
    """A stage for trouble, with a short timeout and short pauses."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(api_destination, "INVOCATION_TIMEOUT_S", TIMEOUT_S)
        patch.setattr(retries, "_FIRST_PAUSE_S", 0.002)
        patch.setattr(retries, "_LONGEST_PAUSE_S", 0.02)
        made = Trouble()
        async with stage(made.wire, endpoint=made.endpoint) as at:
            await made.build(at)
            yield made
