"""A sandbox that is kept goes on where it ended or was killed, and skips nothing (issue 3)."""

from __future__ import annotations

import itertools
import json
import sqlite3
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import grpc
import pytest
from botocore.exceptions import BotoCoreError, ClientError

from bench.wire import Cache
from core import names
from sandbox.http_server import bind
from tests.conftest import AwsClients, wait_until
from tests.support.running_kept import (
    KeptSandbox,
    kept_sandbox,
    locations,
    put,
    spawn,
    stream_records,
    tail,
)
from tests.support.running_pipeline import counts, drain_queue, quiet


@contextmanager
def cache_of(run: KeptSandbox) -> Iterator[Cache]:
    """The cache of one run."""
    with grpc.insecure_channel(f"{run.state.momento_host}:{run.state.momento_port}") as channel:
        yield Cache(channel, run.state.momento_api_key)


def log_lines(aws: AwsClients) -> list[str]:
    pages = aws.client("logs").get_paginator("filter_log_events").paginate(logGroupName=names.log_group("us-west-2"))
    return [event["message"] for page in pages for event in page["events"]]


def described(aws: AwsClients) -> dict[str, Any]:
    pipes = aws.client("pipes")
    found = {flow: pipes.describe_pipe(Name=names.pipe(flow)) for flow in names.FLOW_OF.values()}
    return {flow: {**pipe, "ResponseMetadata": None} for flow, pipe in found.items()}


def queue_url(aws: AwsClients) -> str:
    return str(aws.client("sqs").get_queue_url(QueueName=names.QUEUE)["QueueUrl"])


def test_after_a_clean_end_all_is_there_and_what_waited_for_momento_is_delivered(tmp_path: Path) -> None:
    with kept_sandbox(tmp_path) as first:
        for number in range(5):
            put(first.aws, f"City {number}")
        quiet(first.admin, {names.CACHE_PUT: 5, names.TOPIC_PUBLISH: 5, names.CACHE_DELETE: 5})
        first.aws.client("sqs").send_message(QueueUrl=queue_url(first.aws), MessageBody="a message")
        first.aws.client("pipes").stop_pipe(Name=names.pipe(names.CACHE_DELETE))
        wait_until(lambda: counts(first.admin)[names.CACHE_DELETE]["state"] == "STOPPED", what="the pipe to stop")
        first.admin.stop_momento()
        put(first.aws, "Waiting")
        wait_until(lambda: counts(first.admin)[names.CACHE_PUT]["holding_reason"], what="the pipe to hold")
        logged, pipes, records = log_lines(first.aws), described(first.aws), stream_records(first.aws)
        url = queue_url(first.aws)
    assert logged
    assert [each.name for each in (tmp_path / "kept").iterdir()] == ["sandbox.db"], "no working files stay"

    with kept_sandbox(tmp_path) as second, cache_of(second) as cache:
        assert "Not kept: Momento's caches" in second.output
        assert second.state.aws_endpoint == first.state.aws_endpoint
        assert locations(second.aws) == {*(f"City {number}" for number in range(5)), "Waiting"}
        assert stream_records(second.aws) == records
        wait_until(lambda: cache.get("Waiting"), what="the record that waited")
        assert cache.get("City 0") is None, "it was delivered before; the cache is not kept"
        found = quiet(second.admin, {names.CACHE_PUT: 1, names.TOPIC_PUBLISH: 1})
        assert [found[flow]["delivered"] for flow in (names.CACHE_PUT, names.TOPIC_PUBLISH)] == [1, 1]
        assert found[names.CACHE_DELETE]["state"] == "STOPPED"
        assert described(second.aws) == pipes
        assert set(logged) <= set(log_lines(second.aws))
        assert queue_url(second.aws) == url

    with bind("127.0.0.1", 0) as free:
        port = free.getsockname()[1]
    with kept_sandbox(tmp_path, "--aws-port", str(port)) as third:
        assert f":{port}/" in queue_url(third.aws), "queue URLs move with the port"
        assert drain_queue(third.aws) == ["a message"]
        put(third.aws, "Later")
        assert counts(third.admin)[names.CACHE_PUT]["read"] <= 1, "nothing comes a second time"


@dataclass
class Target:
    """An HTTP endpoint that outlives the sandbox. It refuses bad keys, and any fifth request besides."""

    url: str = ""
    delivered: set[str] = field(default_factory=set)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def answer(self, record: dict[str, Any]) -> int:
        if record["dynamodb"]["Keys"]["Location"]["S"].startswith("Bad") or next(self._numbers) % 5 == 4:
            return 500
        self.delivered.add(record["dynamodb"]["SequenceNumber"])
        return 200


@contextmanager
def target() -> Iterator[Target]:
    """A target that listens."""
    found = Target()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            record = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(found.answer(record))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        found.url = f"http://127.0.0.1:{server.server_address[1]}/"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield found
        finally:
            # Or else a test that fails leaves a thread behind that keeps its process alive.
            server.shutdown()
            thread.join(5)


def pipe_to(target: Target, aws: AwsClients) -> None:
    """A pipe of the test's own on the weather table: it filters deletions out and never tries twice."""
    model = aws.client("pipes").describe_pipe(Name=names.pipe(names.TOPIC_PUBLISH))
    events = aws.client("events")
    connection = events.describe_connection(Name=names.CONNECTION)["ConnectionArn"]
    destination = events.create_api_destination(
        Name="observed", ConnectionArn=connection, InvocationEndpoint=target.url, HttpMethod="POST"
    )
    allowed = {"Effect": "Allow", "Action": "events:InvokeApiDestination", "Resource": destination["ApiDestinationArn"]}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    aws.client("iam").put_role_policy(RoleName=names.ROLE, PolicyName="observed", PolicyDocument=policy)
    dead_letters = model["SourceParameters"]["DynamoDBStreamParameters"]["DeadLetterConfig"]
    aws.client("pipes").create_pipe(
        Name="observed",
        RoleArn=model["RoleArn"],
        Source=model["Source"],
        Target=destination["ApiDestinationArn"],
        SourceParameters={
            "FilterCriteria": {"Filters": [{"Pattern": '{"eventName":["INSERT","MODIFY"]}'}]},
            "DynamoDBStreamParameters": {
                "StartingPosition": "LATEST",
                "BatchSize": 1,
                "MaximumRetryAttempts": 0,
                "DeadLetterConfig": dead_letters,
            },
        },
    )
    described = aws.client("pipes").describe_pipe
    wait_until(lambda: described(Name="observed")["CurrentState"] == "RUNNING", what="the pipe of the test")


def saved_records(home: Path) -> int:
    """How many stream records a kill would leave now. Read from a copy: the sandbox lets nobody else open its file."""
    copy = home / "copy.db"
    for end in ("", "-wal"):
        Path(f"{copy}{end}").write_bytes(Path(f"{home / 'kept' / 'sandbox.db'}{end}").read_bytes())
    try:
        with closing(sqlite3.connect(copy)) as connection:
            pieces = connection.execute("SELECT value FROM piece WHERE list LIKE '%stream_records%'").fetchall()
    except sqlite3.DatabaseError:
        # Copied in the middle of a save.
        return 0
    return sum(len(json.loads(value)) for (value,) in pieces)


def write_until_killed(run: KeptSandbox, home: Path, word: str, writes: int) -> None:
    """Writes and deletions one after the other, until the sandbox is killed in the middle of one.

    That is after so many, and once some of them were saved: on a busy machine that takes seconds.
    """
    killer, before = threading.Thread(target=run.kill), saved_records(home)

    def kill_in_time(number: int) -> None:
        if number >= writes and number % 20 == 0 and killer.ident is None and saved_records(home) > before:
            killer.start()

    with pytest.raises((BotoCoreError, ClientError)):
        _write(run.aws, word, kill_in_time)
    killer.join()


def _write(aws: AwsClients, word: str, after: Callable[[int], object]) -> None:
    for number in itertools.count():
        put(aws, f"{'Bad' if number % 40 == 7 else word} {number % 50}", number)
        if number % 9 == 8:
            key = {"Location": {"S": f"{word} {number % 50}"}}
            aws.client("dynamodb").delete_item(TableName=names.TABLE, Key=key)
        after(number)


def settled(run: KeptSandbox, target: Target) -> Callable[[], bool]:
    """Whether each record of the stream is filtered, delivered or a dead letter."""
    dead: set[str] = set()

    def covered() -> bool:
        for body in drain_queue(run.aws):
            dead.add(json.loads(body)["DDBStreamBatchInfo"]["startSequenceNumber"])
        wanted = {
            record["dynamodb"]["SequenceNumber"]
            for record in stream_records(run.aws)
            if record["eventName"] != "REMOVE"
        }
        return wanted <= target.delivered | dead

    return covered


@pytest.mark.timeout(400)
def test_after_kills_in_the_middle_of_traffic_no_record_of_the_stream_was_skipped(tmp_path: Path) -> None:
    with target() as at:
        with kept_sandbox(tmp_path) as made:
            # Ended cleanly, so that the pipe is kept: what a kill loses may be seconds on a busy machine.
            pipe_to(at, made.aws)
        with kept_sandbox(tmp_path) as first:
            write_until_killed(first, tmp_path, "First", 300)
        with kept_sandbox(tmp_path) as second:
            kept_by_first = stream_records(second.aws)
            write_until_killed(second, tmp_path, "Second", 250)
        with kept_sandbox(tmp_path) as third:
            kept_by_second = stream_records(third.aws)
            put(third.aws, "Last")
            wait_until(settled(third, at), 120, "every record to be delivered or a dead letter")
            records = stream_records(third.aws)
            left = locations(third.aws)

    assert kept_by_first
    assert len(kept_by_second) > len(kept_by_first)
    assert records[: len(kept_by_first)] == kept_by_first, "what was kept once is kept"
    sequences = [record["dynamodb"]["SequenceNumber"] for record in records]
    assert sequences == sorted(set(sequences)), "sequence numbers rise across kills"
    # Table and stream are of one moment: the stream, played from its beginning, gives the table.
    played: dict[str, str] = {r["dynamodb"]["Keys"]["Location"]["S"]: r["eventName"] for r in records}
    assert left == {location for location, event in played.items() if event != "REMOVE"}


def end_of(home: Path) -> tuple[int, str]:
    """Exit code and output of a sandbox that does not start."""
    with spawn(home) as process:
        assert process.stdin is not None
        code = process.wait(30)
    return code, tail(home / "output.log")


def test_a_snapshot_that_does_not_fit_is_refused_with_advice(tmp_path: Path) -> None:
    kept = tmp_path / "kept" / "sandbox.db"
    kept.parent.mkdir()
    kept.write_bytes(b"not a database at all, and long enough to be sure of it")
    code, output = end_of(tmp_path)
    assert (code, "Traceback" in output) == (1, False)
    assert f"{kept} is damaged or no snapshot" in output
    assert "Move it away" in output
    kept.unlink()

    with kept_sandbox(tmp_path) as running:
        put(running.aws, "Kept")
        assert stat.S_IMODE(kept.stat().st_mode) == 0o600
        assert end_of_second_home(tmp_path)[0] == 1

    connection = sqlite3.connect(kept)
    connection.execute("DELETE FROM part WHERE name = 'sqs._queues'")
    connection.commit()
    connection.close()
    before = kept.read_bytes()
    code, output = end_of(tmp_path)
    assert (code, "Traceback" in output) == (1, False)
    assert "does not fit together" in output
    assert kept.read_bytes() == before


def end_of_second_home(home: Path) -> tuple[int, str]:
    """A second sandbox, with a state folder of its own, that is to be kept in the same folder."""
    other = home / "other"
    other.mkdir()
    (other / "kept").symlink_to(home / "kept")
    return end_of(other)
