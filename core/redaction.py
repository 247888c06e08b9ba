"""The secrets that this process knows, kept out of every text that it shows or logs.

Whoever reads a secret from outside says so here (`remember`). Errors of the dashboard, provisioning and the log then
show HIDDEN in the place of each piece of it: a server may quote a header that it was sent, whole or cut.
"""

from __future__ import annotations

import base64
import logging
import re
import threading
from collections import deque
from typing import Any
from urllib.parse import quote

HIDDEN = "(secret)"

#: Pieces of a secret that are so long are hidden; shorter ones stand in many an innocent word.
PIECE = 8
#: Temporary credentials are new each hour; the oldest that were remembered are of no more use to anybody.
_MOST = 32
#: Of a signed request. It is good for some minutes.
_SIGNATURE = re.compile(r"(?<=Signature=)[0-9A-Za-z%/+=]{16,}")

#: What these log below WARNING has requests, answers and headers in it, and their tracebacks quote them.
_LIBRARIES = ("aiohttp", "asyncio", "boto3", "botocore", "grpc", "s3transfer", "urllib3")
#: What these log below INFO has the headers of viewers' requests in it, cookies among them.
_SERVERS = ("uvicorn", "uvicorn.access", "uvicorn.asgi", "uvicorn.error", "websockets")


class _Secrets:
    """The texts that are remembered, and all pieces of PIECE characters of them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._texts: deque[str] = deque(maxlen=_MOST)
        self.pieces: frozenset[str] = frozenset()

    def add(self, text: str) -> None:
        """Remembers one; at once when it is known."""
        with self._lock:
            if len(text) >= PIECE and text not in self._texts:
                self._texts.append(text)
                self.pieces = frozenset(piece for known in self._texts for piece in _pieces(known))


_secrets = _Secrets()


def remember(*secrets: str) -> None:
    """Hides these from now on. One of fewer than PIECE characters is none that a real service has made."""
    for secret in secrets:
        _secrets.add(secret)


def redacted(text: str) -> str:
    """The text with HIDDEN in the place of everything in it that is a piece of a secret."""
    text = _SIGNATURE.sub(HIDDEN, text)
    pieces = _secrets.pieces
    shown: list[str] = []
    shown_from, hidden_to = 0, -1
    for at in range(len(text) - PIECE + 1) if pieces else ():
        if text[at : at + PIECE] in pieces:
            if at > hidden_to:
                shown += [text[shown_from:at], HIDDEN]
            shown_from = hidden_to = at + PIECE
    return "".join([*shown, text[shown_from:]])


def guard_logs() -> None:
    """From now on no record of the log has a remembered secret in it, and none the wire talk of a library."""
    logging.setLogRecordFactory(_guarded_record)
    for names, floor in ((_LIBRARIES, logging.WARNING), (_SERVERS, logging.INFO)):
        for logger in map(logging.getLogger, names):
            logger.setLevel(max(logger.level, floor))


def _guarded_record(*arguments: Any, **more: Any) -> logging.LogRecord:
    record = logging.LogRecord(*arguments, **more)
    try:
        said = record.getMessage()
    except (TypeError, ValueError, LookupError):
        # Its arguments do not fit its text. Logging says so where it writes the record, and quotes them.
        said, record.msg = "", "a message that cannot be written"
        record.args = ()
    hidden = redacted(said)
    if hidden != said:
        record.msg, record.args = hidden, ()
    if record.exc_info and record.exc_info[1] is not None:
        record.exc_text = _traceback(record)
        record.exc_info = None
    return record


def _traceback(record: logging.LogRecord) -> str:
    """The traceback without secrets; of a library's the kind alone: a credential process may print anything."""
    assert record.exc_info is not None
    if record.name.split(".")[0] in _LIBRARIES:
        kind = record.exc_info[0]
        return kind.__name__ if kind else ""
    return redacted(logging.Formatter().formatException(record.exc_info))


def _pieces(text: str) -> set[str]:
    raw = text.encode("utf-8", "surrogatepass")
    forms = (text, base64.b64encode(raw).decode(), quote(raw, safe=""))
    return {form[at : at + PIECE] for form in forms for at in range(len(form) - PIECE + 1)}
