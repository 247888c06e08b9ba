"""A runtime that loses, repeats or invents deliveries: the ledger names what is wrong.

The runtime of the sandbox does none of these, so pipes, stream and Momento are stood in for here by what they
would be seen to do. Everything between them and the balance is the real thing.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest

from core import names
from provision import stack
from provision.planner import resolved
from provision.settings import ORIGINAL
from sandbox.aws.calls import AwsCallFailed
from sandbox.ledger import ledger as ledger_module
from sandbox.ledger.ledger import Ledger
from sandbox.ledger.letters import LetterLog
from sandbox.momento.deliveries import USER_AGENT, Deliveries, DeliveryLog, Seen, fingerprint
from sandbox.momento.http_request import Request
from sandbox.pipes.delivery.dead_letters import message_body
from sandbox.pipes.delivery.parallel_batches import lane_of_key
from sandbox.pipes.plan.batches import Batch

ENDPOINT = "http://127.0.0.1:1"
REGION = "us-west-2"
STREAM = f"arn:aws:dynamodb:{REGION}:123456789012:table/t/stream/2026"
DESTINATION = f"arn:aws:events:{REGION}:123456789012:api-destination/d/1"
PIPE = f"arn:aws:pipes:{REGION}:123456789012:pipe/p"
(DELETE,) = (flow for flow in stack.flows(names.DEFAULT) if flow.name == names.CACHE_DELETE)


class World:
    """What can be seen: a stream of deletes, a pipe whose requests have the body `{}`, and the requests that arrive."""

    http_endpoint = ENDPOINT

    def __init__(self) -> None:
        self.records: list[dict[str, Any]] = []
        self.arrived: list[Seen] = []
        self.missed = 0
        self.state: dict[str, Any] = {"state": "RUNNING", "in_flight": 0, "holding_since": None}
        self.dead_letter_queue = True
        self.method = "DELETE"
        self.source: dict[str, Any] = {}
        self.target: dict[str, Any] = {"InputTemplate": "{}"}
        self.connection_adds: dict[str, Any] = {}
        self.stream_is_there = True
        self.pipe_is_there = True
        self.letters = LetterLog(self)
        self.ledger = Ledger(self, self, self, self.letters)

    def write(self, *keys: str) -> None:
        for key in keys:
            number = len(self.records) + 1
            change = {
                "ApproximateCreationDateTime": 1.0,
                "Keys": {"Location": {"S": key}},
                "SequenceNumber": f"{number:021d}",
            }
            self.records.append({"eventID": str(number), "eventName": "REMOVE", "dynamodb": change})

    def arrive(self, *keys: str) -> None:
        for key in keys:
            query = f"key={quote(key, safe='')}"
            self.arrived.append(fingerprint("DELETE", f"/cache/{names.CACHE}".encode(), query.encode(), b"{}"))

    async def dead_letter(self, first: int, last: int, *, size: int, operation: str = "sqs.SendMessage") -> None:
        records = tuple(self.records[number - 1] for number in (first, last))
        body = json.loads(message_body(PIPE, STREAM, Batch("s", "s#0", records), "RetryAttemptsExhausted", 1.0))
        body["DDBStreamBatchInfo"]["batchSize"] = size
        text = json.dumps(body)
        await self.letters.call(operation, {"MessageBody": text, "Message": text}, region=REGION)

    async def receive(self) -> dict[str, Any]:
        raise AssertionError("the body was read already")

    async def call(self, operation: str, payload: dict[str, Any], *, region: str) -> dict[str, Any]:
        if operation == "dynamodbstreams.DescribeStream":
            if not self.stream_is_there:
                raise AwsCallFailed(operation, "InternalServerError", "try again", 500)
            return {"StreamDescription": {"Shards": [{"ShardId": "s"}]}}
        if operation == "dynamodbstreams.GetShardIterator":
            return {"ShardIterator": "0"}
        if operation == "dynamodbstreams.GetRecords":
            start = int(payload["ShardIterator"])
            page = self.records[start : start + payload["Limit"]]
            return {"Records": page, "NextShardIterator": str(start + len(page))}
        if operation == "events.DescribeApiDestination":
            endpoint = f"{ENDPOINT}/cache/*"
            arn = f"arn:aws:events:{REGION}:123456789012:connection/c/1"
            return {"ConnectionArn": arn, "HttpMethod": self.method, "InvocationEndpoint": endpoint}
        if operation == "events.DescribeConnection":
            added = {"InvocationHttpParameters": self.connection_adds}
            key = {"ApiKeyAuthParameters": {"ApiKeyName": "Authorization", "ApiKeyValue": "k"}}
            return {"AuthorizationType": "API_KEY", "AuthParameters": {**key, **added}}
        return {}

    def descriptions(self) -> list[dict[str, Any]]:
        outputs = {
            stack.TABLE: {"stream_arn": STREAM},
            stack.destination_address(DELETE.name): {"arn": DESTINATION},
            stack.QUEUE: {"arn": f"arn:aws:sqs:{REGION}:123456789012:q"},
        }
        pipe = resolved(stack.pipe(DELETE, ORIGINAL), outputs)
        source = pipe["SourceParameters"]["DynamoDBStreamParameters"]
        source |= {"StartingPosition": "TRIM_HORIZON", **self.source}
        if not self.dead_letter_queue:
            del source["DeadLetterConfig"]
        del pipe["LogConfiguration"]
        pipe["TargetParameters"] |= self.target
        return [{**pipe, "Arn": PIPE, "Name": "p", "CreationTime": 1.0}] if self.pipe_is_there else []

    def status(self) -> list[dict[str, Any]]:
        return [{"name": "p", "region": REGION, **self.state}]

    def take_deliveries(self) -> Deliveries:
        arrived, self.arrived = self.arrived, []
        return Deliveries(tuple(arrived), self.missed)

    async def look(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """The balance as a whole, and the row of the pipe."""
        balance = await self.ledger.balance()
        (row,) = balance["pipes"]
        return balance, row


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(ledger_module, "GRACE_S", 0.0)
    return World()


async def test_a_record_that_a_resting_pipe_never_delivered_is_named(world: World) -> None:
    world.write("Oslo", "Rome")
    world.arrive("Oslo")
    balance, row = await world.look()
    assert (balance["balanced"], row["in_flight"]) == (True, 1)

    balance, row = await world.look()

    assert (balance["balanced"], row["balanced"], row["difference"], row["in_flight"]) == (False, False, 1, 0)
    assert row["unaccounted"] == [{"event_name": "REMOVE", "key": '{"Location":{"S":"Rome"}}', "sequence": f"{2:021d}"}]


async def test_a_record_that_comes_late_balances_again(world: World) -> None:
    world.write("Oslo")
    await world.look()
    assert (await world.look())[0]["balanced"] is False

    world.arrive("Oslo")

    assert (await world.look())[0]["balanced"] is True


@pytest.mark.parametrize(
    "busy", [{"state": "STOPPED"}, {"in_flight": 1}, {"holding_since": "2026-11-21T21:00:00.000+00:00"}]
)
async def test_what_a_pipe_has_not_come_to_is_in_flight(world: World, busy: dict[str, Any]) -> None:
    world.state |= busy
    world.write("Oslo")
    await world.look()

    balance, row = await world.look()

    assert (balance["balanced"], row["in_flight"], row["difference"]) == (True, 1, 0)


async def test_a_delivery_that_comes_twice_is_counted_apart(world: World) -> None:
    world.write("Oslo")
    world.arrive("Oslo", "Oslo")

    balance, row = await world.look()

    assert (balance["balanced"], row["delivered"], row["duplicates"]) == (True, 1, 1)


async def test_a_request_of_no_record_is_unexplained(world: World) -> None:
    world.arrive("Nowhere")

    balance, _ = await world.look()

    assert (balance["balanced"], balance["unexplained"]) == (False, 1)


async def test_what_there_was_no_room_for_is_said(world: World) -> None:
    world.missed = 3

    balance, _ = await world.look()

    assert (balance["balanced"], balance["missed"]) == (False, 3)


async def test_a_pipe_without_a_dead_letter_queue_drops_what_it_did_not_deliver(world: World) -> None:
    world.dead_letter_queue = False
    world.write("Oslo")
    await world.look()

    balance, row = await world.look()

    assert (balance["balanced"], row["dropped"], row["difference"]) == (True, 1, 0)


async def test_batches_whose_requests_differ_by_record_are_not_observed_and_stay_so(world: World) -> None:
    world.source = {"BatchSize": 10}
    world.write("Oslo")
    world.arrive("Oslo")

    balance, row = await world.look()

    assert (balance["balanced"], row["balanced"], balance["unexplained"]) == (True, None, 0)
    assert "first record" in row["not_observed"]
    assert {row[name] for name in ("written", "delivered", "in_flight", "difference")} == {None}
    # What it delivered meanwhile is missing from its account, so it is not taken up again.
    world.source = {"BatchSize": 1}
    assert (await world.look())[1]["balanced"] is None


#: A pipe whose requests are the same for all records but for their bodies, which hold the key.
BATCHED = {
    "HttpParameters": {"PathParameterValues": ["my cache"], "QueryStringParameters": {"key": "all"}},
    "InputTemplate": '{"city": <$.dynamodb.Keys.Location.S>}',
}


def arrive_as_batch(world: World, *keys: str) -> None:
    body = "[" + ",".join(f'{{"city": "{key}"}}' for key in keys) + "]"
    headers = {b"user-agent": USER_AGENT}
    scope = {"method": "DELETE", "raw_path": b"/cache/my%20cache", "query_string": b"key=all"}
    log = DeliveryLog()
    log.note(Request("DELETE /cache", (), {}, headers, body.encode(), scope, world.receive))
    world.arrived += log.take().fingerprints


async def test_records_of_a_batch_are_told_apart_by_their_bodies(world: World) -> None:
    world.source, world.target = {"BatchSize": 3}, BATCHED
    world.write("Oslo", "Rome", "Oslo", "Lima", "Ulm")
    arrive_as_batch(world, "Oslo", "Rome", "Oslo")
    arrive_as_batch(world, "Oslo", "Rome", "Oslo")
    arrive_as_batch(world, "Ulm")

    await world.look()
    balance, row = await world.look()

    assert (row["written"], row["delivered"], row["duplicates"], row["difference"]) == (5, 4, 3, 1)
    assert [entry["key"] for entry in row["unaccounted"]] == ['{"Location":{"S":"Lima"}}']
    assert (balance["balanced"], balance["unexplained"]) == (False, 0)


async def test_an_element_of_no_record_is_unexplained(world: World) -> None:
    world.source, world.target = {"BatchSize": 3}, BATCHED
    world.write("Oslo")
    arrive_as_batch(world, "Oslo", "Nowhere")

    balance, row = await world.look()

    assert (balance["balanced"], balance["unexplained"], row["delivered"]) == (False, 1, 1)


async def test_a_dead_letter_of_a_batch_stands_for_the_records_of_its_lane(world: World) -> None:
    world.source, world.target = {"BatchSize": 3, "ParallelizationFactor": 2}, BATCHED
    lanes: dict[int, list[str]] = {0: [], 1: []}
    for city in ("Oslo", "Rome", "Lima", "Ulm", "Bern", "Kyiv"):
        lanes[lane_of_key(f'{{"Location":{{"S":"{city}"}}}}', 2)].append(city)
    mine, others = sorted(lanes.values(), key=len, reverse=True)
    assert others, "both lanes have cities"
    world.write(mine[0], others[0], mine[1])

    await world.dead_letter(1, 3, size=2)

    row = (await world.look())[1]
    assert (row["dead_lettered"], row["in_flight"], row["duplicates"]) == (2, 1, 0)


@pytest.mark.parametrize("operation", ["sqs.SendMessage", "sns.Publish"])
async def test_dead_letters_are_seen_on_their_way_to_queue_and_topic(world: World, operation: str) -> None:
    world.write("Oslo")

    await world.dead_letter(1, 1, size=1, operation=operation)

    balance, row = await world.look()
    assert (balance["balanced"], row["dead_lettered"], row["in_flight"]) == (True, 1, 0)


async def test_what_the_connection_adds_is_expected_in_each_request(world: World) -> None:
    world.connection_adds = {
        "QueryStringParameters": [{"Key": "from", "Value": "the pipe"}],
        "BodyParameters": [{"Key": "source", "Value": "demo", "IsValueSecret": True}],
        "HeaderParameters": [{"Key": "X-Team", "Value": "weather"}],
    }
    world.write("Oslo")
    query = b"key=Oslo&from=the%20pipe"
    body = b'{"source":"demo"}'
    world.arrived.append(fingerprint("DELETE", f"/cache/{names.CACHE}".encode(), query, body))

    balance, row = await world.look()

    assert (balance["balanced"], row["delivered"], balance["unexplained"]) == (True, 1, 0)


async def test_what_arrived_is_kept_until_the_stream_can_be_read_again(world: World) -> None:
    world.stream_is_there = False
    world.write("Oslo")
    world.arrive("Oslo")
    balance, row = await world.look()
    assert (row["balanced"], balance["unexplained"]) == (None, 0)
    assert "try again" in row["not_observed"]

    world.stream_is_there = True
    balance, row = await world.look()

    assert (balance["balanced"], row["written"], row["delivered"], row["not_observed"]) == (True, 1, 1, "")


async def test_what_a_pipe_sent_just_before_it_was_deleted_is_no_difference(world: World) -> None:
    world.write("Oslo")
    await world.look()
    world.write("Rome")
    world.arrive("Oslo", "Rome")
    world.pipe_is_there = False

    balance = await world.ledger.balance()

    assert (balance["balanced"], balance["unexplained"], balance["pipes"]) == (True, 0, [])
