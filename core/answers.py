"""Whether what came back is an answer of AWS at all.

A proxy, a captive portal or a broken gateway may answer 200 with a page of HTML or with `{}`. To botocore both are
answers without members, so an empty queue or a record that is not there. Here they are failures of the call.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from botocore.hooks import BaseEventHooks
from botocore.model import OperationModel

from core.failures import NotAnAnswer

_JSON_PROTOCOLS = frozenset({"json", "rest-json"})
#: What an answer has in any case, though AWS's own models of most services call nothing of it required.
_REQUIRED: dict[str, tuple[str, ...]] = {
    "DescribeTable": ("Table",),
    "DescribeTimeToLive": ("TimeToLiveDescription",),
    "Scan": ("Items", "Count", "ScannedCount"),
    "BatchGetItem": ("Responses",),
    "GetItem": ("ConsumedCapacity",),
    "UpdateItem": ("ConsumedCapacity",),
    "PutItem": ("ConsumedCapacity",),
    "DeleteItem": ("ConsumedCapacity",),
    "TransactWriteItems": ("ConsumedCapacity",),
    "DescribeStream": ("StreamDescription",),
    "GetShardIterator": ("ShardIterator",),
    "GetRecords": ("Records",),
    "GetQueueUrl": ("QueueUrl",),
    "GetQueueAttributes": ("Attributes",),
    "FilterLogEvents": ("events",),
    "DescribeLogGroups": ("logGroups",),
    "StartQuery": ("queryId",),
    "GetQueryResults": ("status",),
    "DescribePipe": ("Name", "CurrentState"),
    "DescribeConnection": ("Name", "ConnectionState"),
    "DescribeApiDestination": ("Name",),
    "SimulatePrincipalPolicy": ("EvaluationResults",),
    "GetMetricData": ("MetricDataResults",),
    "DescribeAlarms": ("MetricAlarms",),
}
#: Answers without a member are those of an empty queue and the like; AWS gives each request an id, and repeats it.
_REQUEST_ID = "RequestId"


def watch(events: BaseEventHooks) -> None:
    """Has every answer examined that comes to clients made of these events."""
    events.register("after-call", _examine)


def _examine(http_response: Any, parsed: Mapping[str, Any], model: OperationModel, **_: Any) -> None:
    # Without a stream it came over no wire: this process made it.
    if http_response.status_code >= 300 or http_response.raw is None:
        return
    why = _fault(http_response.content, parsed, model)
    if why:
        raise NotAnAnswer(said=f"AWS answered {model.name} with something that is not an answer: {why}")


def _fault(body: bytes, parsed: Mapping[str, Any], model: OperationModel) -> str:
    if body and model.service_model.resolved_protocol in _JSON_PROTOCOLS and not _is_object(body):
        return "it is not JSON"
    if not parsed.get("ResponseMetadata", {}).get(_REQUEST_ID):
        return "it has no request id"
    missing = [name for name in _REQUIRED.get(model.name, ()) if name not in parsed]
    return f"it has no {' and no '.join(missing)}" if missing else ""


def _is_object(body: bytes) -> bool:
    try:
        return isinstance(json.loads(body), dict)
    except ValueError:
        return False
