"""The admin port's routes for faults.

GET    /faults         {"on": [...], "ended": [...]}: each with its id, what remains, how often it fired
POST   /faults         one fault or a list, as sandbox/faults/fault.py says; all of a list or none
DELETE /faults         all off
DELETE /faults/{id}    one off; 404 when it is not on
GET    /faults/fired   the log of what fired, oldest first
"""

from __future__ import annotations

from dataclasses import asdict

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.faults.board import FaultBoard
from sandbox.faults.fault import FaultRefused, fault_of


class FaultsApi:
    """The routes over one board."""

    def __init__(self, board: FaultBoard) -> None:
        self._board = board
        self.routes = [
            Route("/faults", self._list, methods=["GET"]),
            Route("/faults", self._add, methods=["POST"]),
            Route("/faults", self._clear, methods=["DELETE"]),
            Route("/faults/fired", self._fired, methods=["GET"]),
            Route("/faults/{id:int}", self._end, methods=["DELETE"]),
        ]

    async def _list(self, _: Request) -> Response:
        on = [armed.as_json() for armed in self._board.on()]
        return JSONResponse({"on": on, "ended": [armed.as_json() for armed in self._board.ended()]})

    async def _add(self, request: Request) -> Response:
        try:
            body = await request.json()
        except ValueError:
            return JSONResponse({"error": "the body must be JSON"}, status_code=400)
        orders = body if isinstance(body, list) else [body]
        if not orders or not all(isinstance(order, dict) for order in orders):
            return JSONResponse({"error": "the body must be a fault, or a list of faults"}, status_code=400)
        try:
            faults = [fault_of(order) for order in orders]
        except FaultRefused as error:
            why = {"error": str(error), "field": error.field, "value": error.value, "allowed": error.allowed}
            return JSONResponse(why, status_code=400)
        return JSONResponse({"done": True, "ids": [self._board.add(fault) for fault in faults]})

    async def _clear(self, _: Request) -> Response:
        self._board.clear()
        return JSONResponse({"done": True})

    async def _end(self, request: Request) -> Response:
        fault_id = request.path_params["id"]
        if not self._board.end(fault_id):
            return JSONResponse({"error": f"no fault {fault_id} is on"}, status_code=404)
        return JSONResponse({"done": True})

    async def _fired(self, _: Request) -> Response:
        return JSONResponse({"fired": [asdict(fired) for fired in self._board.fired()]})
