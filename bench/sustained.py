"""300 writes a second for a minute through all three pipes: nothing lost, and how soon the pipes have caught up."""

from __future__ import annotations

import asyncio
import json
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from bench.stack import running_sandbox
from bench.table import Table, percentile
from bench.wire import Subscriber, momento
from core.names import CACHE_DELETE, TABLE, pipe
from sandbox.state import SandboxState

RATE = 300
SECONDS = 60
KEYS = 500
#: How long the pipes may take to catch up after the last write, in s, before the bench gives up.
PATIENCE_S = 60
CONNECTIONS = 8


@dataclass
class Writes:
    """What became of the writes: ms from due to acknowledged, and how many were refused."""

    latency_ms: list[float] = field(default_factory=list)
    refused: int = 0


def measure(folder: Path) -> Table:
    """Not ok when a write is refused, or a change does not reach the topic or, where it should, the cache pipes."""
    with running_sandbox(folder) as running, momento(running.state) as (_, subscriber):
        cpu_before = _cpu_s(running.state.pid)
        started = time.perf_counter()
        writes = asyncio.run(_write(running.state))
        ended = time.perf_counter()
        backlog = len(writes.latency_ms) - len(subscriber.events)
        caught_up_s = _catch_up(running.state, subscriber, len(writes.latency_ms), ended)
        cpu = (_cpu_s(running.state.pid) - cpu_before) / (time.perf_counter() - started)
        pipes = _status(running.state)["pipes"]
    return _table(writes, ended - started, backlog, caught_up_s, cpu, pipes, len(subscriber.events))


async def _write(state: SandboxState) -> Writes:
    """Puts at a steady pace, whatever the answers take; a lean client, because it shares the machine."""
    writes = Writes()
    signer = SigV4Auth(Credentials(state.aws_access_key_id, state.aws_secret_access_key), "dynamodb", state.region)
    connector = aiohttp.TCPConnector(limit=CONNECTIONS)
    async with aiohttp.ClientSession(connector=connector) as client:
        start = time.perf_counter()
        under_way: set[asyncio.Task[None]] = set()
        for number in range(RATE * SECONDS):
            due = start + number / RATE
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            task = asyncio.create_task(_put(client, signer, state.aws_endpoint, number, due, writes))
            under_way.add(task)
            task.add_done_callback(under_way.discard)
        await asyncio.gather(*under_way)
    return writes


async def _put(
    client: aiohttp.ClientSession, signer: SigV4Auth, endpoint: str, number: int, due: float, writes: Writes
) -> None:
    item = {
        "Location": {"S": f"City {number % KEYS}"},
        "MaxTemp": {"N": str(number)},
        "MinTemp": {"N": "1"},
        "ChancesOfPrecipitation": {"N": "10"},
        "TTL": {"N": "3600"},
    }
    headers = {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": "DynamoDB_20120810.PutItem"}
    body = json.dumps({"TableName": TABLE, "Item": item})
    signed = AWSRequest("POST", f"{endpoint}/", headers, body)
    signer.add_auth(signed)
    async with client.post(endpoint, data=body, headers=dict(signed.headers)) as answer:
        await answer.read()
        if answer.status == 200:
            writes.latency_ms.append((time.perf_counter() - due) * 1000)
        else:
            writes.refused += 1


def _catch_up(state: SandboxState, subscriber: Subscriber, expected: int, ended: float) -> float:
    """Seconds from the last acknowledgement until every pipe is done with every record; infinite when never."""
    while time.perf_counter() - ended < PATIENCE_S:
        pipes = _status(state)["pipes"]
        done = all(one["read"] >= expected and not one["in_flight"] for one in pipes)
        if done and len(subscriber.events) >= expected:
            return time.perf_counter() - ended
        time.sleep(0.1)
    return float("inf")


def _status(state: SandboxState) -> Any:
    with urllib.request.urlopen(f"{state.admin_url}/status", timeout=10) as answer:
        return json.load(answer)


def _cpu_s(pid: int) -> float:
    """CPU seconds that a process has used (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def _table(
    writes: Writes, took_s: float, backlog: int, caught_up_s: float, cpu: float, pipes: list[Any], events: int
) -> Table:
    acknowledged = len(writes.latency_ms)
    delivered = {one["name"]: one["delivered"] + one["filtered"] for one in pipes}
    lost = sum(acknowledged - count for count in delivered.values()) + acknowledged - events
    rows = (
        ("writes acknowledged", f"{acknowledged:,}"),
        ("writes refused", f"{writes.refused:,}"),
        ("achieved, writes/s", f"{acknowledged / took_s:.0f}"),
        ("due → acknowledged p50, ms", f"{percentile(writes.latency_ms, 50):.1f}"),
        ("due → acknowledged p99, ms", f"{percentile(writes.latency_ms, 99):.1f}"),
        ("not yet at the subscriber at the end", f"{backlog:,}"),
        ("caught up after the end, s", f"{caught_up_s:.1f}"),
        ("sandbox CPU, cores", f"{cpu:.2f}"),
        *((f"delivered or filtered by {name}", f"{count:,}") for name, count in delivered.items()),
        ("events at the subscriber", f"{events:,}"),
        ("unaccounted", f"{lost:,}"),
    )
    ok = writes.refused == 0 and lost == 0 and delivered[pipe(CACHE_DELETE)] == acknowledged
    return Table(f"sustained: {RATE} writes/s for {SECONDS} s", ("", "value"), rows, ok)
