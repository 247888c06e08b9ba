"""The operations of the Pipes API, on pipes that live in this process.

Each operation takes its validated input and returns what the API answers with. Creating, starting, stopping,
updating and deleting go on in the background, as on AWS, and take no more than some 100 ms.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

from sandbox.aws.calls import AwsCallFailed
from sandbox.pipes.api.pipe import KeptPipe, Pipe, settings_of, updated_settings
from sandbox.pipes.api.references import ReferenceBroken
from sandbox.pipes.api.runtime import Runtime
from sandbox.pipes.plan.errors import ConflictFound, PipeNotFound, ValidationFailed
from sandbox.pipes.plan.plan import PipeIdentity, compile_plan

logger = logging.getLogger(__name__)

_BUSY = frozenset({"CREATING", "UPDATING", "DELETING", "STARTING", "STOPPING"})
#: A pipe on its way into or out of being has nothing that could be kept.
_NOT_KEPT = frozenset({"CREATING", "CREATE_FAILED", "DELETING"})
_MAXIMUM_TAGS = 50

#: Takes region and input, returns the answer.
Operation = Callable[[str, dict[str, Any]], dict[str, Any]]


class ControlPlane:
    """All pipes of one account, by region and name."""

    def __init__(self, account_id: str, runtime: Runtime) -> None:
        self._account_id = account_id
        self._runtime = runtime
        self._pipes: dict[tuple[str, str], Pipe] = {}
        self._transitions: set[asyncio.Task[None]] = set()
        self._operations: dict[str, Operation] = {
            "CreatePipe": self.create,
            "DescribePipe": self.describe,
            "UpdatePipe": self.update,
            "StartPipe": self.start,
            "StopPipe": self.stop,
            "DeletePipe": self.delete,
            "ListPipes": self.list_pipes,
            "TagResource": self.tag,
            "UntagResource": self.untag,
            "ListTagsForResource": self.list_tags,
        }

    def perform(self, operation: str, region: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """The answer of one operation. Raises PipesError."""
        return self._operations[operation](region, arguments)

    def pipes(self) -> list[Pipe]:
        """All pipes of all regions."""
        return list(self._pipes.values())

    async def close(self) -> None:
        """Stop everything, without changing what the pipes are meant to be."""
        for task in self._transitions:
            task.cancel()
        await asyncio.gather(*self._transitions, return_exceptions=True)
        await asyncio.gather(*(pipe.runner.stop() for pipe in self._pipes.values()))

    def export(self) -> list[KeptPipe]:
        """All pipes as they are to be kept. A creation or deletion under way counts as deleted."""
        return [pipe.kept() for pipe in self._pipes.values() if pipe.current_state not in _NOT_KEPT]

    def restore(self, kept: list[KeptPipe]) -> None:
        """Take up pipes that were kept. Each is what it was meant to be, running or stopped, but does no work until
        `resume`: what it refers to may have to be brought up to date first. Raises PipesError."""
        for each in kept:
            identity = self._identity(each.region, each.name)
            plan = compile_plan(identity, each.settings)
            runner, counters = self._runtime.new_runner()
            runner.go_to(plan, each.positions)
            self._pipes[each.region, each.name] = Pipe(
                identity=identity,
                settings=each.settings,
                plan=plan,
                runner=runner,
                counters=counters,
                tags=each.tags,
                desired_state=each.desired_state,
                current_state=each.desired_state,
                created_s=each.created_s,
                modified_s=each.modified_s,
            )

    def resume(self) -> None:
        """Set the restored pipes to work that are running and not at work yet."""
        for pipe in self._pipes.values():
            if pipe.current_state == "RUNNING" and not pipe.runner.is_running:
                self._runtime.start(pipe.plan, pipe.runner, pipe.counters)

    def create(self, region: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """CreatePipe."""
        name = arguments["Name"]
        if (region, name) in self._pipes:
            raise ConflictFound(f"Pipe {name} already exists.", name)
        _check_tags(arguments.get("Tags") or {})
        identity = self._identity(region, name)
        settings = settings_of(arguments)
        runner, counters = self._runtime.new_runner()
        pipe = Pipe(
            identity=identity,
            settings=settings,
            plan=compile_plan(identity, settings),
            runner=runner,
            counters=counters,
            tags=dict(arguments.get("Tags") or {}),
            desired_state=arguments.get("DesiredState", "RUNNING"),
        )
        self._pipes[region, name] = pipe
        self._begin(pipe, "CREATE_FAILED", lambda: self._finish_creation(pipe))
        return pipe.summary()

    def describe(self, region: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """DescribePipe."""
        return self._find(region, arguments["Name"]).described()

    def update(self, region: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """UpdatePipe. Nothing changes when the new settings are refused."""
        pipe = self._find_changeable(region, arguments["Name"])
        settings = updated_settings(pipe.settings, arguments)
        plan = compile_plan(pipe.identity, settings)
        pipe.desired_state = arguments.get("DesiredState", pipe.desired_state)
        self._mark(pipe, "UPDATING")

        async def finish() -> None:
            await pipe.runner.stop()
            await self._runtime.check(plan)
            pipe.settings, pipe.plan = settings, plan
            self._settle(pipe)

        self._begin(pipe, "UPDATE_FAILED", finish)
        return pipe.summary()

    def start(self, region: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """StartPipe. Starting a running pipe changes nothing."""
        pipe = self._find_changeable(region, arguments["Name"])
        pipe.desired_state = "RUNNING"
        if pipe.current_state != "RUNNING":
            self._mark(pipe, "STARTING")
            self._begin(pipe, "START_FAILED", lambda: self._finish_start(pipe))
        return pipe.summary()

    def stop(self, region: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """StopPipe. Stopping a stopped pipe changes nothing."""
        pipe = self._find_changeable(region, arguments["Name"])
        pipe.desired_state = "STOPPED"
        if pipe.current_state != "STOPPED":
            self._mark(pipe, "STOPPING")
            self._begin(pipe, "STOP_FAILED", lambda: self._finish_stop(pipe))
        return pipe.summary()

    def delete(self, region: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """DeletePipe."""
        pipe = self._find(region, arguments["Name"])
        if pipe.current_state in _BUSY:
            raise _busy(pipe)
        self._mark(pipe, "DELETING")

        async def finish() -> None:
            await pipe.runner.stop()
            del self._pipes[region, pipe.identity.name]

        self._begin(pipe, "DELETE_FAILED", finish)
        return {**pipe.summary(), "DesiredState": "DELETED"}

    def list_pipes(self, region: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """ListPipes, in the order of names."""
        after = _name_of_token(arguments["NextToken"]) if "NextToken" in arguments else ""
        found = [
            pipe
            for (_, name), pipe in sorted(self._pipes.items())
            if pipe.identity.region == region and name > after and _is_listed(pipe, arguments)
        ]
        page = found[: arguments.get("Limit", 100)]
        answer: dict[str, Any] = {"Pipes": [pipe.listed() for pipe in page]}
        if len(page) < len(found):
            answer["NextToken"] = base64.urlsafe_b64encode(page[-1].identity.name.encode()).decode()
        return answer

    def tag(self, region: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """TagResource."""
        pipe = self._find_arn(region, arguments["resourceArn"])
        _check_tags(arguments["tags"])
        tags = {**pipe.tags, **arguments["tags"]}
        if len(tags) > _MAXIMUM_TAGS:
            raise ValidationFailed(f"A pipe has at most {_MAXIMUM_TAGS} tags.")
        pipe.tags = tags
        return {}

    def untag(self, region: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """UntagResource."""
        pipe = self._find_arn(region, arguments["resourceArn"])
        pipe.tags = {key: value for key, value in pipe.tags.items() if key not in arguments["tagKeys"]}
        return {}

    def list_tags(self, region: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """ListTagsForResource."""
        return {"tags": self._find_arn(region, arguments["resourceArn"]).tags}

    def _identity(self, region: str, name: str) -> PipeIdentity:
        return PipeIdentity(name, f"arn:aws:pipes:{region}:{self._account_id}:pipe/{name}", region)

    def _find(self, region: str, name: str) -> Pipe:
        pipe = self._pipes.get((region, name))
        if pipe is None:
            raise PipeNotFound(f"Pipe {name} does not exist.")
        return pipe

    def _find_arn(self, region: str, arn: str) -> Pipe:
        pipe = self._pipes.get((region, arn.rpartition("/")[2]))
        if pipe is None or pipe.identity.arn != arn:
            raise PipeNotFound(f"Resource {arn} does not exist.")
        return pipe

    def _find_changeable(self, region: str, name: str) -> Pipe:
        """A pipe that is in no transition and was created in full."""
        pipe = self._find(region, name)
        if pipe.current_state in _BUSY or pipe.current_state == "CREATE_FAILED":
            raise _busy(pipe)
        return pipe

    def _mark(self, pipe: Pipe, state: str) -> None:
        pipe.move_to(state)
        pipe.modified_s = time.time()

    def _begin(self, pipe: Pipe, failed_state: str, transition: Callable[[], Awaitable[None]]) -> None:
        """Run a transition in the background; when it fails the pipe says why."""

        async def run() -> None:
            try:
                await transition()
            except (ReferenceBroken, AwsCallFailed) as error:
                pipe.move_to(failed_state, str(error))
            except Exception as error:
                logger.exception("pipe %s: %s", pipe.identity.name, failed_state)
                pipe.move_to(failed_state, f"Internal error: {error!r}")

        task = asyncio.create_task(run())
        self._transitions.add(task)
        task.add_done_callback(self._transitions.discard)

    def _settle(self, pipe: Pipe) -> None:
        if pipe.desired_state == "RUNNING":
            self._runtime.start(pipe.plan, pipe.runner, pipe.counters)
        pipe.move_to(pipe.desired_state)

    async def _finish_creation(self, pipe: Pipe) -> None:
        await self._runtime.check(pipe.plan)
        await pipe.runner.fix_positions(pipe.plan)
        self._settle(pipe)

    async def _finish_start(self, pipe: Pipe) -> None:
        await self._runtime.check(pipe.plan)
        self._settle(pipe)

    async def _finish_stop(self, pipe: Pipe) -> None:
        await pipe.runner.stop()
        pipe.move_to("STOPPED")


def _check_tags(tags: dict[str, str]) -> None:
    """Raises ValidationFailed for a name that only AWS itself may give."""
    if any(name.lower().startswith("aws:") for name in tags):
        raise ValidationFailed("aws: prefixed tag key names are not allowed for external use.")


def _busy(pipe: Pipe) -> ConflictFound:
    return ConflictFound(f"Pipe {pipe.identity.name} is in {pipe.current_state} state.", pipe.identity.name)


def _is_listed(pipe: Pipe, arguments: dict[str, Any]) -> bool:
    prefixes = {
        "NamePrefix": pipe.identity.name,
        "SourcePrefix": pipe.settings["Source"],
        "TargetPrefix": pipe.settings["Target"],
    }
    states = {"DesiredState": pipe.desired_state, "CurrentState": pipe.current_state}
    return all(value.startswith(arguments.get(name, "")) for name, value in prefixes.items()) and all(
        arguments.get(name, state) == state for name, state in states.items()
    )


def _name_of_token(token: str) -> str:
    try:
        return base64.b64decode(token.encode(), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise ValidationFailed("NextToken is not valid.") from error
