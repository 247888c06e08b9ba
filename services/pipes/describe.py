"""The three pipes as EventBridge describes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from core import names
from core.acknowledged import acknowledged
from core.aws import Aws, translated
from core.errors import NotFound


@dataclass(frozen=True)
class Pipe:
    """One pipe: its states and the settings that decide what happens to a record. `state` is "MISSING" if absent.

    `reason` says what is wrong with it, "" when nothing is.

    `execution_data` says whether its log repeats the records, `lanes` how many work on one shard at the same time.
    """

    name: str
    flow: str
    state: str
    desired_state: str = ""
    reason: str = ""
    source: str = ""
    target: str = ""
    filters: tuple[str, ...] = ()
    starting_position: str = ""
    batch_size: int | None = None
    retries: int | None = None
    dead_letter_queue: str = ""
    log_level: str = ""
    record_age_s: int | None = None
    execution_data: bool = False
    role: str = ""
    lanes: int = 1

    @property
    def running(self) -> bool:
        """Whether it is running, as EventBridge says."""
        return self.state == "RUNNING"


def describe(aws: Aws) -> tuple[Pipe, ...]:
    """The pipes in the order of the flows; one that does not exist is MISSING. Raises DashboardError."""
    return tuple(_describe(aws, flow) for flow in names.FLOWS)


def start(aws: Aws, flow: str) -> None:
    """Has EventBridge start the pipe of a flow, which takes a while. Raises DashboardError."""
    with acknowledged(f"Starting pipe {names.pipe(flow)}"):
        aws.patient.pipes.start_pipe(Name=names.pipe(flow))


def stop(aws: Aws, flow: str) -> None:
    """Has EventBridge stop the pipe of a flow; what is written then waits in the stream. Raises DashboardError."""
    with acknowledged(f"Stopping pipe {names.pipe(flow)}"):
        aws.patient.pipes.stop_pipe(Name=names.pipe(flow))


def _describe(aws: Aws, flow: str) -> Pipe:
    name = names.pipe(flow)
    try:
        with translated(f"Describing pipe {name}"):
            return _pipe(flow, dict(aws.pipes.describe_pipe(Name=name)))
    except NotFound:
        return Pipe(name, flow, "MISSING", reason="Create the stack with `python -m provision up`.")


def _pipe(flow: str, answer: dict[str, Any]) -> Pipe:
    source = answer.get("SourceParameters", {})
    stream = source.get("DynamoDBStreamParameters", {})
    return Pipe(
        name=answer["Name"],
        flow=flow,
        state=answer["CurrentState"],
        desired_state=answer.get("DesiredState", ""),
        reason=names.trouble_in(answer.get("StateReason", "")),
        source=answer.get("Source", ""),
        target=answer.get("Target", ""),
        filters=tuple(part.get("Pattern", "") for part in source.get("FilterCriteria", {}).get("Filters", [])),
        starting_position=stream.get("StartingPosition", ""),
        batch_size=stream.get("BatchSize"),
        retries=stream.get("MaximumRetryAttempts"),
        dead_letter_queue=stream.get("DeadLetterConfig", {}).get("Arn", ""),
        log_level=answer.get("LogConfiguration", {}).get("Level", ""),
        record_age_s=stream.get("MaximumRecordAgeInSeconds"),
        execution_data="ALL" in answer.get("LogConfiguration", {}).get("IncludeExecutionData", []),
        role=answer.get("RoleArn", ""),
        lanes=stream.get("ParallelizationFactor") or 1,
    )
