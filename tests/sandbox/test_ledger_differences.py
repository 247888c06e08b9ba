"""A runtime that loses, repeats or invents deliveries: the ledger names what is wrong.

The runtime of the sandbox does none of these, so pipes, stream and Momento are stood in for here by what they
would be seen to do. Everything between them and the balance is the real thing.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from provision import names, stack
from provision.planner import resolved
from provision.settings import ORIGINAL
from sandbox.aws.calls import AwsCallFailed
from sandbox.ledger import ledger as ledger_module
from sandbox.ledger.ledger import Ledger
from sandbox.ledger.letters import LetterLog
from sandbox.momento.deliveries import Deliveries, fingerprint

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
        self.arrived: list[int] = []
        self.missed = 0
        self.state: dict[str, Any] = {"state": "RUNNING", "in_flight": 0, "holding_since": None}
        self.dead_letter_queue = True
        self.batch_size = 1
        self.stream_is_there = True
        self.pipe_is_there = True
        self.ledger = Ledger(self, self, self, LetterLog(self))

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
            return {"ConnectionArn": arn, "HttpMethod": "DELETE", "InvocationEndpoint": endpoint}
        return {}

    def descriptions(self) -> list[dict[str, Any]]:
        outputs = {
            stack.TABLE: {"stream_arn": STREAM},
            stack.destination_address(DELETE.name): {"arn": DESTINATION},
            stack.QUEUE: {"arn": f"arn:aws:sqs:{REGION}:123456789012:q"},
        }
        pipe = resolved(stack.pipe(DELETE, ORIGINAL), outputs)
        source = pipe["SourceParameters"]["DynamoDBStreamParameters"]
        source |= {"StartingPosition": "TRIM_HORIZON", "BatchSize": self.batch_size}
        if not self.dead_letter_queue:
            del source["DeadLetterConfig"]
        del pipe["LogConfiguration"]
        pipe["TargetParameters"]["InputTemplate"] = "{}"
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


async def test_a_pipe_that_sends_batches_is_said_to_be_out_of_sight(world: World) -> None:
    world.batch_size = 10
    world.write("Oslo")
    world.arrive("Oslo")

    balance, row = await world.look()

    assert (balance["balanced"], row["balanced"], balance["unexplained"]) == (True, None, 0)
    assert "BatchSize" in row["not_observed"]


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
