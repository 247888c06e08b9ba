"""PartiQL: reads go on to the emulator, writes are refused.

The emulator carries PartiQL writes out without a stream record (measured), so the pipes would never learn of them.
A clear refusal is better than a cache that silently differs from the table.
"""

from __future__ import annotations

import json
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sandbox.aws.json_http import read_body, send_error

#: The DynamoDB operations that carry PartiQL.
PARTIQL = frozenset({"ExecuteStatement", "BatchExecuteStatement", "ExecuteTransaction"})

_REFUSED_AS = "com.amazon.coral.validate#ValidationException"
_REFUSAL = (
    "The sandbox takes PartiQL for SELECT only: its writes would not reach the stream. "
    "Use PutItem, UpdateItem, DeleteItem, BatchWriteItem or TransactWriteItems."
)


async def refuse_partiql_writes(emulator: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Passes a call on when all of its statements read, and answers 400 otherwise."""
    body = await read_body(receive)
    if not all(_reads(statement) for statement in _statements(body)):
        await send_error(send, _REFUSED_AS, _REFUSAL)
        return

    async def replay() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    await emulator(scope, replay, send)


def _statements(body: bytes) -> list[str]:
    """The texts of all statements of a call; what is malformed is for the emulator to refuse."""
    try:
        content: Any = json.loads(body)
    except ValueError:
        return []
    if not isinstance(content, dict):
        return []
    several = content.get("Statements") or content.get("TransactStatements") or [content]
    return [str(each.get("Statement", "")) for each in several if isinstance(each, dict)]


def _reads(statement: str) -> bool:
    return statement.lstrip().upper().startswith(("SELECT", "EXISTS"))
