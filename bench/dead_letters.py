"""Looking at a queue of dead letters: how long it takes, that it sees and leaves them all, and what memory it needs.

Measured is the command line in a process of its own, its start included, as somebody on call has it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import boto3

from bench.stack import ROOT, child_environment, running_sandbox
from bench.table import Table
from provision.names import CACHE_PUT, QUEUE, pipe
from sandbox.state import SandboxState

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

#: Messages in the queue, and how many of them a look takes at most (services/dead_letters/__main__.py).
SIZES = (1_000, 120_000)
LOOKED_AT = 20_000
#: What has to hold: seconds for the first size, and MB for all.
WITHIN_S = 10.0
WITHIN_MB = 400.0
_BODY_S = "2026-11-21T21:33:31Z"


@dataclass(frozen=True)
class _Listed:
    seconds: float
    lines: int
    rss_mb: float


def measure(folder: Path) -> Table:
    """Time, messages seen and left, and the largest memory, for each size."""
    rows, ok = [], True
    for size in SIZES:
        with running_sandbox(folder / str(size)) as running:
            sqs = _client(running.state)
            url = sqs.get_queue_url(QueueName=QUEUE)["QueueUrl"]
            _fill(sqs, url, size)
            listed = _list(running.folder)
            left = _visible(sqs, url)
            sqs.close()
        rows.append((f"{size:,}", f"{listed.seconds:.1f}", f"{listed.lines:,}", f"{left:,}", f"{listed.rss_mb:.0f}"))
        ok = ok and listed.rss_mb <= WITHIN_MB and left == size
        if size <= LOOKED_AT:
            ok = ok and listed.lines == size and listed.seconds <= WITHIN_S
    return Table(
        title="dead letters: `python -m services.dead_letters list --json`",
        header=("messages in the queue", "s", "seen", "left", "largest RSS, MB"),
        rows=tuple(rows),
        ok=ok,
    )


def _client(state: SandboxState) -> SQSClient:
    session = boto3.Session(
        aws_access_key_id=state.aws_access_key_id,
        aws_secret_access_key=state.aws_secret_access_key,
        region_name=state.region,
    )
    return session.client("sqs", endpoint_url=state.aws_endpoint)


def _fill(sqs: SQSClient, url: str, size: int) -> None:
    for start in range(0, size, 10):
        numbers = range(start, min(start + 10, size))
        sqs.send_message_batch(
            QueueUrl=url, Entries=[{"Id": str(number), "MessageBody": _body(number)} for number in numbers]
        )


def _body(number: int) -> str:
    sequence = f"{100_000_000_000_000_000_000_000 + number}"
    return json.dumps(
        {
            "context": {
                "partnerResourceArn": f"arn:aws:pipes:us-west-2:123456789012:pipe/{pipe(CACHE_PUT)}",
                "condition": "RetryAttemptsExhausted",
            },
            "version": "1.0",
            "timestamp": "2026-11-21T21:33:33.333Z",
            "DDBStreamBatchInfo": {
                "shardId": "shardId-00000001763760813333-abcdef12",
                "startSequenceNumber": sequence,
                "endSequenceNumber": sequence,
                "approximateArrivalOfFirstRecord": _BODY_S,
                "approximateArrivalOfLastRecord": _BODY_S,
                "batchSize": 1,
                "streamArn": "arn:aws:dynamodb:us-west-2:123456789012:table/weather-stats-demo/stream/2026",
            },
        }
    )


def _list(folder: Path) -> _Listed:
    out = folder / "listed.jsonl"
    with out.open("wb") as stdout:
        started = time.monotonic()
        process = subprocess.Popen(
            [sys.executable, "-m", "services.dead_letters", "list", "--json"],
            cwd=ROOT,
            env=child_environment(folder),
            stdin=subprocess.DEVNULL,
            stdout=stdout,
        )
        _, _, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - started
    with out.open("rb") as lines:
        count = sum(1 for _ in lines)
    return _Listed(seconds, count, usage.ru_maxrss / 1024)


def _visible(sqs: SQSClient, url: str) -> int:
    answer = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])
    return int(answer["Attributes"]["ApproximateNumberOfMessages"])
