"""The log store and the page Logs over 100,000 records of the last hour: the first page, a refresh, and the memory."""

from __future__ import annotations

import json
import os
import random
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
from playwright.sync_api import sync_playwright

from bench.machine import rss_mib
from bench.stack import ROOT, SandboxFailed, child_environment, end, running_sandbox, tail
from bench.table import Table, percentile
from core import names
from core.aws import Aws
from core.config import AwsAccess
from sandbox.state import SandboxState
from services.logs.queries import LogQuery
from services.logs.tail import LogTail, LogView

RECORDS = 100_000
#: The records are spread over so many minutes up to now.
MINUTES = 58
REFRESHES = 20
#: What has to hold: seconds to the first page, MiB that the process grows by, and calls of a refresh.
FIRST_PAGE_S = 1.5
GROWTH_MIB = 150
CALLS = 2
_FAILURES = 0.02
#: PutLogEvents takes 1 MB and 10,000 events.
_BATCH = 1_000
_CITIES = ("Seattle", "San Francisco", "New York", "Chicago", "Houston", "Phoenix", "Denver", "Boston", "Miami", "Oslo")


def measure(folder: Path) -> Table:
    """Not ok when a limit is passed, or a record is not found."""
    with running_sandbox(folder) as running:
        write_records(running.state)
        rows, ok = _service(running.state)
        page_s = _page_s(folder)
    rows.append(("page Logs, from the click in Chromium to its table, s", f"{page_s:.2f}"))
    return Table(
        title=f"logs: {RECORDS:,} records over {MINUTES} min",
        header=("", "measured"),
        rows=tuple(rows),
        ok=ok and page_s < FIRST_PAGE_S,
    )


def write_records(state: SandboxState) -> None:
    """Puts the records into the pipes' log group, a stream for each pipe, in the order of their times."""
    logs = boto3.client(
        "logs",
        endpoint_url=state.aws_endpoint,
        region_name=state.region,
        aws_access_key_id=state.aws_access_key_id,
        aws_secret_access_key=state.aws_secret_access_key,
    )
    group = names.log_group(state.region)
    for pipe, number in zip(names.PIPES, (40_000, 40_000, RECORDS - 80_000), strict=True):
        logs.create_log_stream(logGroupName=group, logStreamName=f"bench/{pipe}")
        events = sorted(_events(pipe, number), key=lambda event: int(event["timestamp"]))
        for first in range(0, number, _BATCH):
            batch: Any = events[first : first + _BATCH]
            logs.put_log_events(logGroupName=group, logStreamName=f"bench/{pipe}", logEvents=batch)
    logs.close()


def _events(pipe: str, number: int) -> list[dict[str, Any]]:
    chance, now_ms = random.Random(pipe), int(time.time() * 1000)
    events: list[dict[str, Any]] = []
    while len(events) < number:
        at_ms = now_ms - round(chance.random() * MINUTES * 60_000) - 50
        events += _execution(pipe, at_ms, chance)
    return events[:number]


def _execution(pipe: str, at_ms: int, chance: random.Random) -> Iterator[dict[str, Any]]:
    """The records that a pipe writes at the level INFO with execution data."""
    execution = str(uuid.UUID(int=chance.getrandbits(128), version=4))
    failed = chance.random() < _FAILURES
    change = {
        "eventID": f"{chance.getrandbits(128):032x}",
        "eventName": "MODIFY",
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "us-west-2",
        "dynamodb": {
            "ApproximateCreationDateTime": at_ms // 1000,
            "Keys": {"Location": {"S": chance.choice(_CITIES)}},
            "NewImage": {"MaxTemp": {"N": str(chance.randint(50, 99))}, "MinTemp": {"N": "41"}, "TTL": {"N": "600"}},
            "SequenceNumber": f"{10**20 + chance.getrandbits(60)}",
            "SizeBytes": 84,
            "StreamViewType": "NEW_AND_OLD_IMAGES",
        },
    }
    error = {
        "message": "Unable to invoke ApiDestination endpoint: The endpoint answered with status 500. "
        f"Request {uuid.UUID(int=chance.getrandbits(128), version=4)}.",
        "httpStatusCode": 500,
    }
    parts: list[tuple[str, dict[str, Any]]] = [
        ("ExecutionStarted", {"payload": json.dumps([change], separators=(",", ":"))}),
        ("TargetStageEntered", {}),
    ]
    if failed:
        parts += [(kind, {"error": error}) for kind in ("TargetInvocationFailed", "TargetStageFailed")]
        parts.append(("ExecutionFailed", {"error": error}))
    else:
        parts += [("TargetStageSucceeded", {"payload": "{}"}), ("ExecutionSucceeded", {})]
    for step, (kind, more) in enumerate(parts):
        content = {
            "resourceArn": f"arn:aws:pipes:us-west-2:123456789012:pipe/{pipe}",
            "timestamp": at_ms + step,
            "executionId": execution,
            "messageType": kind,
            "logLevel": "ERROR" if kind.endswith("Failed") else "INFO",
            **more,
        }
        yield {"timestamp": at_ms + step, "message": json.dumps(content, separators=(",", ":"))}


def _service(state: SandboxState) -> tuple[list[tuple[str, str]], bool]:
    """What the services behind the page take, in this process."""
    access = AwsAccess(
        state.region,
        access_key_id=state.aws_access_key_id,
        secret_access_key=state.aws_secret_access_key,
        endpoint_url=state.aws_endpoint,
    )
    aws = Aws(access)
    calls: list[int] = []
    aws.logs.meta.events.register("after-call.cloudwatch-logs.FilterLogEvents", lambda **_: calls.append(1))
    log = LogTail(aws)
    before_mib = rss_mib(os.getpid())
    view, first_s = _refreshed(log)
    read_s, rounds = first_s, 1
    while view.state.reading_back and rounds < 500:
        view, taken_s = _refreshed(log)
        read_s, rounds = read_s + taken_s, rounds + 1
    grown_mib = rss_mib(os.getpid()) - before_mib
    found = view.store.count_records(LogQuery())
    calls.clear()
    refreshes = [1000 * _refreshed(log)[1] for _ in range(REFRESHES)]
    calls_each = len(calls) / REFRESHES
    search = 1000 * _timed(lambda: view.store.count_executions(LogQuery(text="status 500")))
    groups = 1000 * _timed(lambda: view.store.error_groups(LogQuery(), int(time.time() * 1000)))
    log.close()
    aws.close()
    rows = [
        ("first refresh and first page, s", f"{first_s:.2f}"),
        ("whole window read, s of reading", f"{read_s:.1f} in {rounds} refreshes"),
        ("records found", f"{found:,}"),
        ("refresh and page with nothing new, ms, p50 / max", f"{percentile(refreshes, 50):.0f} / {max(refreshes):.0f}"),
        ("calls of a refresh", f"{calls_each:.1f}"),
        ("search in all lines, ms", f"{search:.0f}"),
        ("errors grouped, ms", f"{groups:.0f}"),
        ("memory grown by, MiB", f"{grown_mib:.0f}"),
    ]
    ok = first_s < FIRST_PAGE_S and found >= RECORDS and calls_each <= CALLS and grown_mib < GROWTH_MIB
    return rows, ok


def _refreshed(log: LogTail) -> tuple[LogView, float]:
    """A refresh and what the page Logs asks of the store then, with the seconds of both."""
    started = time.perf_counter()
    view = log.refresh()
    query = LogQuery(since_ms=view.state.window_from_ms)
    view.store.executions(query, 50)
    view.store.count_executions(query)
    return view, time.perf_counter() - started


def _timed(act: Callable[[], object]) -> float:
    started = time.perf_counter()
    act()
    return time.perf_counter() - started


def _page_s(folder: Path) -> float:
    """From the click on Logs to the table of executions, in a dashboard that has not read the log yet."""
    with _dashboard(folder) as url, sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=os.environ.get("CHROMIUM") or shutil.which("chromium"),
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        page = chromium.new_page(viewport={"width": 1440, "height": 1000})
        page.goto(f"{url}/sandbox")
        page.get_by_text("Written = delivered").wait_for(timeout=30_000)
        started = time.perf_counter()
        page.get_by_role("link", name="Logs", exact=True).click()
        page.get_by_text("executions match.").wait_for(timeout=60_000)
        page.get_by_test_id("stDataFrame").first.wait_for(timeout=60_000)
        taken = time.perf_counter() - started
        chromium.close()
    return taken


@contextmanager
def _dashboard(folder: Path) -> Iterator[str]:
    """A dashboard over the sandbox of this folder. Raises SandboxFailed when it does not come up."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}"
    output = folder / "dashboard.log"
    command = [sys.executable, "-m", "streamlit", "run", "dashboard.py", "--server.headless=true"]
    with output.open("wb") as log:
        process = subprocess.Popen(
            [*command, f"--server.port={url.rpartition(':')[2]}"],
            cwd=ROOT,
            env=child_environment(folder),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        deadline = time.monotonic() + 60
        while not _healthy(url):
            if process.poll() is not None or time.monotonic() > deadline:
                raise SandboxFailed(f"The dashboard did not come up.\n{tail(output)}")
            time.sleep(0.1)
        yield url
    finally:
        end(process)


def _healthy(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/_stcore/health", timeout=2) as answer:
            return bool(answer.read() == b"ok")
    except (urllib.error.URLError, TimeoutError, ConnectionError):
        return False
