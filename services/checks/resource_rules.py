"""Checks of what is around the pipes: table, queues, log group, connection, API destinations, permissions. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from core import names
from core.errors import NotAuthorized, NotFound
from core.names import LOOPBACK
from services.checks import settings as stack_settings
from services.checks.finding import Finding, Severity
from services.checks.settings import StackSettings, destination_label, pipe_label, queue_label

DAY_S = 86_400
#: How long a stream keeps a record, and the longest that SQS keeps a message, in seconds.
STREAM_KEEPS_S, QUEUE_KEEPS_S = DAY_S, 14 * DAY_S
#: From this share of its limit on, a rate may be held down by the limit itself.
_AT_LIMIT = 0.9


def table(settings: StackSettings) -> Iterator[Finding]:
    """The stream is off, or carries too little."""
    known = settings.table
    if known is None:
        return
    if not known.stream_arn:
        yield Finding(
            stack_settings.TABLE,
            Severity.LOSES,
            "The table has no stream.",
            "No change reaches the pipes.",
            "Enable a stream with NEW_AND_OLD_IMAGES, and create the pipes anew: each stream has an ARN of its own.",
        )
        return
    if not known.stream_view.startswith("NEW"):
        yield Finding(
            stack_settings.TABLE,
            Severity.LOSES,
            f"The stream's view is {known.stream_view or 'unknown'}.",
            "Its records do not hold the new values, so empty ones are written to the cache and the topic.",
            "Only a new stream can have another view: disable it, enable NEW_AND_OLD_IMAGES, create the pipes anew.",
        )
    for pipe in settings.pipes:
        if pipe.source and pipe.source != known.stream_arn:
            yield Finding(
                pipe_label(pipe.flow),
                Severity.LOSES,
                "It reads another stream than the table's present one.",
                "What is written now does not reach it.",
                "Create the pipe anew with `python -m provision up`.",
            )


def time_to_live(settings: StackSettings) -> Iterator[Finding]:
    """The record's TTL taken for DynamoDB's own."""
    if settings.table is not None and settings.table.ttl_attribute == "TTL":
        yield Finding(
            stack_settings.TABLE,
            Severity.RISK,
            "The attribute TTL is enabled as DynamoDB's own time to live.",
            "It is a number of seconds here, and DynamoDB takes it for a moment. It leaves alone what is more than "
            "five years past, as such small numbers are; a record with a real moment in it is deleted.",
            "Disable time to live on the table.",
        )


def queues(settings: StackSettings) -> Iterator[Finding]:
    """How long dead letters are kept."""
    for queue in settings.queues:
        label = queue_label(queue.name)
        if queue.retention_s < STREAM_KEEPS_S:
            yield Finding(
                label,
                Severity.RISK,
                f"It keeps a message for {_span(queue.retention_s)}.",
                "A dead letter is forgotten while the stream still has its record.",
                "Set MessageRetentionPeriod to 1,209,600 s (14 days).",
            )
        elif queue.retention_s < QUEUE_KEEPS_S:
            yield Finding(
                label,
                Severity.NOTE,
                f"It keeps a message for {_span(queue.retention_s)}, less than the 14 days that are possible.",
                "After that nothing tells that a record was lost.",
                "Set MessageRetentionPeriod to 1,209,600 s.",
            )
        if queue.retention_s > STREAM_KEEPS_S:
            yield Finding(
                label,
                Severity.NOTE,
                f"It keeps a message for {_span(queue.retention_s)}, and the stream a record for 24 h.",
                "A dead letter is only a pointer: after 24 h it says that a record failed, and no longer which.",
                "Look after dead letters within 24 h.",
            )


def log_group(settings: StackSettings) -> Iterator[Finding]:
    """Logs that are gone before the dead letters that they explain."""
    known = settings.log_group
    if known is None:
        if not any(unread.resource == stack_settings.LOG_GROUP for unread in settings.unread):
            yield Finding(
                stack_settings.LOG_GROUP,
                Severity.BLIND,
                "The log group does not exist.",
                "Nothing says why a record failed.",
                "Create the stack with `python -m provision up`.",
            )
        return
    longest_s = max((queue.retention_s for queue in settings.queues), default=0)
    if known.retention_days is not None and known.retention_days * DAY_S < longest_s:
        yield Finding(
            stack_settings.LOG_GROUP,
            Severity.BLIND,
            f"It keeps records for {known.retention_days} d, and the queue its messages for {_span(longest_s)}.",
            "The cause of an old dead letter can no longer be read.",
            "Keep logs at least as long as dead letters.",
        )


def connection(settings: StackSettings) -> Iterator[Finding]:
    """A connection that cannot be used."""
    known = settings.connection
    if known is not None and known.state != "AUTHORIZED":
        yield Finding(
            stack_settings.CONNECTION,
            Severity.LOSES,
            f"It is {known.state.lower()}. {known.reason}".strip(),
            "No call to Momento can be made, so every record fails.",
            "Give it the present key with `python -m provision up`.",
        )


def destinations(settings: StackSettings) -> Iterator[Finding]:
    """A destination that is inactive, or not encrypted."""
    for known in settings.destinations:
        label = destination_label(known.flow)
        if known.state != "ACTIVE":
            yield Finding(
                label,
                Severity.LOSES,
                f"It is {known.state.lower()}.",
                "No call to Momento can be made, so every record of this pipe fails.",
                "Mend its connection.",
            )
        url = urlsplit(known.endpoint)
        if url.scheme == "http":
            here = url.hostname in LOOPBACK
            yield Finding(
                label,
                Severity.NOTE if here else Severity.RISK,
                "Its endpoint is plain http" + (", on this machine." if here else "."),
                "The sandbox listens so; AWS takes https only."
                if here
                else "AWS takes https only, and the key is sent.",
                "Nothing to do." if here else "Use Momento's https endpoint.",
            )


def rates(settings: StackSettings, per_second: Mapping[str, float]) -> Iterator[Finding]:
    """A destination that is called about as often as it may be."""
    for known in settings.destinations:
        rate = per_second.get(known.flow, 0.0)
        if rate >= _AT_LIMIT * known.rate_limit:
            yield Finding(
                destination_label(known.flow),
                Severity.RISK,
                f"It takes {known.rate_limit:,} calls per second, and {rate:,.1f} were made lately.",
                "What is over the limit waits, and the stream forgets a record after 24 h.",
                "Raise InvocationRateLimitPerSecond.",
            )


def order(settings: StackSettings) -> Iterator[Finding]:
    """Settings by which one of the two pipes that put and delete the same keys is held up for longer than the other."""
    ways = [pipe for pipe in settings.pipes if pipe.flow != names.TOPIC_PUBLISH and pipe.state != "MISSING"]
    if len(ways) != 2:
        return
    limits = {known.rate_limit for known in settings.destinations if known.flow != names.TOPIC_PUBLISH}
    different = ["rate limits"] if len(limits) > 1 else []
    different += ["retries"] if len({pipe.retries for pipe in ways}) > 1 else []
    if different:
        yield Finding(
            pipe_label(names.CACHE_DELETE),
            Severity.NOTE,
            f"It and cache-put read the stream independently, with different {' and '.join(different)}.",
            "The one that is held up longer is overtaken. A late put leaves an item that the table no longer has; "
            "a late delete removes the newer item from the cache.",
            "Give both the same, and hold the table against the cache on the page Lookup after an incident.",
        )


def permissions(settings: StackSettings) -> Iterator[Finding]:
    """What the pipes' role may not do."""
    whys = {
        "sqs:SendMessage": "A dead letter cannot be sent: what fails is dropped, and nothing tells which it was.",
        "sns:Publish": "A dead letter cannot be sent: what fails is dropped, and nothing tells which it was.",
        "events:InvokeApiDestination": "Every call to Momento fails.",
    }
    for denied in settings.denied:
        yield Finding(
            stack_settings.PERMISSIONS,
            Severity.LOSES,
            f"Role {denied.role} may not do {denied.action} on {denied.resource}.",
            whys.get(denied.action, "The pipes cannot read the stream."),
            "Add it to the role's policy; `python -m provision up` does.",
        )


def unread(settings: StackSettings) -> Iterator[Finding]:
    """What could not be checked, and why."""
    for each in settings.unread:
        if isinstance(each.error, NotFound):
            yield Finding(
                each.resource,
                Severity.LOSES,
                "It does not exist.",
                "The pipes need it.",
                "Create the stack with `python -m provision up`.",
            )
        elif isinstance(each.error, NotAuthorized):
            advice = "Allow iam:SimulatePrincipalPolicy." if each.resource == stack_settings.PERMISSIONS else ""
            yield Finding(each.resource, Severity.UNCHECKED, "We are not allowed to check it.", each.error.what, advice)
        else:
            yield Finding(
                each.resource, Severity.UNCHECKED, "It could not be read.", each.error.what, each.error.advice
            )


def _span(seconds: int) -> str:
    if seconds % DAY_S == 0:
        return f"{seconds // DAY_S} d"
    return f"{seconds / 3600:g} h" if seconds >= 3600 else f"{seconds:,} s"
