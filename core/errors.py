"""The errors that services raise. Each says what was tried, on what, and what to do next.

    DashboardError
    ├── InvalidInput            a value that a person entered is not allowed; names the field
    ├── NotConfigured           settings are missing or contradict each other; names them
    ├── Unreachable             nothing answers at the endpoint (stopped, refused, timed out)
    │   └── SandboxNotRunning   the embedded stack is not up (yet, or any more)
    ├── NotAuthorized           the endpoint answers and refuses the credentials or the key
    ├── NotPermitted            the dashboard itself refuses: the person is not an operator
    ├── NotFound                the endpoint answers and does not have the resource
    ├── Throttled               the endpoint asks us to slow down
    └── ServiceFailed           any other refusal or failure of the endpoint

Edges (core/aws.py, core/momento_client.py) translate botocore, gRPC and HTTP errors into these;
no message ever carries a key, a token or a secret.
"""

from __future__ import annotations

from core.redaction import redacted


class DashboardError(Exception):
    """Base of all of them: `what` happened, in one sentence, and `advice`, what to do next.

    Secrets that this process knows are taken out of both: an endpoint may quote what it was sent.
    """

    def __init__(self, what: str, advice: str = "") -> None:
        what, advice = redacted(what), redacted(advice)
        super().__init__(f"{what} {advice}".strip())
        self.what = what
        self.advice = advice


class InvalidInput(DashboardError):
    """Raised when a value that a person entered is not allowed; `field` is the attribute's name."""

    def __init__(self, field: str, what: str, advice: str = "") -> None:
        super().__init__(what, advice)
        self.field = field


class NotConfigured(DashboardError):
    """Raised when settings are missing or contradict each other; `missing` are their names."""

    def __init__(self, what: str, advice: str = "", missing: tuple[str, ...] = ()) -> None:
        super().__init__(what, advice)
        self.missing = missing


class Unreachable(DashboardError):
    """Raised when nothing answers at the endpoint: stopped, refused, or no answer in time."""


class SandboxNotRunning(Unreachable):
    """Raised when the embedded stack is not up yet, or not any more."""


class NotAuthorized(DashboardError):
    """Raised when the endpoint refuses the credentials, the key, or what they may do."""


class NotPermitted(DashboardError):
    """Raised when a person who is not an operator asks for a change."""


class NotFound(DashboardError):
    """Raised when the endpoint does not have the table, queue, cache or pipe that was named."""


class Throttled(DashboardError):
    """Raised when the endpoint asks for fewer calls."""


class ServiceFailed(DashboardError):
    """Raised when the endpoint fails or refuses in any other way."""
