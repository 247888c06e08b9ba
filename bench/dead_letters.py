"""Looking at a queue of dead letters and repairing it: how long it takes, that all is seen, and what memory it needs.

Measured are the commands in a process of their own, its start included, as an operator on call has them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3

from bench.stack import ROOT, child_environment, running_sandbox
from bench.table import Table
from core.aws import Aws
from core.config import AwsAccess
from core.momento_client import MomentoCache
from core.momento_keys import for_sandbox
from core.names import CACHE, CACHE_PUT, QUEUE, TABLE, TOPIC_PUBLISH, pipe
from sandbox.state import SandboxState
from services.app.sandbox_admin import SandboxAdmin
from services.dead_letters.queue import DeadLetterQueue
from services.jobs.jobs import Control
from services.weather.batch_writes import BatchWrites
from services.weather.changes import Change
from services.weather.table import WeatherRecord

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

#: Messages in the queue.
SIZES = (1_000, 20_000)
#: What has to hold: seconds for the first size, MB for all, and messages repaired a second.
WITHIN_S = 10.0
WITHIN_MB = 400.0
REPAIRED_PER_S = 150.0
#: Keys that the repaired letters are about: one letter of cache-put and one of topic-publish for each.
KEYS = 10_000
#: Seconds that the pipes may take to deliver the changes.
DELIVERED_S = 300.0


@dataclass(frozen=True)
class _Ran:
    """One command: its exit code, and what it took."""

    code: int
    seconds: float
    lines: int
    rss_mb: float


def measure(folder: Path) -> Table:
    """Time, messages seen and left, and the largest memory, for each size; then those of a repair."""
    rows, ok = [], True
    for size in SIZES:
        with running_sandbox(folder / str(size)) as running:
            sqs = _client(running.state)
            url = sqs.get_queue_url(QueueName=QUEUE)["QueueUrl"]
            _send(sqs, url, map(_body, range(size)))
            ran = _run(running.folder, "list", "--json")
            left = _visible(sqs, url)
            sqs.close()
        rows.append(_row("list", size, ran, ran.lines, left))
        ok = ok and ran.rss_mb <= WITHIN_MB and (left, ran.lines) == (size, size)
        ok = ok and (size > SIZES[0] or ran.seconds <= WITHIN_S)
    row, repaired = _repaired(folder / "repair")
    return Table(
        title="dead letters: `python -m services.dead_letters list|repair --json`",
        header=("command", "messages in the queue", "s", "messages/s", "seen", "left", "largest RSS, MB"),
        rows=(*rows, row),
        ok=ok and repaired,
    )


def _row(command: str, size: int, ran: _Ran, seen: int, left: int) -> tuple[str, ...]:
    rate = f"{seen / ran.seconds:,.0f}"
    return (command, f"{size:,}", f"{ran.seconds:.1f}", rate, f"{seen:,}", f"{left:,}", f"{ran.rss_mb:.0f}")


def _repaired(folder: Path) -> tuple[tuple[str, ...], bool]:
    """Letters of KEYS changes whose keys the cache lacks, repaired: the row, and whether all that has to hold held."""
    with running_sandbox(folder) as running:
        state = running.state
        access = AwsAccess(
            state.region,
            access_key_id=state.aws_access_key_id,
            secret_access_key=state.aws_secret_access_key,
            endpoint_url=state.aws_endpoint,
        )
        aws = Aws(access)
        cache = MomentoCache(
            for_sandbox(state.momento_host, state.momento_port, state.momento_http_endpoint, state.momento_api_key)
        )
        places = [f"Bench {number}" for number in range(KEYS)]
        records = [WeatherRecord(place, Decimal(70), Decimal(50), Decimal(20), 3600) for place in places]
        BatchWrites(aws).run(Control(), [Change(record.location, None, record) for record in records])
        _delivered(SandboxAdmin(state.admin_url, state.admin_token))
        cache.flush_cache(CACHE)
        url = aws.sqs.get_queue_url(QueueName=QUEUE)["QueueUrl"]
        _send(aws.sqs, url, _letters(aws))
        size = _visible(aws.sqs, url)
        ran = _run(running.folder, "repair", "--yes", "--why", "bench", "--json")
        left = DeadLetterQueue(aws).depth().total
        right = sum(cache.get(CACHE, place).hit for place in places)
        cache.close()
        aws.close()
    # The last line has the counts.
    seen = ran.lines - 1
    ok = (ran.code, seen, left, right, size) == (0, 2 * KEYS, 0, KEYS, 2 * KEYS) and seen / ran.seconds > REPAIRED_PER_S
    return _row("repair", size, ran, seen, left), ok


def _delivered(admin: SandboxAdmin) -> None:
    """Waits until both pipes have delivered every change. Raises TimeoutError after DELIVERED_S."""
    deadline = time.monotonic() + DELIVERED_S
    while not all(each["delivered"] >= KEYS for each in _writers(admin)):
        if time.monotonic() > deadline:
            raise TimeoutError(f"The pipes did not deliver {KEYS:,} changes in {DELIVERED_S:g} s.")
        time.sleep(0.2)


def _writers(admin: SandboxAdmin) -> list[dict[str, Any]]:
    return [each for each in admin.status()["pipes"] if each["name"] in (pipe(CACHE_PUT), pipe(TOPIC_PUBLISH))]


def _letters(aws: Aws) -> Iterator[str]:
    """A dead letter of each of the two pipes for every record of the table's stream."""
    arn = aws.dynamodb.describe_table(TableName=TABLE)["Table"]["LatestStreamArn"]
    for shard in aws.streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]:
        where: Any = {"StreamArn": arn, "ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON"}
        iterator: str | None = aws.streams.get_shard_iterator(**where)["ShardIterator"]
        while iterator:
            page = aws.streams.get_records(ShardIterator=iterator)
            for record in page["Records"]:
                for flow in (CACHE_PUT, TOPIC_PUBLISH):
                    yield _pointer(flow, arn, shard["ShardId"], record["dynamodb"]["SequenceNumber"])
            iterator = page.get("NextShardIterator") if page["Records"] else None


def _client(state: SandboxState) -> SQSClient:
    session = boto3.Session(
        aws_access_key_id=state.aws_access_key_id,
        aws_secret_access_key=state.aws_secret_access_key,
        region_name=state.region,
    )
    return session.client("sqs", endpoint_url=state.aws_endpoint)


def _send(sqs: SQSClient, url: str, bodies: Iterable[str]) -> None:
    waiting = iter(bodies)
    while ten := list(islice(waiting, 10)):
        sqs.send_message_batch(
            QueueUrl=url, Entries=[{"Id": str(number), "MessageBody": body} for number, body in enumerate(ten)]
        )


def _body(number: int) -> str:
    """A letter that points at a record which no stream has any more."""
    arn = "arn:aws:dynamodb:us-west-2:123456789012:table/weather-stats-demo/stream/2026"
    sequence = f"{100_000_000_000_000_000_000_000 + number}"
    return _pointer(CACHE_PUT, arn, "shardId-00000001763760813333-abcdef12", sequence)


def _pointer(flow: str, stream_arn: str, shard_id: str, sequence: str) -> str:
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return json.dumps(
        {
            "context": {
                "partnerResourceArn": f"arn:aws:pipes:us-west-2:123456789012:pipe/{pipe(flow)}",
                "condition": "RetryAttemptsExhausted",
            },
            "version": "1.0",
            "timestamp": now,
            "DDBStreamBatchInfo": {
                "shardId": shard_id,
                "startSequenceNumber": sequence,
                "endSequenceNumber": sequence,
                "approximateArrivalOfFirstRecord": now,
                "approximateArrivalOfLastRecord": now,
                "batchSize": 1,
                "streamArn": stream_arn,
            },
        }
    )


def _run(folder: Path, *arguments: str) -> _Ran:
    out = folder / "told.jsonl"
    with out.open("wb") as stdout:
        started = time.monotonic()
        process = subprocess.Popen(
            [sys.executable, "-m", "services.dead_letters", *arguments],
            cwd=ROOT,
            env=child_environment(folder),
            stdin=subprocess.DEVNULL,
            stdout=stdout,
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - started
    with out.open("rb") as lines:
        count = sum(1 for _ in lines)
    return _Ran(os.waitstatus_to_exitcode(status), seconds, count, usage.ru_maxrss / 1024)


def _visible(sqs: SQSClient, url: str) -> int:
    answer = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])
    return int(answer["Attributes"]["ApproximateNumberOfMessages"])
