"""Writes whose answer got lost: AWS may have made them, or not, and both must be said."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import ConnectionClosedError, ReadTimeoutError, ResponseStreamingError
from botocore.parsers import ResponseParserError

from core.aws import translated
from core.errors import DashboardError, Unreachable
from core.failures import NotAnAnswer


class NotAcknowledged(Unreachable):
    """Raised when a write was sent and not acknowledged: it may have been made, or not."""


#: After these the call had been sent, and what AWS made of it is unknown.
_SENT = (ReadTimeoutError, ConnectionClosedError, ResponseStreamingError, ResponseParserError, NotAnAnswer)


@contextmanager
def acknowledged(tried: str) -> Iterator[None]:
    """Runs a write as `translated` does. Raises NotAcknowledged when it was sent and no answer to it came."""
    try:
        with translated(tried):
            yield
    except DashboardError as error:
        if isinstance(error.__cause__ or error.__context__, _SENT):
            raise NotAcknowledged(
                f"{tried}: AWS has not acknowledged it, so it is not known whether it was done.",
                "Look whether it was, before you try again.",
            ) from error
        raise
