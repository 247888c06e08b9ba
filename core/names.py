"""The names of the stack, in one place. Leaf module: everything may import it, it imports nothing of ours.

`TABLE`, `pipe(flow)` and the like are those of the one stack that the process speaks of. It is chosen once, at the
start, before anything connects, as the target is: so they are read when they are needed, never kept from an import.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

TABLE_KEY = "Location"
#: How long a location may be, in characters: no town needs more.
LOCATION_MAX_CHARACTERS = 128
#: What a server that listens for this machine alone is bound to, and the names by which it is called there.
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
ROLE_POLICY = "WeatherStatsDemoPipes"
#: The value of the tag `Project` on all that is made here.
PROJECT = "weather-pipeline-dashboard"

CACHE_PUT = "cache-put"
TOPIC_PUBLISH = "topic-publish"
CACHE_DELETE = "cache-delete"
#: The three flows of the pipeline, in the order in which people speak of them.
FLOWS = (CACHE_PUT, TOPIC_PUBLISH, CACHE_DELETE)

#: What AWS gives as the reason of the state of a pipe that is well, in lower case and without underscores.
_ORDINARY_PIPE_REASONS = frozenset({"no records processed", "user initiated", "ok"})

#: With the longest name that follows it, an API destination's, a prefix of 15 and its hyphen make the limit of 64.
_PREFIX = re.compile(r"[a-z][a-z0-9-]{0,13}[a-z0-9]|[a-z]?")


def trouble_in(state_reason: str) -> str:
    """A pipe's StateReason, or "" when it is one that AWS gives of pipes that are well."""
    return "" if state_reason.lower().replace("_", " ").strip() in _ORDINARY_PIPE_REASONS else state_reason


@dataclass(frozen=True)
class StackNames:
    """All names of one stack. A prefix sets it apart from others in the account; "" gives the original demo's names.

    Raises ValueError for a prefix that some name could not carry.
    """

    prefix: str = ""

    def __post_init__(self) -> None:
        if not _PREFIX.fullmatch(self.prefix):
            raise ValueError(
                f"The prefix {self.prefix!r} does not fit: up to 15 lower-case letters, digits and hyphens, "
                "beginning with a letter and not ending with a hyphen."
            )

    @property
    def stack(self) -> str:
        """The stack's own name, which is the value of its tag `Stack`."""
        return self._named("weather-stats-demo")

    @property
    def table(self) -> str:
        """The DynamoDB table."""
        return self._named("weather-stats-demo")

    @property
    def secret(self) -> str:
        """The secret that holds the Momento key."""
        return self._named("momento-eventbridge-api-key")

    @property
    def connection(self) -> str:
        """The EventBridge connection."""
        return self._named("weather-stats-demo-connection")

    @property
    def queue(self) -> str:
        """The dead-letter queue."""
        return self._named("weather-stats-demo-dlq")

    @property
    def role(self) -> str:
        """The pipes' role. The original's name leaves no room for a prefix below IAM's limit of 64."""
        return (
            self._named("WeatherStatsDemoPipes")
            if self.prefix
            else "AmazonEventBridgePipeWeatherStatsDemoEventToMomentoCache"
        )

    @property
    def cache(self) -> str:
        """The Momento cache."""
        return self._named("momento-eventbridge-cache")

    @property
    def topic(self) -> str:
        """The Momento topic, in that cache."""
        return self._named("momento-eventbridge-topic")

    @property
    def alerts(self) -> str:
        """The SNS topic that alarms are sent to."""
        return self._named("weather-stats-demo-alerts")

    @property
    def pipes(self) -> tuple[str, ...]:
        """The names of all pipes, in the order of FLOWS."""
        return tuple(self.pipe(flow) for flow in FLOWS)

    @property
    def flow_of(self) -> dict[str, str]:
        """Pipe name -> its flow, for the three pipes of the stack."""
        return {self.pipe(flow): flow for flow in FLOWS}

    def log_group(self, region: str) -> str:
        """The log group that all three pipes write to."""
        return self._named(f"weather-stats-demo-logs-{region}")

    def audit_log_group(self, region: str) -> str:
        """The log group that tells who changed what through the dashboard, which makes it."""
        return self._named(f"weather-stats-demo-audit-{region}")

    def api_destination(self, flow: str) -> str:
        """The API destination of one flow."""
        return self._named(f"weather-stats-demo-{flow}-api-destination")

    def pipe(self, flow: str) -> str:
        """The pipe of one flow."""
        return self._named(f"weather-stats-demo-{flow}-pipe")

    def alarm(self, what: str) -> str:
        """One CloudWatch alarm."""
        return self._named(f"weather-stats-demo-{what}")

    def dashboard(self, region: str) -> str:
        """The CloudWatch dashboard. Dashboards have one name for all regions, so each region's stack has its own."""
        return self._named(f"weather-stats-demo-{region}")

    def _named(self, name: str) -> str:
        return f"{self.prefix}-{name}" if self.prefix else name


#: The original demo's names.
DEFAULT = StackNames()

_chosen = DEFAULT


def choose(stack: StackNames) -> None:
    """From now on the process speaks of this stack."""
    global _chosen
    _chosen = stack


def chosen() -> StackNames:
    """The stack that the process speaks of; the one without a prefix unless another was chosen."""
    return _chosen


def log_group(region: str) -> str:
    """The chosen stack's log group of the pipes."""
    return _chosen.log_group(region)


def audit_log_group(region: str) -> str:
    """The chosen stack's log group of changes."""
    return _chosen.audit_log_group(region)


def api_destination(flow: str) -> str:
    """The chosen stack's API destination of one flow."""
    return _chosen.api_destination(flow)


def pipe(flow: str) -> str:
    """The chosen stack's pipe of one flow."""
    return _chosen.pipe(flow)


if TYPE_CHECKING:
    TABLE: str
    SECRET: str
    CONNECTION: str
    QUEUE: str
    ROLE: str
    CACHE: str
    TOPIC: str
    PIPES: tuple[str, ...]
    FLOW_OF: dict[str, str]
else:
    _OF_THE_CHOSEN = ("TABLE", "SECRET", "CONNECTION", "QUEUE", "ROLE", "CACHE", "TOPIC", "PIPES", "FLOW_OF")

    def __getattr__(name: str) -> Any:
        """The chosen stack's name of that word in capitals."""
        if name not in _OF_THE_CHOSEN:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(_chosen, name.lower())
