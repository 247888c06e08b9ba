"""The admin port: what a person may do to the sandbox that nobody may do to the real services.

GET    /health                     is it up, and which run is it
GET    /status                     pipes, Momento, faults, traffic: counts and states
POST   /faults                     {"route": "PUT /cache", "status": 500, "count": 20, "delay_ms": 0}
DELETE /faults                     every fault off
POST   /momento/stop, /start       refuse connections to Momento, and accept them again (also GET /block, /unblock)
POST   /connection/wrong-key, /right-key   the key that the pipes use
POST   /traffic                    {"sources": ["cities"], "rate": 5, "count": 500, "deletes": 5}
DELETE /traffic                    stop it
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any, Protocol

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.momento.faults import Fault
from sandbox.momento.service import MomentoService
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


class AdminApi:
    """The ASGI app of the admin port."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._listening = True
        self._connection_key = "right"
        # Stopping and starting take a moment; the next order waits until the last is carried out.
        self._one_order = asyncio.Lock()
        self.app = Starlette(
            routes=[
                Route("/health", self._health),
                Route("/status", self._status),
                Route("/faults", self._add_fault, methods=["POST"]),
                Route("/faults", self._clear_faults, methods=["DELETE"]),
                Route("/momento/stop", self._stop_momento, methods=["POST"]),
                Route("/momento/start", self._start_momento, methods=["POST"]),
                Route("/block", self._stop_momento),
                Route("/unblock", self._start_momento),
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
        momento = self._host.momento
        return JSONResponse(
            {
                "instance": self._host.state.instance,
                "pipes": self._host.pipes.status(),
                "momento": {**momento.stats(), "listening": self._listening},
                "connection_key": self._connection_key,
                "faults": [asdict(fault) for fault in momento.faults.list()],
                "fired": len(momento.faults.fired()),
                "traffic": self._host.traffic.status(),
            }
        )

    async def _add_fault(self, request: Request) -> Response:
        return await _answer(request, self._switch_fault_on)

    async def _switch_fault_on(self, body: dict[str, Any]) -> None:
        self._host.momento.faults.add(Fault(**body))

    async def _clear_faults(self, _: Request) -> Response:
        self._host.momento.faults.clear()
        return JSONResponse({"done": True})

    async def _stop_momento(self, _: Request) -> Response:
        async with self._one_order:
            if self._listening:
                self._listening = False
                await self._host.momento.stop_listening()
        return JSONResponse({"listening": False})

    async def _start_momento(self, _: Request) -> Response:
        async with self._one_order:
            if not self._listening:
                await self._host.momento.start_listening()
                self._listening = True
        return JSONResponse({"listening": True})

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
