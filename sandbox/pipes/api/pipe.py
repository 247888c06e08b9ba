"""One pipe as the control plane knows it: its settings, its state and its workers."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.pipes.api.runner import PipeRunner, Positions
from sandbox.pipes.log.counters import Counters
from sandbox.pipes.plan.plan import DEFAULT_BATCH_SIZE, PipeIdentity, PipePlan

#: Characters that StateReason has at most.
_LONGEST_REASON = 512

#: What AWS says of a pipe that is well. It was seen to say so of a running one long after its first records.
_ORDINARY_REASONS = {"RUNNING": "No records processed", "STOPPED": "USER_INITIATED"}

#: Members of CreatePipe that are not settings.
_NOT_SETTINGS = frozenset({"Name", "Tags", "DesiredState"})


@dataclass(frozen=True)
class KeptPipe:
    """What of a pipe outlives the process: its settings, what it is meant to be, and how far it is."""

    name: str
    region: str
    settings: dict[str, Any]
    tags: dict[str, str]
    desired_state: str
    created_s: float
    modified_s: float
    positions: Positions


@dataclass
class Pipe:
    """A pipe. `settings` are the request's members as DescribePipe gives them back; times are epoch seconds."""

    identity: PipeIdentity
    settings: dict[str, Any]
    plan: PipePlan
    runner: PipeRunner
    counters: Counters
    tags: dict[str, str]
    desired_state: str
    current_state: str = "CREATING"
    state_reason: str = ""
    created_s: float = field(default_factory=time.time)
    modified_s: float = field(default_factory=time.time)

    def move_to(self, state: str, reason: str = "") -> None:
        """Change the state."""
        self.current_state = state
        self.state_reason = reason[:_LONGEST_REASON]

    def kept(self) -> KeptPipe:
        """The pipe as it is to be kept."""
        return KeptPipe(
            name=self.identity.name,
            region=self.identity.region,
            settings=self.settings,
            tags=self.tags,
            desired_state=self.desired_state,
            created_s=self.created_s,
            modified_s=self.modified_s,
            positions=self.runner.positions(),
        )

    @property
    def shown_reason(self) -> str:
        """Why the pipe is in its state, or, while it runs, that its dead letters are refused."""
        return self.state_reason or self.counters.dead_letter_refusal[:_LONGEST_REASON]

    def summary(self) -> dict[str, Any]:
        """What the operations that change a pipe answer with."""
        return {
            "Arn": self.identity.arn,
            "Name": self.identity.name,
            "DesiredState": self.desired_state,
            "CurrentState": self.current_state,
            "CreationTime": round(self.created_s, 3),
            "LastModifiedTime": round(self.modified_s, 3),
        }

    def listed(self) -> dict[str, Any]:
        """The pipe as ListPipes shows it."""
        shown = self.summary()
        for name in ("Source", "Target", "Enrichment"):
            if name in self.settings:
                shown[name] = self.settings[name]
        reason = self.shown_reason or _ORDINARY_REASONS.get(self.current_state)
        if reason:
            shown["StateReason"] = reason
        return shown

    def described(self) -> dict[str, Any]:
        """The pipe as DescribePipe shows it, with what nobody set as AWS shows that."""
        return {**self.listed(), "EnrichmentParameters": {}, "TargetParameters": {}, **self.settings, "Tags": self.tags}


def settings_of(created: Mapping[str, Any]) -> dict[str, Any]:
    """The settings in a CreatePipe input, with the one default that AWS shows filled in."""
    settings = {name: value for name, value in created.items() if name not in _NOT_SETTINGS}
    stream = (settings.get("SourceParameters") or {}).get("DynamoDBStreamParameters")
    if stream:
        filled = {"BatchSize": DEFAULT_BATCH_SIZE, **stream}
        settings["SourceParameters"] = {**settings["SourceParameters"], "DynamoDBStreamParameters": filled}
    return settings


def updated_settings(settings: Mapping[str, Any], update: Mapping[str, Any]) -> dict[str, Any]:
    """Settings after an UpdatePipe input.

    What the update names is replaced as a whole, down to the service-specific parameter objects; members it does
    not name stay. StartingPosition cannot change. An empty InputTemplate or Enrichment is taken out.
    """
    named = {name: value for name, value in update.items() if name not in _NOT_SETTINGS}
    source = {**settings.get("SourceParameters", {}), **named.pop("SourceParameters", {})}
    stream = source.get("DynamoDBStreamParameters")
    if stream is not None:
        old = settings["SourceParameters"]["DynamoDBStreamParameters"]
        kept = {"BatchSize": DEFAULT_BATCH_SIZE, "StartingPosition": old["StartingPosition"]}
        source["DynamoDBStreamParameters"] = {**kept, **stream, "StartingPosition": old["StartingPosition"]}
    target = {**settings.get("TargetParameters", {}), **named.pop("TargetParameters", {})}
    if target.get("InputTemplate") == "":
        del target["InputTemplate"]
    merged = {**settings, **named, "SourceParameters": source, "TargetParameters": target}
    return {name: value for name, value in merged.items() if value not in ("", {}) or name == "Description"}
