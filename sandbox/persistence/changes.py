"""Notices calls that may have changed what the emulator holds."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

#: How the operations begin that only read. ReceiveMessage is none of them: it hides messages.
_READS = ("Get", "Describe", "List", "Query", "Scan", "BatchGet", "TransactGet", "FilterLogEvents")


class Changes:
    """An ASGI app in front of the emulator's. `count` rises with every call that is not known to only read."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.count = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._app(scope, receive, send)
        finally:
            # Counted afterwards: a save that began in between holds the change, or the next one does.
            if not _only_reads(scope):
                self.count += 1


def _only_reads(scope: Scope) -> bool:
    for name, value in scope.get("headers", ()):
        if name == b"x-amz-target":
            return bool(value.decode("latin-1").rpartition(".")[2].startswith(_READS))
    return False
