"""A pipe's settings, checked and compiled: everything its runtime needs, worked out once.

Compiling is validating: what cannot be compiled is refused, at CreatePipe and UpdatePipe alike, so a pipe that
exists can run. What needs a look at other services (does the stream exist?) is in `references`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.pipes.log.execution_log import LogSettings, log_settings
from sandbox.pipes.plan.batches import Batching
from sandbox.pipes.plan.errors import ValidationFailed, invalid_field
from sandbox.pipes.plan.retries import RetryPolicy
from sandbox.pipes.syntax.arns import is_api_destination, is_dynamodb_stream, parse_arn
from sandbox.pipes.syntax.filters import FilterSet, InvalidPattern, compile_filters
from sandbox.pipes.syntax.http_parameters import HttpParameters, compile_http_parameters
from sandbox.pipes.syntax.templates import InvalidTemplate, PipeVariables, Template, compile_template

#: BatchSize when none is given (facts, section 3).
DEFAULT_BATCH_SIZE = 100


@dataclass(frozen=True)
class PipeIdentity:
    """Which pipe this is."""

    name: str
    arn: str
    region: str


@dataclass(frozen=True)
class PipePlan:
    """What to do with the records of one pipe. `dead_letter_arn` is "" when nothing takes dead letters.

    `bisects` says that a failing batch is halved.
    """

    pipe: PipeIdentity
    stream_arn: str
    starting_position: str
    role_arn: str
    filters: FilterSet
    template: Template | None
    http: HttpParameters
    target_arn: str
    batching: Batching
    retries: RetryPolicy
    bisects: bool
    dead_letter_arn: str
    log: LogSettings


def compile_plan(pipe: PipeIdentity, settings: Mapping[str, Any]) -> PipePlan:
    """The plan for a pipe's settings, as DescribePipe shows them. Raises ValidationFailed in AWS's words."""
    source = settings.get("SourceParameters") or {}
    target = settings.get("TargetParameters") or {}
    if settings.get("Enrichment"):
        raise invalid_field("Enrichment", "Enrichments are not run by the sandbox.")
    _check_source(pipe, settings["Source"])
    _check_target(pipe, settings["Target"])
    _check_kinds(source, {"FilterCriteria", "DynamoDBStreamParameters"}, "source")
    _check_kinds(target, {"InputTemplate", "HttpParameters"}, "target")
    stream = source.get("DynamoDBStreamParameters")
    if not stream:
        raise invalid_field("SourceParameters.DynamoDBStreamParameters", "Missing required parameter.")
    return PipePlan(
        pipe=pipe,
        stream_arn=settings["Source"],
        starting_position=stream["StartingPosition"],
        role_arn=settings["RoleArn"],
        filters=_filters(source.get("FilterCriteria") or {}),
        template=_template(pipe, settings, target.get("InputTemplate") or ""),
        http=compile_http_parameters(target.get("HttpParameters") or {}),
        target_arn=settings["Target"],
        batching=Batching(
            size=stream.get("BatchSize", DEFAULT_BATCH_SIZE),
            window_s=stream.get("MaximumBatchingWindowInSeconds", 0),
            lanes=stream.get("ParallelizationFactor", 1),
        ),
        retries=RetryPolicy(stream.get("MaximumRetryAttempts", -1), stream.get("MaximumRecordAgeInSeconds", -1)),
        bisects=stream.get("OnPartialBatchItemFailure") == "AUTOMATIC_BISECT",
        dead_letter_arn=_dead_letter_arn(pipe, stream.get("DeadLetterConfig") or {}),
        log=_log(pipe, settings.get("LogConfiguration") or {}),
    )


def _check_source(pipe: PipeIdentity, source: str) -> None:
    if not source.startswith("arn:") or not is_dynamodb_stream(parse_arn(source)):
        raise invalid_field("Source", "Only DynamoDB streams are run by the sandbox.")
    _check_region(pipe, source)


def _check_target(pipe: PipeIdentity, target: str) -> None:
    if not is_api_destination(parse_arn(target)):
        raise invalid_field("Target", "Only API destinations are run by the sandbox.")
    _check_region(pipe, target)


def _check_kinds(parameters: Mapping[str, Any], allowed: set[str], end: str) -> None:
    """Parameters of another kind of target were measured to be refused; those of a source are treated alike."""
    for name in parameters.keys() - allowed:
        raise invalid_field(name, f"Invalid {end} parameter provided for {end}.")


def _check_region(pipe: PipeIdentity, arn: str) -> None:
    if parse_arn(arn).region != pipe.region:
        raise ValidationFailed("Creating cross-region pipe is not permitted.")


def _filters(criteria: Mapping[str, Any]) -> FilterSet:
    try:
        return compile_filters(each.get("Pattern", "") for each in criteria.get("Filters") or ())
    except InvalidPattern as error:
        raise invalid_field("SourceParameters.FilterCriteria.Filters", str(error)) from error


def _template(pipe: PipeIdentity, settings: Mapping[str, Any], text: str) -> Template | None:
    if not text:
        return None
    variables = PipeVariables(pipe.arn, pipe.name, settings["Source"], settings["Target"])
    try:
        return compile_template(text, variables)
    except InvalidTemplate as error:
        raise invalid_field("TargetParameters.InputTemplate", str(error)) from error


def _dead_letter_arn(pipe: PipeIdentity, config: Mapping[str, Any]) -> str:
    name = "SourceParameters.DynamoDBStreamParameters.DeadLetterConfig.Arn"
    arn: str = config.get("Arn") or ""
    if not arn:
        return ""
    if parse_arn(arn).service not in ("sqs", "sns"):
        raise invalid_field(name, "Only SQS queues and SNS topics take dead letters.")
    if arn.endswith(".fifo"):
        raise invalid_field(name, "A FIFO queue or topic cannot take the dead letters of a stream source.")
    _check_region(pipe, arn)
    return arn


def _log(pipe: PipeIdentity, configuration: Mapping[str, Any]) -> LogSettings:
    destinations = ("CloudwatchLogsLogDestination", "FirehoseLogDestination", "S3LogDestination")
    level = configuration.get("Level", "OFF")
    if level != "OFF" and not any(configuration.get(name) for name in destinations):
        raise ValidationFailed("Must provide at least 1 log destination in LogConfiguration")
    if (configuration.get("S3LogDestination") or {}).get("OutputFormat", "json") != "json":
        raise ValidationFailed("w3c and plain output formats are not supported by Pipes")
    return log_settings(pipe.arn, pipe.name, configuration)
