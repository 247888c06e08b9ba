"""The admin port: what a person may do to the sandbox that nobody may do to the real services.

GET    /health                     is it up, and which run is it
GET    /status                     pipes, Momento, faults, traffic: counts and states
GET    /faults                     the faults: POST, DELETE and GET /faults/fired as sandbox/faults/api.py says
GET    /aws-calls                  how many AWS calls came over the wire, by service and operation
GET    /ledger                     for each pipe, what became of every record, as sandbox/ledger/ledger.py says
POST   /momento/stop, /start       refuse connections to Momento, and accept them again; ?port=grpc or http for one
POST   /block, /unblock            the same, by the names that momento-local has
POST   /connection/wrong-key, /right-key   the key that the pipes use
POST   /traffic                    {"sources": ["cities"], "rate": 5, "count": 500, "deletes": 5}
DELETE /traffic                    stop it

Whatever changes something, and the ledger, which names records, wants the run's token: sandbox/admin_door.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.aws.door import Door
from sandbox.faults.api import FaultsApi
from sandbox.faults.board import FaultBoard
from sandbox.ledger.ledger import Ledger
from sandbox.momento.service import BOTH, MomentoService, Port
from sandbox.pipes.service import PipesService
from sandbox.provisioning import WRONG_KEY, set_connection_key
from sandbox.state import SandboxState
from sandbox.traffic_control import TrafficControl, TrafficOrder


class Host(Protocol):
    """What the admin port needs of the sandbox that it belongs to."""

    @property
    def state(self) -> SandboxState: ...
    @property
    def momento(self) -> MomentoService: ...
    @property
    def pipes(self) -> PipesService: ...
    @property
    def traffic(self) -> TrafficControl: ...
    @property
    def faults(self) -> FaultBoard: ...
    @property
    def ledger(self) -> Ledger: ...
    @property
    def aws_calls(self) -> Door: ...
    @property
    def keeping(self) -> dict[str, Any] | None: ...


class AdminApi:
    """The ASGI app of the admin port."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._connection_key = "right"
        # Stopping and starting take a moment; the next order waits until the last is carried out.
        self._one_order = asyncio.Lock()
        self.app = Starlette(
            routes=[
                Route("/health", self._health),
                Route("/status", self._status),
                *FaultsApi(host.faults).routes,
                Route("/aws-calls", self._aws_calls),
                Route("/ledger", self._ledger),
                Route("/momento/stop", self._stop_momento, methods=["POST"]),
                Route("/momento/start", self._start_momento, methods=["POST"]),
                Route("/block", self._stop_momento, methods=["POST"]),
                Route("/unblock", self._start_momento, methods=["POST"]),
                Route("/connection/wrong-key", self._wrong_key, methods=["POST"]),
                Route("/connection/right-key", self._right_key, methods=["POST"]),
                Route("/traffic", self._start_traffic, methods=["POST"]),
                Route("/traffic", self._stop_traffic, methods=["DELETE"]),
            ]
        )

    async def _health(self, _: Request) -> Response:
        state = self._host.state
        return JSONResponse({"ready": state.ready, "instance": state.instance, "pid": state.pid})

    async def _status(self, _: Request) -> Response:
        momento, faults = self._host.momento, self._host.faults
        return JSONResponse(
            {
                "instance": self._host.state.instance,
                "pipes": self._host.pipes.status(),
                "momento": {**momento.stats(), **self._listening()},
                "connection_key": self._connection_key,
                "faults": [armed.as_json() for armed in faults.on()],
                "fired": len(faults.fired()),
                "traffic": self._host.traffic.status(),
                "kept": self._host.keeping,
            }
        )

    def _listening(self) -> dict[str, Any]:
        """Whether Momento accepts connections, on both ports and on each."""
        listening = self._host.momento.listening
        return {"listening": listening == BOTH, "ports": {port.value: port in listening for port in Port}}

    async def _aws_calls(self, _: Request) -> Response:
        return JSONResponse(self._host.aws_calls.counts())

    async def _ledger(self, _: Request) -> Response:
        return JSONResponse(await self._host.ledger.balance())

    async def _stop_momento(self, request: Request) -> Response:
        async with self._one_order:
            return await self._answer_ports(request, self._host.momento.stop_listening)

    async def _start_momento(self, request: Request) -> Response:
        async with self._one_order:
            return await self._answer_ports(request, self._host.momento.start_listening)

    async def _answer_ports(self, request: Request, act: Callable[[frozenset[Port]], Awaitable[None]]) -> Response:
        try:
            ports = _ports(request.query_params.get("port", "both"))
        except ValueError as error:
            return JSONResponse({"error": str(error)}, status_code=400)
        await act(ports)
        return JSONResponse(self._listening())

    async def _wrong_key(self, _: Request) -> Response:
        await self._use_key("wrong", WRONG_KEY)
        return JSONResponse({"connection_key": "wrong"})

    async def _right_key(self, _: Request) -> Response:
        await self._use_key("right", self._host.state.momento_api_key)
        return JSONResponse({"connection_key": "right"})

    async def _use_key(self, which: str, api_key: str) -> None:
        async with self._one_order:
            await asyncio.to_thread(set_connection_key, self._host.state, api_key)
            self._connection_key = which

    async def _start_traffic(self, request: Request) -> Response:
        return await _answer(request, self._run_traffic)

    async def _run_traffic(self, body: dict[str, Any]) -> None:
        await asyncio.to_thread(self._host.traffic.start, TrafficOrder.of(body), self._host.state)

    async def _stop_traffic(self, _: Request) -> Response:
        await asyncio.to_thread(self._host.traffic.stop)
        return JSONResponse({"done": True})


def _ports(name: str) -> frozenset[Port]:
    """The ports of an order. Raises ValueError."""
    if name == "both":
        return BOTH
    if name not in {port.value for port in Port}:
        raise ValueError(f"port is {name!r}; allowed: {', '.join(port.value for port in Port)}, both")
    return frozenset({Port(name)})


async def _answer(request: Request, act: Callable[[dict[str, Any]], Awaitable[None]]) -> Response:
    """Runs one order; what is wrong with it goes back as 400 with the reason."""
    try:
        body = await request.json()
        if not isinstance(body, dict):
            raise ValueError("the body must be a JSON object")
        await act(body)
    except (ValueError, TypeError) as error:
        return JSONResponse({"error": str(error)}, status_code=400)
    return JSONResponse({"done": True})
