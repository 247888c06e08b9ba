"""What the AWS port serves: one table of services and their operations, with the reason for each.

It is what the stack, `provision`, the dashboard, traffic and the README's examples use. What runs a caller's code or
sends to an address of the caller's choice is not in it: Lambda, CloudFormation, rules and their targets, exports,
subscriptions to web addresses, rotations. The emulator is configured to the same services (`EMULATED`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

_KIB = 1024
_MIB = 1024 * _KIB


@dataclass(frozen=True)
class Service:
    """One service of AWS, as callers sign, name and size their calls of it.

    `name` is the emulator's and `signing_name` the one in a signature's scope. `target` is the prefix of X-Amz-Target
    where the service speaks JSON in version `json`, `cbor` its name in the path of Smithy's CBOR, and `query` says
    whether it takes forms. `body` is the most bytes that a call may have. An operation of `only` is served while the
    named field has one of the values.
    """

    name: str
    signing_name: str
    why: str
    reads: frozenset[str]
    writes: frozenset[str]
    body: int
    target: str = ""
    json: str = ""
    cbor: str = ""
    query: bool = False
    only: Mapping[str, tuple[str, frozenset[str]]] = field(default_factory=lambda: MappingProxyType({}))

    def serves(self, operation: str) -> bool:
        """Whether the operation is one that the sandbox serves."""
        return operation in self.reads or operation in self.writes


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: Pipes speaks REST: its routes are in sandbox/pipes/api/http_api.py, and all of them are served.
PIPES = Service(
    name="pipes",
    signing_name="pipes",
    why="the pipes themselves; served by the sandbox's own Pipes service, never by the emulator",
    reads=frozenset(),
    writes=frozenset(),
    body=256 * _KIB,
)

SERVICES = (
    PIPES,
    Service(
        name="dynamodb",
        signing_name="dynamodb",
        why="the weather table: provision makes it, the dashboard and traffic write and read it",
        target="DynamoDB_20120810",
        json="1.0",
        reads=_names(
            "BatchGetItem DescribeContinuousBackups DescribeEndpoints DescribeLimits DescribeTable DescribeTimeToLive "
            "GetItem ListTables ListTagsOfResource Query Scan TransactGetItems"
        ),
        # PartiQL is here for its SELECT; the gateway refuses the rest of it.
        writes=_names(
            "BatchExecuteStatement BatchWriteItem CreateTable DeleteItem DeleteTable ExecuteStatement "
            "ExecuteTransaction PutItem TagResource TransactWriteItems UntagResource UpdateContinuousBackups "
            "UpdateItem UpdateTable UpdateTimeToLive"
        ),
        body=16 * _MIB,
    ),
    Service(
        name="dynamodbstreams",
        signing_name="dynamodb",
        why="the table's stream, which the dashboard and dead letters are read from",
        target="DynamoDBStreams_20120810",
        json="1.0",
        reads=_names("DescribeStream GetRecords GetShardIterator ListStreams"),
        writes=frozenset(),
        # Signed for as the table is, so that its limit holds.
        body=16 * _MIB,
    ),
    Service(
        name="sqs",
        signing_name="sqs",
        why="the dead-letter queue",
        target="AmazonSQS",
        json="1.0",
        reads=_names("GetQueueAttributes GetQueueUrl ListDeadLetterSourceQueues ListQueueTags ListQueues"),
        writes=_names(
            "ChangeMessageVisibility ChangeMessageVisibilityBatch CreateQueue DeleteMessage DeleteMessageBatch "
            "DeleteQueue PurgeQueue ReceiveMessage SendMessage SendMessageBatch SetQueueAttributes TagQueue UntagQueue"
        ),
        # Messages of 1 MiB in all; quotes and line breaks in them double in JSON.
        body=4 * _MIB,
    ),
    Service(
        name="sns",
        signing_name="sns",
        why="a topic as dead-letter target, and the one that alarms are sent to",
        query=True,
        reads=_names("GetTopicAttributes ListSubscriptionsByTopic ListTagsForResource ListTopics"),
        writes=_names("CreateTopic DeleteTopic Publish Subscribe TagResource Unsubscribe UntagResource"),
        # 256 KiB of message; in a form a byte may become three.
        body=_MIB,
        # Others would have the emulator call an address, or a function, of the caller's choice.
        only=MappingProxyType({"Subscribe": ("Protocol", frozenset({"email", "sqs"}))}),
    ),
    Service(
        name="logs",
        signing_name="logs",
        why="the pipes' log group and the audit's",
        target="Logs_20140328",
        json="1.1",
        reads=_names(
            "DescribeLogGroups DescribeLogStreams FilterLogEvents GetLogEvents GetLogGroupFields GetLogRecord "
            "GetQueryResults ListTagsForResource"
        ),
        writes=_names(
            "CreateLogGroup CreateLogStream DeleteLogGroup DeleteLogStream DeleteRetentionPolicy PutLogEvents "
            "PutRetentionPolicy StartQuery StopQuery TagResource UntagResource"
        ),
        # A batch of 1 MiB; log lines are JSON, whose quotes double when they are put into JSON.
        body=4 * _MIB,
    ),
    Service(
        name="events",
        signing_name="events",
        why="the connection and the API destinations that pipes deliver through",
        target="AWSEvents",
        json="1.1",
        reads=_names(
            "DescribeApiDestination DescribeConnection ListApiDestinations ListConnections ListTagsForResource "
            "TestEventPattern"
        ),
        writes=_names(
            "CreateApiDestination CreateConnection DeauthorizeConnection DeleteApiDestination DeleteConnection "
            "UpdateApiDestination UpdateConnection"
        ),
        body=256 * _KIB,
    ),
    Service(
        name="iam",
        signing_name="iam",
        why="the pipes' role, and the simulation of what it and the dashboard may do",
        query=True,
        reads=_names(
            "GetAccountSummary GetRole GetRolePolicy ListAttachedRolePolicies ListRolePolicies ListRoleTags ListRoles "
            "SimulatePrincipalPolicy"
        ),
        writes=_names(
            "CreateRole DeleteRole DeleteRolePolicy PutRolePolicy TagRole UntagRole UpdateAssumeRolePolicy UpdateRole"
        ),
        body=256 * _KIB,
    ),
    Service(
        name="secretsmanager",
        signing_name="secretsmanager",
        why="the Momento key that provision keeps",
        target="secretsmanager",
        json="1.1",
        reads=_names("DescribeSecret GetSecretValue ListSecretVersionIds ListSecrets"),
        writes=_names("CreateSecret DeleteSecret PutSecretValue RestoreSecret TagResource UntagResource UpdateSecret"),
        body=256 * _KIB,
    ),
    Service(
        name="sts",
        signing_name="sts",
        why="whose credentials these are",
        query=True,
        reads=_names("GetCallerIdentity"),
        writes=frozenset(),
        body=16 * _KIB,
    ),
    Service(
        name="monitoring",
        signing_name="monitoring",
        why="CloudWatch: the metrics of pipes, queue and table, alarms and the dashboard",
        target="GraniteServiceVersion20100801",
        json="1.0",
        cbor="GraniteServiceVersion20100801",
        query=True,
        reads=_names(
            "DescribeAlarmHistory DescribeAlarms DescribeAlarmsForMetric GetDashboard GetMetricData "
            "GetMetricStatistics ListDashboards ListMetrics ListTagsForResource"
        ),
        writes=_names(
            "DeleteAlarms DeleteDashboards DisableAlarmActions EnableAlarmActions PutDashboard PutMetricAlarm "
            "PutMetricData SetAlarmState TagResource UntagResource"
        ),
        # PutMetricData takes 1 MiB, and a little of it may come compressed.
        body=_MIB,
    ),
    Service(
        name="tagging",
        signing_name="tagging",
        why="which resources carry the stack's tags",
        target="ResourceGroupsTaggingAPI_20170126",
        json="1.1",
        reads=_names("GetResources GetTagKeys GetTagValues"),
        writes=frozenset(),
        body=64 * _KIB,
    ),
)

#: What the emulator is told to serve (its setting SERVICES).
EMULATED = tuple(service.name for service in SERVICES if service is not PIPES)

BY_TARGET = {service.target: service for service in SERVICES if service.target}
BY_CBOR = {service.cbor: service for service in SERVICES if service.cbor}
BY_FORM = {service.signing_name: service for service in SERVICES if service.query}
SIGNING_NAMES = frozenset(service.signing_name for service in SERVICES)
#: Signing name -> the most bytes that a call may have, whichever of the services of that name it turns out to be.
LARGEST_BODY = {
    name: max(service.body for service in SERVICES if service.signing_name == name) for name in SIGNING_NAMES
}
