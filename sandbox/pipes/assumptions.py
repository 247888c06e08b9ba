"""Where AWS's behaviour is not known: what this runtime does instead, and why.

`python -m sandbox.pipes.assumptions` prints the list. Facts are in `facts/aws-pipes.md`; an entry goes when a
fact comes.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass


@dataclass(frozen=True)
class Assumption:
    """One choice. `source` names what speaks for it, or the open point that it answers."""

    topic: str
    what_we_do: str
    why: str
    source: str


ASSUMPTIONS: tuple[Assumption, ...] = (
    Assumption(
        "Connection failures",
        "Refused connections, DNS errors and resets before an answer are pipe-internal errors: tried again "
        "without end (50 ms, doubling, at most 2 s), not counted, until the record is too old. "
        "`python -m sandbox --connection-failures customer` is the other reading: counted, then a dead letter.",
        "The Pipes troubleshooting page names HTTP connection failures as internal errors.",
        "facts 3, S19 class 1; open point 4",
    ),
    Assumption(
        "Statuses that are not retried",
        "1xx, 3xx and 4xx other than 401, 407, 409 and 429 go to the dead-letter queue after one attempt, "
        "whatever MaximumRetryAttempts says.",
        "The API destination page says so; the troubleshooting page does not except them.",
        "facts 3, S26 against S19; open point 4",
    ),
    Assumption(
        "Pauses between attempts",
        "50 ms, doubling, at most 2 s, for counted and uncounted failures alike. Retry-After (seconds or a "
        "date) on 429 and 503 is the least pause, up to 30 s.",
        "AWS publishes no schedule; these keep a demonstration quick. Event buses take the more conservative of both.",
        "facts 3; open point 4",
    ),
    Assumption(
        "Back-off of polling",
        "After 50 batches in a row that were given up the pipe waits before each next one: 10 ms, doubling, "
        "at most 200 ms, until a batch is delivered. A pipe is never disabled.",
        "AWS backs off gradually and may disable a pipe; it names no numbers.",
        "facts 3, S19",
    ),
    Assumption(
        "Executions and attempts",
        "Each counted attempt is an execution of its own. While the endpoint cannot be reached one execution "
        "stays open and every attempt writes TargetInvocationFailed; after 5 minutes it ends with "
        "ExecutionTimeout and the next one begins.",
        "An execution is a batch on its way to the target; ExecutionFailed should mean the pipe let go of it.",
        "facts 1.3, S25",
    ),
    Assumption(
        "Expiry",
        "Records older than MaximumRecordAgeInSeconds, or than 24 h, become a dead letter with the condition "
        "RecordAgeExceeded, without a further attempt; the younger rest of their batch goes on. One that was "
        "never tried gets an execution with ExecutionStarted and ExecutionFailed only.",
        "Lambda's event source mappings use this word.",
        "facts 2; open point 5",
    ),
    Assumption(
        "A dead-letter queue or topic that refuses",
        "The message is sent again until it is accepted; the lane waits, and StateReason says so while the pipe runs.",
        "A record must not be lost; AWS does not say.",
        "facts 8",
    ),
    Assumption(
        "A missing API destination or connection at run time",
        "A customer error that is not retried.",
        "The troubleshooting page counts missing resources as customer errors.",
        "facts 3, S19",
    ),
    Assumption(
        "Stop, start, and the starting position",
        "LATEST is fixed while the pipe is created, also when it is created stopped. A stopped pipe goes on at "
        "its cursor. A request cut off by a stop (after 80 ms) is sent again after the start. A LATEST position lost "
        "before the first record (stopped for 15 min) is found again by time, to within the second.",
        "At least once is promised; nothing may be skipped.",
        "facts 7; open point 8",
    ),
    Assumption(
        "StartPipe on a running pipe, StopPipe on a stopped one",
        "Answered with the present state; a pipe in transition or in CREATE_FAILED answers ConflictException.",
        "The model has ConflictException and says nothing more.",
        "facts 7",
    ),
    Assumption(
        "A failed update",
        "UPDATE_FAILED with a StateReason; the old settings stay, the pipe does not run until it is started.",
        "Nothing is known; a pipe that is not RUNNING should not deliver.",
        "facts 7",
    ),
    Assumption(
        "Body without an input template",
        "The record as a JSON object, for every method, DELETE included.",
        "Pipes unwraps the batch of one for targets without batches.",
        "facts 5, S4; open point 6",
    ),
    Assumption(
        "Input templates",
        'A missing path becomes "". Values are never escaped, also where quotes are added. A path outside the '
        "grammar (names, [3] and [*]; no filters, slices, unions, .. or quoted names) leads nowhere and is not "
        "refused. Text that does not begin with { or [ is free text.",
        "Rules behave so in validated tests; CreatePipe was measured to check aws.* placeholders only.",
        "facts 5, S10, S34, S36",
    ),
    Assumption(
        "HTTP parameters",
        "Path and query values are percent-encoded with no safe characters; a missing path becomes an empty "
        "value. Text that is no path as a whole is sent as it is, and so is every header. Fields are checked "
        "against the model when the pipe is made; its expressions let nearly every text through.",
        "Anything else would let a key change the URL.",
        "facts 5; open point 6",
    ),
    Assumption(
        "awsRequest and awsResponse",
        "JSON with method, url, headers, body, and statusCode, headers, body. What the connection adds is never "
        "shown, and its secrets are masked where the endpoint repeats them.",
        "No sample is known; a key must not get into a log.",
        "open point 1",
    ),
    Assumption(
        "error of an API destination",
        "message in the words of event rules, httpStatusCode when there was an answer, awsService events, "
        "exceptionType EndpointError, EndpointUnreachable, Timeout, InvalidExchange, AuthorizationFailed, "
        "InvalidItemFailures, RecordAgeExceeded or DestinationUnusable, resourceArn of the destination.",
        "The keys are those seen for other targets; the values are not known.",
        "facts 1.2, S2, S3, S7; open point 1",
    ),
    Assumption(
        "Log records",
        "TargetStageSucceeded carries the endpoint's answer as payload. Transformation records appear only with "
        "a template. No Enrichment records. truncatedFields and error are left out when empty. The stream is "
        "pipes/<pipe>/<day>. No validation event is written to the group. Log destinations in S3 and Firehose are "
        "kept in the pipe's settings, and nothing is written to them.",
        "LocalStack's order and payload; readers must not parse stream names.",
        "facts 1.2 to 1.4; open points 2 and 3",
    ),
    Assumption(
        "Fields that a filter sees",
        "The record as GetRecords gives it: eventName and eventID, and also awsRegion, eventSource and "
        "eventVersion; not eventSourceARN, which is added afterwards.",
        "The docs exclude them all, yet eventName is in common use.",
        "facts 4, S13, S30",
    ),
    Assumption(
        "Filter operators",
        "wildcard, cidr, and anything-but with a further operator are refused at creation.",
        "The docs list them as not supported by Pipes, or not at all.",
        "open point 7",
    ),
    Assumption(
        "Batches",
        "With BatchSize above 1 an API destination gets one request for a batch: the JSON array of the "
        "transformed records, also for a batch of one; HTTP parameters are read from its first record. With "
        "BatchSize 1 the single record is unwrapped. Filters come before batching. A batch takes what is "
        "there and, with a window, what comes in it; it ends at the size, the window or 6 MB of records, "
        "counted by their SizeBytes.",
        "API destinations are not in the list of targets that take batches, yet BatchSize is 100 by default.",
        "facts 5, S24, S25; open point 8",
    ),
    Assumption(
        "Parallelization",
        "A record's lane is a hash of its whole key. Up to 400 records, or twice what all lanes take, are "
        "read ahead of the cursor; a lane that stands still holds up the others of its shard only then.",
        "Order is promised for the partition key; the record does not say which of its keys that is.",
        "facts 3, S9",
    ),
    Assumption(
        "Partial failures",
        "batchItemFailures of any 2xx answer counts, items named by eventID or sequence number; the first of "
        "them and all behind it are tried again, which counts as an attempt. What cannot be read fails the "
        "whole batch. AUTOMATIC_BISECT tries the rest by itself, or halves a batch that failed whole, also "
        "after a status that is not retried; neither counts as an attempt, and each part has all attempts.",
        "Lambda's event source mappings do so; Pipes names the parameter only.",
        "facts 3",
    ),
    Assumption(
        "Invocation rate limit",
        "A bucket of one second's worth per destination, shared by all pipes on it; 300 a second by default. "
        "The wait is part of TargetStageDuration and no ExecutionThrottled.",
        "AWS delays what is too much and does not say how it shows.",
        "facts 3, S27, S28",
    ),
    Assumption(
        "OAuth",
        "The grant's parameters go as a form, or as the query for GET. A token is dropped 5 s before "
        "expires_in (an hour when absent), and once per attempt after a 401 or 407. An authorization endpoint "
        "that refuses is a customer error, one that cannot be reached a connection failure.",
        "AWS says that tokens are refreshed on 401 and 407.",
        "facts 3, MODEL events",
    ),
    Assumption(
        "Metrics",
        "Each execution counts once in Invocations and in the failures, retries included. EventSize is the "
        "bytes of the batch's records.",
        "AWS does not say whether retries count.",
        "facts 6; open point 8",
    ),
    Assumption(
        "Kept connections",
        "Connections to the endpoint are kept alive, where AWS sends Connection: close.",
        "It saves a handshake for each record; endpoints cannot tell otherwise.",
        "facts 5, S26",
    ),
    Assumption(
        "Roles",
        "Asked of IAM's simulator when the pipe is made, updated or started: stream, SendMessage or Publish, "
        "InvokeApiDestination. A role that does not exist fails the pipe. While it runs, a role that lost "
        "InvokeApiDestination is a customer error (400 AccessDenied) that is retried, and one that lost SendMessage "
        "or Publish is a dead-letter queue that refuses. The right to read the stream is not asked for again, and who "
        "may assume the role is not looked at. The words for the destination, topics and missing roles are ours.",
        "The emulator runs without authorization; pipes of one stream share their reads.",
        "facts 7, S44 to S46",
    ),
    Assumption(
        "StateReason of a pipe that is well",
        '"No records processed" while it runs, whatever it has done; "USER_INITIATED" once it is stopped.',
        "Both were seen on AWS, the first also after records had been delivered; what else AWS says is not known.",
        "facts 7; describe-pipe outputs in public notes",
    ),
    Assumption(
        "Words of refusals",
        "Fields against the model: the words of the JSON schema validator that AWS uses, of which one message is "
        "known. Parameters of another kind of source are refused like those of another kind of target. Other "
        "refusals: the JSON text with ValidationErrorFields. What the sandbox cannot run (other sources, targets, "
        "enrichments) is refused in its own words.",
        "Only a few of the real messages are known.",
        "facts 7, S10, S40",
    ),
    Assumption(
        "Trimmed records",
        "When the stream no longer has the next record the pipe goes on at the oldest one and counts `trimmed`.",
        "The emulator cannot tell a trimmed cursor from a lost one.",
        "facts 2",
    ),
)


def as_text() -> str:
    """The whole list as plain text."""
    return "\n\n".join(
        f"{each.topic}\n  {each.what_we_do}\n  Why: {each.why}\n  Source: {each.source}" for each in ASSUMPTIONS
    )


if __name__ == "__main__":
    sys.stdout.write(as_text() + "\n")
