"""A sandbox that is kept in a folder: started, ended or killed, and started again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.stack import LOG_FILE, ROOT, child_environment, end, read_state, tail
from core import names
from sandbox.state import SandboxState
from services.app.sandbox_admin import SandboxAdmin
from tests.conftest import AwsClients, wait_until


@dataclass(frozen=True)
class KeptSandbox:
    """One run of it."""

    process: subprocess.Popen[bytes]
    state: SandboxState
    aws: AwsClients
    log: Path

    @property
    def admin(self) -> SandboxAdmin:
        """Its admin port."""
        return SandboxAdmin(self.state.admin_url, self.state.admin_token)

    @property
    def output(self) -> str:
        """What it printed so far."""
        return tail(self.log)

    def kill(self) -> None:
        """kill -9."""
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait(10)


def spawn(home: Path, *arguments: str) -> subprocess.Popen[bytes]:
    """The process of a sandbox with this home, kept in `home/kept`; its output goes to a file in there."""
    home.mkdir(parents=True, exist_ok=True)
    with (home / LOG_FILE).open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "sandbox", "--until-stdin-closes", "--persist", str(home / "kept"), *arguments],
            cwd=ROOT,
            env=child_environment(home),
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
        )


@contextmanager
def kept_sandbox(home: Path, *arguments: str) -> Iterator[KeptSandbox]:
    """A run that is ready. It ends cleanly with the block, unless it was killed before."""
    with spawn(home, *arguments) as process:
        try:

            def ready() -> SandboxState | None:
                assert process.poll() is None, tail(home / LOG_FILE)
                state = read_state(home)
                return state if state is not None and state.ready and state.pid == process.pid else None

            state: SandboxState = wait_until(ready, 60, "the sandbox")
            aws = AwsClients(state)
            yield KeptSandbox(process, state, aws, home / LOG_FILE)
            aws.close()
        finally:
            code = end(process)
    assert code in (0, -signal.SIGKILL), tail(home / LOG_FILE)


def put(aws: AwsClients, location: str, temperature: int = 70) -> None:
    """Write one weather record."""
    item = {"Location": {"S": location}, "TTL": {"N": "3600"}, "MaxTemp": {"N": str(temperature)}}
    aws.client("dynamodb").put_item(TableName=names.TABLE, Item=item)


def stream_records(aws: AwsClients) -> list[dict[str, Any]]:
    """All records of the weather table's stream."""
    streams = aws.client("dynamodbstreams")
    arn = streams.list_streams(TableName=names.TABLE)["Streams"][0]["StreamArn"]
    shard = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"][0]["ShardId"]
    iterator = streams.get_shard_iterator(StreamArn=arn, ShardId=shard, ShardIteratorType="TRIM_HORIZON")
    following = iterator["ShardIterator"]
    records: list[dict[str, Any]] = []
    while page := streams.get_records(ShardIterator=following):
        if not page["Records"]:
            break
        records += page["Records"]
        following = page["NextShardIterator"]
    return records


def locations(aws: AwsClients) -> set[str]:
    """The keys in the weather table."""
    pages = aws.client("dynamodb").get_paginator("scan").paginate(TableName=names.TABLE)
    return {item["Location"]["S"] for page in pages for item in page["Items"]}
