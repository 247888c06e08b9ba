"""1,000 replayed writes, and what became of every one: delivered, or in the dead-letter queue, or unaccounted."""

from __future__ import annotations

import json
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import boto3

from bench.stack import running_sandbox
from bench.table import Table
from bench.wire import Cache, Subscriber, momento
from core.names import CACHE_DELETE, CACHE_PUT, PIPES, QUEUE, TABLE, TOPIC_PUBLISH, pipe
from sandbox.state import SandboxState
from sandbox.traffic.cities import cities
from sandbox.traffic.observation import Observation
from sandbox.traffic.replay import Progress, Replay
from sandbox.traffic.table import WeatherTable, table_client

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

RATE = 100
WRITES = 1_000
DELETES = 10
PATIENCE_S = 30
#: After the last event, how long to wait for one more that nobody expects, in s.
QUIET_S = 1.0

#: Event type, location, high, low and chance of precipitation, as a topic event carries them.
Change = tuple[str, str, str, str, str]


class Witness:
    """Writes to the table, and works out which stream record each write causes. The same again causes none."""

    def __init__(self, table: WeatherTable) -> None:
        self.changes: list[Change] = []
        self.without_change = 0
        self._table = table
        self._records: dict[str, tuple[str, str, str]] = {}

    def put(self, seen: Observation) -> None:
        """Put one observation."""
        self._table.put(seen)
        fields = (f"{seen.high:g}", f"{seen.low:g}", f"{seen.precipitation:g}")
        before = self._records.get(seen.location)
        self._records[seen.location] = fields
        if before == fields:
            self.without_change += 1
        else:
            self.changes.append(("MODIFY" if before else "INSERT", seen.location, *fields))

    def delete(self, location: str) -> None:
        """Delete one location."""
        self._table.delete(location)
        if self._records.pop(location, None) is None:
            self.without_change += 1
        else:
            self.changes.append(("REMOVE", location, "", "", ""))


def measure(folder: Path) -> Table:
    """The account of all writes; not ok when one is unaccounted for, or when cache and table differ."""
    with running_sandbox(folder) as running, momento(running.state) as (cache, subscriber):
        client = table_client(running.state)
        witness = Witness(WeatherTable(client, ttl=3600))
        replay = Replay(
            cities(seed=1).observations,
            witness.put,
            witness.delete,
            rate=RATE,
            count=WRITES,
            deletes=DELETES,
            seed=1,
        )
        started = time.monotonic()
        replay.run()
        took = time.monotonic() - started
        dead = _settle(running.state, subscriber, len(witness.changes))
        differing = _differing(client, cache, {change[1] for change in witness.changes})
        client.close()
    return _table(replay.progress, took, witness, subscriber, dead, differing)


def _settle(state: SandboxState, subscriber: Subscriber, expected: int) -> Counter[str]:
    """The dead letters of each pipe, once all is delivered or the patience is over. Takes them off the queue."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline and len(subscriber.events) < expected:
        time.sleep(0.1)
    time.sleep(QUIET_S)
    session = boto3.Session(
        aws_access_key_id=state.aws_access_key_id,
        aws_secret_access_key=state.aws_secret_access_key,
        region_name=state.region,
    )
    sqs = session.client("sqs", endpoint_url=state.aws_endpoint)
    url = sqs.get_queue_url(QueueName=QUEUE)["QueueUrl"]
    dead: Counter[str] = Counter()
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        for message in messages:
            arn = json.loads(message["Body"])["context"]["partnerResourceArn"]
            dead[arn.rpartition("/")[2]] += 1
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    sqs.close()
    return dead


def _differing(client: DynamoDBClient, cache: Cache, locations: set[str]) -> list[str]:
    """The locations whose cache item is not what the table holds."""
    records = {record["Location"]["S"]: record for record in client.scan(TableName=TABLE)["Items"]}
    wrong = []
    for location in sorted(locations | records.keys()):
        value = cache.get(location)
        record = records.get(location)
        expected = (
            {name: next(iter(field.values())) for name, field in record.items() if name != "TTL"} if record else None
        )
        if (json.loads(value) if value is not None else None) != expected:
            wrong.append(location)
    return wrong


def _received(subscriber: Subscriber) -> Counter[Change]:
    distinct = {sequence: text for _, sequence, text in subscriber.events}
    received: Counter[Change] = Counter()
    for text in distinct.values():
        event = json.loads(text)
        names = ("EventType", "Location", "MaxTemp", "MinTemp", "ChancesOfPrecipitation")
        kind, location, high, low, chance = (str(event[name]) for name in names)
        received[(kind, location, high, low, chance)] += 1
    return received


def _table(
    done: Progress, took: float, witness: Witness, subscriber: Subscriber, dead: Counter[str], differing: list[str]
) -> Table:
    expected = Counter(witness.changes)
    received = _received(subscriber)
    unaccounted = (expected - received).total() - dead[pipe(TOPIC_PUBLISH)]
    unexplained = (received - expected).total()
    differences_explained = dead[pipe(CACHE_PUT)] + dead[pipe(CACHE_DELETE)]
    rows = {
        "writes acknowledged": done.puts + done.deletes,
        "writes refused": done.failures,
        "writes that changed nothing (no event)": witness.without_change,
        "changes": len(witness.changes),
        "changes received from the topic": (expected & received).total(),
        "events that no write explains": unexplained,
        "discontinuities": subscriber.discontinuities,
        **{f"dead letters of {name}": dead[name] for name in PIPES},
        "unaccounted": unaccounted,
        "locations where cache and table differ": len(differing),
    }
    return Table(
        title=f"replay: {WRITES:,} writes at {RATE}/s, took {took:.1f} s",
        header=("", "count"),
        rows=tuple((name, f"{count:,}") for name, count in rows.items()),
        ok=unaccounted == unexplained == done.failures == 0 and len(differing) <= differences_explained,
    )
