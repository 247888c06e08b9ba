"""The door of the AWS port: an ASGI app that lets through what is signed with this run's keys and is served.

Calls that parts of the sandbox make inside its process do not come by; nothing on the wire comes by any other way.
What a request says of itself is checked first; its body is read, up to the service's limit, only for this run's key.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from urllib.parse import unquote

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sandbox.aws.allowed import LARGEST_BODY
from sandbox.aws.call import Call, call_of, check_service, shape_of
from sandbox.aws.memory_guard import MemoryGuard
from sandbox.aws.refusals import INCOMPLETE, TOO_LARGE, Refused, send_refusal
from sandbox.aws.signature import Request, check_claims, check_signature, pairs_of, read_signature
from sandbox.bodies import BodyCutShort, BodyTooLarge, read_at_most, replayed


def _now() -> datetime:
    return datetime.now(UTC)


class Door:
    """Stands before all that answers AWS calls over the wire. `now` is the clock that signatures are held against."""

    def __init__(
        self,
        inside: ASGIApp,
        access_key_id: str,
        secret_access_key: str,
        now: Callable[[], datetime] = _now,
        memory: MemoryGuard | None = None,
    ) -> None:
        self._inside = inside
        self._key_id = access_key_id.encode()
        self._secret = secret_access_key
        self._now = now
        self._memory = memory or MemoryGuard()
        self._counts: Counter[str] = Counter()

    def counts(self) -> dict[str, int]:
        """Calls that were let through since the start, such as `dynamodb.PutItem`."""
        return dict(self._counts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        elif scope["type"] == "http":
            await self._answer(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        # Copied: uvicorn adds the trailers of a body to the scope's list, when all is checked already.
        named = [(bytes(name), bytes(value)) for name, value in scope["headers"]]
        request = Request(
            method=scope["method"].encode("latin-1"),
            path=scope["raw_path"],
            query=pairs_of(scope["query_string"]),
            headers=dict(named),
        )
        service = b""
        try:
            if len(request.headers) != len(named):
                raise Refused(INCOMPLETE, "A header may be sent once only.")
            signature = read_signature(request)
            service = signature.service
            check_claims(signature, request, self._key_id, self._now())
            check_service(signature)
            limit = LARGEST_BODY[service.decode()]
            body = await _body(receive, limit, request.headers.get(b"content-length", b""))
            check_signature(signature, request, self._secret, body)
            call = call_of(request, signature, body)
            self._memory.check(service.decode(), call.operation)
        except Refused as refused:
            await send_refusal(send, shape_of(request, service), refused)
        except BodyCutShort:
            return
        else:
            self._counts[f"{service.decode()}.{call.operation}"] += 1
            await self._inside(_scope(scope, call), replayed(call.body), _without_cors(send))


async def _body(receive: Receive, limit: int, announced: bytes) -> bytes:
    try:
        return await read_at_most(receive, limit, announced)
    except BodyTooLarge as error:
        raise Refused(TOO_LARGE, str(error)) from error


def _scope(scope: Scope, call: Call) -> Scope:
    return {
        **scope,
        "method": call.method,
        "path": unquote(call.path.decode("latin-1")),
        "raw_path": call.path,
        "query_string": call.query,
        "headers": list(call.headers),
    }


def _without_cors(send: Send) -> Send:
    """The emulator allows every web page to read its answers."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            kept = [each for each in message["headers"] if not bytes(each[0]).lower().startswith(b"access-control-")]
            message = {**message, "headers": kept}
        await send(message)

    return sending
