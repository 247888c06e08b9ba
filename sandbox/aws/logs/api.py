"""FilterLogEvents as CloudWatch Logs has it, in place of the emulator's.

The emulator's own ignores JSON patterns, optional terms and regular expressions, and has no pages (measured,
`facts/emulators.md`). Assumed where the API's model is silent: a token is good for any query on the group; a stream
named in logStreamNames that does not exist is ResourceNotFoundException.
"""

from __future__ import annotations

from typing import Any

from sandbox.aws.logs.emulator_logs import GroupMissing, streams_of
from sandbox.aws.logs.pages import (
    MOST_EVENTS,
    Event,
    InvalidToken,
    Page,
    Query,
    read_page,
    read_token,
    token_of,
)
from sandbox.aws.logs.patterns import InvalidFilterPattern, compile_filter_pattern

#: startFromHead=false is taken from this moment on (1 January 2024, the API's model).
_NEWEST_FIRST_SINCE_MS = 1_704_067_200_000


class LogsError(Exception):
    """Raised when a call is refused: `code` and message as CloudWatch Logs has them."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def filter_log_events(account_id: str, region: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """The answer to one FilterLogEvents. Raises LogsError."""
    group = _group_name(arguments)
    query = _query(arguments)
    try:
        streams = streams_of(account_id, region, group)
    except GroupMissing as error:
        raise LogsError("ResourceNotFoundException", "The specified log group does not exist.") from error
    page = read_page(_chosen(streams, arguments), query)
    return _answer(page, query)


def _answer(page: Page, query: Query) -> dict[str, Any]:
    events = [
        {
            "logStreamName": stream,
            "timestamp": event["timestamp"],
            "message": event["message"],
            "ingestionTime": event["ingestionTime"],
            "eventId": event["eventId"],
        }
        for event, stream in page.events
    ]
    answer: dict[str, Any] = {"events": events, "searchedLogStreams": []}
    if page.last is not None:
        answer["nextToken"] = token_of(page.last, newest_first=query.newest_first)
    return answer


def _group_name(arguments: dict[str, Any]) -> str:
    name, identifier = arguments.get("logGroupName"), arguments.get("logGroupIdentifier")
    if bool(name) == bool(identifier):
        raise _invalid("Exactly one of logGroupName and logGroupIdentifier must be given.")
    if name:
        return str(name)
    if str(identifier).startswith("arn:"):
        return str(identifier).partition(":log-group:")[2].removesuffix(":*")
    return str(identifier)


def _query(arguments: dict[str, Any]) -> Query:
    limit = arguments.get("limit", MOST_EVENTS)
    if not isinstance(limit, int) or not 1 <= limit <= MOST_EVENTS:
        raise _invalid(
            f"1 validation error detected: Value '{limit}' at 'limit' failed to satisfy constraint: "
            f"Member must have value between 1 and {MOST_EVENTS}"
        )
    start_ms = arguments.get("startTime")
    newest_first = arguments.get("startFromHead") is False
    if newest_first and (start_ms or 0) < _NEWEST_FIRST_SINCE_MS:
        raise _invalid("startFromHead can be false only with a startTime on or after Jan 1, 2024 00:00:00 UTC.")
    try:
        match = compile_filter_pattern(arguments.get("filterPattern") or "")
        after, newest_first = _resumed(arguments.get("nextToken"), newest_first)
    except InvalidFilterPattern as error:
        raise _invalid(str(error)) from error
    except InvalidToken as error:
        raise _invalid("The specified nextToken is invalid.") from error
    return Query(start_ms, arguments.get("endTime"), limit, match, newest_first, after)


def _resumed(token: str | None, newest_first: bool) -> tuple[Any, bool]:
    """The position and the direction; a token's direction wins."""
    return (None, newest_first) if token is None else read_token(token)


def _chosen(streams: dict[str, list[Event]], arguments: dict[str, Any]) -> dict[str, list[Event]]:
    names, prefix = arguments.get("logStreamNames"), arguments.get("logStreamNamePrefix")
    if names and prefix:
        raise _invalid("logStreamNames and logStreamNamePrefix cannot be used together.")
    if names:
        if not all(name in streams for name in names):
            raise LogsError("ResourceNotFoundException", "The specified log stream does not exist.")
        return {name: streams[name] for name in names}
    return {name: events for name, events in streams.items() if name.startswith(prefix or "")}


def _invalid(message: str) -> LogsError:
    return LogsError("InvalidParameterException", message)
