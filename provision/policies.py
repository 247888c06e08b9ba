"""The least IAM policies: for whoever runs `provision`, and for the dashboard, read-only and for operators. Pure."""

from __future__ import annotations

from typing import Any

from core.names import StackNames
from provision.stack import Place


def provisioner(names: StackNames, place: Place) -> dict[str, Any]:
    """What `up`, `down` and all that only looks need."""
    arn = _Arns(names, place)
    return _document(
        _statement(
            "Table",
            "dynamodb:CreateTable DescribeTable UpdateTable DeleteTable TagResource ListTagsOfResource "
            "DescribeContinuousBackups UpdateContinuousBackups",
            arn.table,
        ),
        _statement(
            "Queue",
            "sqs:CreateQueue DeleteQueue GetQueueAttributes GetQueueUrl ListQueueTags SetQueueAttributes TagQueue",
            arn.queue,
        ),
        _statement(
            "LogGroup",
            "logs:CreateLogGroup DeleteLogGroup ListTagsForResource PutRetentionPolicy TagResource",
            *arn.log_group,
        ),
        _statement("LookForTheLogGroup", "logs:DescribeLogGroups", "*"),
        _statement(
            "LetPipesWriteLogs",
            "logs:CreateLogDelivery DeleteLogDelivery DescribeResourcePolicies GetLogDelivery ListLogDeliveries "
            "PutResourcePolicy UpdateLogDelivery",
            "*",
        ),
        _statement(
            "Secret",
            "secretsmanager:CreateSecret DeleteSecret DescribeSecret GetSecretValue PutSecretValue RestoreSecret "
            "TagResource",
            arn.secret,
        ),
        _statement(
            "SecretOfTheConnection",
            "secretsmanager:CreateSecret DeleteSecret DescribeSecret GetSecretValue PutSecretValue UpdateSecret",
            arn.connection_secret,
        ),
        _statement(
            "ConnectionAndDestinations",
            "events:CreateApiDestination CreateConnection DeleteApiDestination DeleteConnection DescribeApiDestination "
            "DescribeConnection UpdateApiDestination UpdateConnection",
            arn.connection,
            *arn.destinations,
        ),
        _statement(
            "Role",
            "iam:CreateRole DeleteRole DeleteRolePolicy GetRole GetRolePolicy PutRolePolicy TagRole "
            "UpdateAssumeRolePolicy",
            arn.role,
        ),
        {
            **_statement("GiveTheRoleToPipes", "iam:PassRole", arn.role),
            "Condition": {"StringEquals": {"iam:PassedToService": "pipes.amazonaws.com"}},
        },
        {
            **_statement("RoleOfApiDestinations", "iam:CreateServiceLinkedRole", "*"),
            "Condition": {"StringEquals": {"iam:AWSServiceName": "apidestinations.events.amazonaws.com"}},
        },
        _statement("Pipes", "pipes:CreatePipe DeletePipe DescribePipe TagResource UpdatePipe", *arn.pipes),
        _statement("LookForAlarms", "cloudwatch:DescribeAlarms", "*"),
        _statement("Alarms", "cloudwatch:DeleteAlarms ListTagsForResource PutMetricAlarm TagResource", arn.alarms),
        _statement(
            "Dashboard",
            "cloudwatch:DeleteDashboards GetDashboard ListTagsForResource PutDashboard TagResource",
            arn.dashboard,
        ),
        _statement(
            "WhoIsTold",
            "sns:CreateTopic DeleteTopic ListSubscriptionsByTopic ListTagsForResource Subscribe TagResource",
            arn.alerts,
        ),
        _statement("WhoAmI", "sts:GetCallerIdentity", "*"),
        _statement("Doctor", "iam:GetAccountSummary SimulatePrincipalPolicy", "*"),
        _statement("CountPipes", "pipes:ListPipes", "*"),
        _statement("CountDestinations", "events:ListApiDestinations ListConnections", "*"),
        _statement("Quotas", "servicequotas:ListServiceQuotas", "*"),
    )


def reader(names: StackNames, place: Place) -> dict[str, Any]:
    """What the dashboard needs to show everything and to change nothing."""
    return _document(*_reading(names, place))


def operator(names: StackNames, place: Place) -> dict[str, Any]:
    """What it needs to write records, repair dead letters, and start and stop pipes, too."""
    arn = _Arns(names, place)
    return _document(
        *_reading(names, place),
        _statement(
            "WriteRecords", "dynamodb:BatchWriteItem DeleteItem PutItem TransactWriteItems UpdateItem", arn.table
        ),
        _statement("RepairDeadLetters", "sqs:DeleteMessage PurgeQueue", arn.queue),
        _statement(
            "WriteTheAuditLog", "logs:CreateLogGroup CreateLogStream PutLogEvents PutRetentionPolicy", *arn.audit
        ),
        _statement("StartAndStopPipes", "pipes:StartPipe StopPipe", *arn.pipes),
    )


def actions(policy: dict[str, Any]) -> list[str]:
    """All actions that a policy allows, in the order of names."""
    return sorted({action for statement in policy["Statement"] for action in statement["Action"]})


def _reading(names: StackNames, place: Place) -> list[dict[str, Any]]:
    arn = _Arns(names, place)
    return [
        _statement(
            "ReadRecords",
            "dynamodb:BatchGetItem DescribeContinuousBackups DescribeTable DescribeTimeToLive GetItem "
            "ListTagsOfResource Query Scan",
            arn.table,
        ),
        _statement(
            "ReadTheStream", "dynamodb:DescribeStream GetRecords GetShardIterator ListStreams", f"{arn.table}/stream/*"
        ),
        # Looking at messages receives them, and gives them back at once.
        _statement(
            "LookAtDeadLetters",
            "sqs:ChangeMessageVisibility GetQueueAttributes GetQueueUrl ListQueueTags ReceiveMessage",
            arn.queue,
        ),
        _statement(
            "ReadLogs", "logs:FilterLogEvents GetLogEvents ListTagsForResource StartQuery", *arn.log_group, *arn.audit
        ),
        _statement("FindLogs", "logs:DescribeLogGroups GetQueryResults StopQuery", "*"),
        _statement("LookAtPipes", "pipes:DescribePipe", *arn.pipes),
        _statement(
            "LookAtDestinations", "events:DescribeApiDestination DescribeConnection", arn.connection, *arn.destinations
        ),
        _statement("CheckTheRole", "iam:GetRole GetRolePolicy SimulatePrincipalPolicy", arn.role),
        _statement("Metrics", "cloudwatch:DescribeAlarms GetMetricData", "*"),
        _statement("LookAtTheDashboard", "cloudwatch:GetDashboard ListTagsForResource", arn.dashboard),
        # For the page Stack. The secret's value is not among it: without it the page does not compare the key.
        _statement("LookAtTheSecret", "secretsmanager:DescribeSecret", arn.secret),
        _statement("LookAtAlarms", "cloudwatch:ListTagsForResource", arn.alarms),
        _statement("LookAtWhoIsTold", "sns:ListSubscriptionsByTopic ListTagsForResource", arn.alerts),
    ]


class _Arns:
    """The ARNs of the stack, as far as they are known before it is there."""

    def __init__(self, names: StackNames, place: Place) -> None:
        def arn(service: str, resource: str) -> str:
            return f"arn:{place.partition}:{service}:{place.region}:{place.account}:{resource}"

        group = arn("logs", f"log-group:{names.log_group(place.region)}")
        self.table = arn("dynamodb", f"table/{names.table}")
        self.queue = arn("sqs", names.queue)
        self.log_group = (group, f"{group}:*")
        audit = arn("logs", f"log-group:{names.audit_log_group(place.region)}")
        self.audit = (audit, f"{audit}:*")
        # Secrets Manager adds six characters.
        self.secret = arn("secretsmanager", f"secret:{names.secret}-??????")
        self.connection_secret = arn("secretsmanager", f"secret:events!connection/{names.connection}/*")
        self.connection = arn("events", f"connection/{names.connection}*")
        self.destinations = tuple(
            arn("events", f"api-destination/{names.api_destination(flow)}*")
            for flow in ("cache-put", "topic-publish", "cache-delete")
        )
        self.alarms = arn("cloudwatch", f"alarm:{names.alarm('*')}")
        # Dashboards belong to no region.
        self.dashboard = f"arn:{place.partition}:cloudwatch::{place.account}:dashboard/{names.dashboard(place.region)}"
        self.alerts = arn("sns", names.alerts)
        self.pipes = tuple(arn("pipes", f"pipe/{name}") for name in names.pipes)
        self.role = f"arn:{place.partition}:iam::{place.account}:role/{names.role}"


def _statement(sid: str, allowed: str, *resources: str) -> dict[str, Any]:
    """Allows the actions of one service, written as `service:First Second`."""
    service, _, names = allowed.partition(":")
    return {
        "Sid": sid,
        "Effect": "Allow",
        "Action": [f"{service}:{name}" for name in names.split()],
        "Resource": list(resources),
    }


def _document(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}
