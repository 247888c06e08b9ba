"""EventBridge Pipes for the sandbox: the API and the runtime, as one object.

    table write ─ notify_write ─▶ Bell ─▶ ShardReader ─▶ ShardLanes ─▶ Journey ─▶ ApiDestinations ─▶ target
                                              │              │            │
                                      (ShardWindow: one  (filtered)    GivingUp ─▶ dead letters
                                       read for all)

`HttpApi` answers the calls signed for `pipes`; `ControlPlane` keeps the pipes; `Runtime` is what they share.
"""

from __future__ import annotations

from typing import Any

from starlette.types import Receive, Scope, Send

from sandbox.aws.calls import AwsCaller
from sandbox.pipes.api.control_plane import ControlPlane
from sandbox.pipes.api.http_api import HttpApi
from sandbox.pipes.api.pipe import KeptPipe
from sandbox.pipes.api.runtime import Runtime
from sandbox.pipes.log.metrics import Metric
from sandbox.pipes.target.api_destination import ConnectionFailures


class PipesService:
    """All pipes of the sandbox. `aws` is how it reaches streams, queues, connections and logs.

    `connection_failures` says how an endpoint that cannot be reached is read: AWS's own pages differ (assumptions).
    """

    def __init__(
        self,
        aws: AwsCaller,
        account_id: str,
        connection_failures: ConnectionFailures = ConnectionFailures.INTERNAL,
    ) -> None:
        self._runtime = Runtime(aws, connection_failures)
        self._control_plane = ControlPlane(account_id, self._runtime)
        self._api = HttpApi(self._control_plane)

    async def start(self) -> None:
        """Get ready. Must run on the event loop that serves the calls."""
        await self._runtime.open()

    async def close(self) -> None:
        """Stop all pipes, write the last log lines, close all connections."""
        await self._control_plane.close()
        await self._runtime.close()

    def export(self) -> list[KeptPipe]:
        """All pipes with their positions, as they are to be kept."""
        return self._control_plane.export()

    def restore(self, kept: list[KeptPipe]) -> None:
        """Take up pipes that were kept, before `start`. They do no work until `resume`. Raises PipesError."""
        self._control_plane.restore(kept)

    def resume(self) -> None:
        """Set restored pipes to work where they were left. Changes nothing for the others."""
        self._control_plane.resume()

    async def asgi(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one call of the Pipes API. The region is the one that the call is signed for."""
        await self._api(scope, receive, send)

    def notify_write(self) -> None:
        """A table was written to: wake the readers."""
        self._runtime.bell.ring()

    def notify_events_change(self) -> None:
        """A connection or an API destination changed: forget what was looked up."""
        self._runtime.forget_destinations()

    def notify_iam_change(self) -> None:
        """A role or a policy changed: ask again what roles may do."""
        self._runtime.forget_rights()

    def take_metrics(self) -> list[Metric]:
        """What the pipes measured since the last call, as statistic sets for CloudWatch."""
        return self._runtime.metrics.take()

    def descriptions(self) -> list[dict[str, Any]]:
        """Every pipe, of all regions, as DescribePipe shows it."""
        return [pipe.described() for pipe in self._control_plane.pipes()]

    def status(self) -> list[dict[str, Any]]:
        """What each pipe has done and is doing: states, counts, lag of the last delivery (ms), and why it holds."""
        return [
            {
                "name": pipe.identity.name,
                "region": pipe.identity.region,
                "state": pipe.current_state,
                "state_reason": pipe.shown_reason,
                **pipe.counters.as_dict(),
            }
            for pipe in self._control_plane.pipes()
        ]

    def tagged(self) -> dict[str, dict[str, str]]:
        """ARN → tags of all pipes that have any, of all regions."""
        return {pipe.identity.arn: dict(pipe.tags) for pipe in self._control_plane.pipes() if pipe.tags}
