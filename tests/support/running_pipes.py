"""Pipes on the embedded emulator with a real HTTP endpoint behind them, for tests on one event loop.

Resources are made straight on the emulator; pipes are made through boto3 on the gateway, as a user would.
"""

from __future__ import annotations

import asyncio
import json
import socket
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import boto3
import uvicorn
from aiohttp import web

from sandbox.aws.calls import AwsCaller
from sandbox.aws.emulator import Emulator
from sandbox.aws.gateway import Gateway
from sandbox.aws.tagging import TaggingFront
from sandbox.http_server import close_listener
from sandbox.pipes.service import PipesService
from sandbox.pipes.target.api_destination import ConnectionFailures

REGION = "us-west-2"
ACCOUNT = "123456789012"
SECRET = "s3cret-api-key"
#: One session for all clients: it keeps botocore's models, which take long to load.
SESSION = boto3.Session("AKIDTEST", "secret", region_name=REGION)


async def until(condition: Callable[[], Any], what: str = "the condition", timeout_s: float = 15) -> None:
    """Wait until `condition` holds. Raises AssertionError, naming `what`, in the end."""
    try:
        async with asyncio.timeout(timeout_s):
            while not condition():
                await asyncio.sleep(0.005)
    except TimeoutError as error:
        raise AssertionError(f"Waited {timeout_s:g} s for {what}") from error


@dataclass(frozen=True)
class Call:
    """A request as the endpoint got it."""

    method: str
    url: str
    headers: dict[str, str]
    body: str


@dataclass
class Endpoint:
    """An HTTP endpoint that keeps every request and answers as it is told to. It keeps its port when it is down."""

    answer: Callable[[Call], web.Response] = lambda call: web.Response(status=204)
    delay_s: float = 0
    calls: list[Call] = field(default_factory=list)
    port: int = 0
    _runner: web.AppRunner | None = None
    _server: asyncio.Server | None = None

    async def up(self) -> None:
        """Listen."""
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._runner.server, "127.0.0.1", self.port, reuse_address=True)  # type: ignore[arg-type]
        self.port = self._server.sockets[0].getsockname()[1]

    @property
    def is_down(self) -> bool:
        """Whether connections are refused."""
        return self._runner is None

    async def down(self) -> None:
        """Refuse connections."""
        if self._runner is not None and self._server is not None:
            await close_listener(self._server)
            await self._runner.cleanup()
            self._runner = None

    async def _handle(self, request: web.Request) -> web.Response:
        call = Call(request.method, request.raw_path, dict(request.headers), await request.text())
        self.calls.append(call)
        if self.delay_s:
            await asyncio.sleep(self.delay_s)
        return self.answer(call)

    def bodies(self) -> list[Any]:
        """The bodies of all requests, as JSON."""
        return [json.loads(call.body) for call in self.calls]


class Stage:
    """A table with a stream, a queue, a log group and an endpoint, with names of their own; pipes come on top."""

    def __init__(self, emulator: Emulator, service: PipesService, endpoint: Endpoint, client: Any) -> None:
        self.emulator = emulator
        self.service = service
        self.endpoint = endpoint
        self.client = client
        self.id = uuid.uuid4().hex[:8]
        self.table = f"table-{self.id}"
        self.group = f"group-{self.id}"
        self.queue_arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:queue-{self.id}"
        self.stream_arn = ""
        self.destination_arn = ""
        self._queue_url = ""

    async def call(self, operation: str, **payload: Any) -> dict[str, Any]:
        """A call straight to the emulator."""
        return await self.emulator.call(operation, payload, region=REGION)

    async def build(self) -> None:
        """Make the resources."""
        made = await self.call(
            "dynamodb.CreateTable",
            TableName=self.table,
            KeySchema=[{"AttributeName": "Location", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "Location", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        )
        self.stream_arn = made["TableDescription"]["LatestStreamArn"]
        await self.create_queue()
        await self.call("logs.CreateLogGroup", logGroupName=self.group)
        self.destination_arn = await self.destination("main", "PUT", "/cache/*")
        await self.role("pipe")

    async def role(self, name: str, *actions: str, path: str = "/") -> str:
        """Make a role that may do these actions, or anything when none is named, to everything; its ARN."""
        role = f"{name}-{self.id}"
        statement = {"Effect": "Allow", "Action": list(actions) or "*", "Resource": "*"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        trust = '{"Version":"2012-10-17"}'
        made = await self.call("iam.CreateRole", RoleName=role, Path=path, AssumeRolePolicyDocument=trust)
        await self.call("iam.PutRolePolicy", RoleName=role, PolicyName="p", PolicyDocument=policy)
        return str(made["Role"]["Arn"])

    async def create_queue(self) -> None:
        """Make the dead-letter queue, again if it was deleted."""
        made = await self.call("sqs.CreateQueue", QueueName=f"queue-{self.id}")
        self._queue_url = made["QueueUrl"]

    async def delete_queue(self) -> None:
        """Delete the dead-letter queue."""
        await self.call("sqs.DeleteQueue", QueueUrl=self._queue_url)

    async def destination(self, name: str, method: str, path: str, *, rate: int = 300, **connection: Any) -> str:
        """Make an API destination on the endpoint, with a connection of its own; its ARN."""
        key = {"ApiKeyAuthParameters": {"ApiKeyName": "Authorization", "ApiKeyValue": SECRET}}
        made = await self.call(
            "events.CreateConnection",
            **{
                "Name": f"{name}-{self.id}",
                "AuthorizationType": "API_KEY",
                "AuthParameters": key,
                **connection,
            },
        )
        made = await self.call(
            "events.CreateApiDestination",
            Name=f"{name}-{self.id}",
            ConnectionArn=made["ConnectionArn"],
            HttpMethod=method,
            InvocationRateLimitPerSecond=rate,
            InvocationEndpoint=f"http://127.0.0.1:{self.endpoint.port}{path}",
        )
        self.service.notify_events_change()
        return str(made["ApiDestinationArn"])

    def settings(self, *, pattern: str = "", template: str = "", level: str = "INFO", **stream: Any) -> dict[str, Any]:
        """Input of CreatePipe. `stream` overrides its DynamoDB stream parameters."""
        parameters = {
            "StartingPosition": "LATEST",
            "BatchSize": 1,
            "MaximumRetryAttempts": 0,
            "DeadLetterConfig": {"Arn": self.queue_arn},
            **stream,
        }
        source: dict[str, Any] = {"DynamoDBStreamParameters": parameters}
        if pattern:
            source["FilterCriteria"] = {"Filters": [{"Pattern": pattern}]}
        target: dict[str, Any] = {
            "HttpParameters": {
                "PathParameterValues": ["my-cache"],
                "QueryStringParameters": {
                    "key": "$.dynamodb.Keys.Location.S",
                    "ttl_seconds": "$.dynamodb.NewImage.TTL.N",
                },
            }
        }
        if template:
            target["InputTemplate"] = template
        group_arn = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{self.group}"
        return {
            "Name": f"pipe-{self.id}",
            "Source": self.stream_arn,
            "Target": self.destination_arn,
            "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/pipe-{self.id}",
            "SourceParameters": source,
            "TargetParameters": target,
            "LogConfiguration": {
                "Level": level,
                "IncludeExecutionData": ["ALL"],
                "CloudwatchLogsLogDestination": {"LogGroupArn": group_arn},
            },
        }

    def dynamodb(self) -> Any:
        """A boto3 client of DynamoDB on the gateway."""
        return SESSION.client("dynamodb", endpoint_url=self.client.meta.endpoint_url)

    async def pipes(self, operation: str, **arguments: Any) -> Any:
        """A call of the Pipes API with boto3, such as `create_pipe`. Raises botocore's ClientError."""
        return await asyncio.to_thread(getattr(self.client, operation), **arguments)

    async def create_pipe(self, **changes: Any) -> str:
        """Make a pipe with `settings(**changes)` and wait until it runs; its name."""
        settings = self.settings(**changes)
        await self.pipes("create_pipe", **settings)
        return await self.await_state("RUNNING", settings["Name"])

    async def await_state(self, state: str, name: str = "") -> str:
        """Wait until a pipe is in a state; its name."""
        name = name or f"pipe-{self.id}"
        await until(lambda: self.status(name)["state"] == state, f"state {state}")
        return name

    def status(self, name: str = "") -> dict[str, Any]:
        """The status of a pipe."""
        return next(each for each in self.service.status() if each["name"] == (name or f"pipe-{self.id}"))

    async def put(self, location: str, **numbers: int) -> None:
        """Write an item past the gateway, and ring the bell."""
        item = {"Location": {"S": location}, **{name: {"N": str(value)} for name, value in numbers.items()}}
        await self.call("dynamodb.PutItem", TableName=self.table, Item=item)
        self.service.notify_write()

    async def delete(self, location: str) -> None:
        """Delete an item past the gateway, and ring the bell."""
        await self.call("dynamodb.DeleteItem", TableName=self.table, Key={"Location": {"S": location}})
        self.service.notify_write()

    async def settled(self, records: int, name: str = "", timeout_s: float = 15) -> dict[str, Any]:
        """Wait until a pipe is done with so many records; its status."""

        def done() -> bool:
            status = self.status(name)
            return bool(status["in_flight"] == 0 and status["read"] >= records)

        await until(done, f"{records} records to be done with, {self.status(name)}", timeout_s)
        return self.status(name)

    async def stream_records(self) -> list[dict[str, Any]]:
        """All records of the stream."""
        described = await self.call("dynamodbstreams.DescribeStream", StreamArn=self.stream_arn)
        answer = await self.call(
            "dynamodbstreams.GetShardIterator",
            StreamArn=self.stream_arn,
            ShardId=described["StreamDescription"]["Shards"][0]["ShardId"],
            ShardIteratorType="TRIM_HORIZON",
        )
        records: list[dict[str, Any]] = []
        while True:
            answer = await self.call(
                "dynamodbstreams.GetRecords", ShardIterator=answer.get("ShardIterator") or answer["NextShardIterator"]
            )
            if not answer["Records"]:
                return records
            records += answer["Records"]

    async def dead_letters(self) -> list[dict[str, Any]]:
        """All messages of the queue, received once."""
        found: list[dict[str, Any]] = []
        while True:
            answer = await self.call("sqs.ReceiveMessage", QueueUrl=self._queue_url, MaxNumberOfMessages=10)
            if not answer.get("Messages"):
                return found
            found += [json.loads(message["Body"]) for message in answer["Messages"]]

    async def log_records(self, last: str, count: int = 1) -> list[dict[str, Any]]:
        """The log records, once `count` of type `last` are among them."""
        async with asyncio.timeout(15):
            while True:
                answer = await self.call("logs.FilterLogEvents", logGroupName=self.group)
                records = [json.loads(event["message"]) for event in answer["events"]]
                if [record["messageType"] for record in records].count(last) >= count:
                    return records
                await asyncio.sleep(0.01)


@asynccontextmanager
async def stage(
    wrap: Callable[[AwsCaller], AwsCaller] = lambda aws: aws,
    connection_failures: ConnectionFailures = ConnectionFailures.INTERNAL,
    endpoint: Endpoint | None = None,
) -> AsyncIterator[Stage]:
    """A stage on this loop, up for the time of the block. `wrap` may change what the service sees of AWS."""
    endpoint = endpoint or Endpoint()
    await endpoint.up()
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    emulator = Emulator(ACCOUNT, port)
    service = PipesService(wrap(emulator), ACCOUNT, connection_failures)
    await service.start()
    config = uvicorn.Config(
        Gateway(TaggingFront(emulator.app, emulator, service), service), lifespan="off", ws="none", log_config=None
    )
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    # Without the main loop of `serve`, which looks every 100 ms only whether it should end.
    await server.startup(sockets=[listening])
    client = SESSION.client("pipes", endpoint_url=f"http://127.0.0.1:{port}")
    made = Stage(emulator, service, endpoint, client)
    try:
        await made.build()
        yield made
    finally:
        await service.close()
        client.close()
        server.force_exit = True
        await server.shutdown(sockets=[listening])
        await endpoint.down()
        listening.close()
