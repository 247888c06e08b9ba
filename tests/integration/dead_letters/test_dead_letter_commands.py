"""The dead-letter commands, as a person or a script runs them."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.stack import ROOT, child_environment
from core import names
from sandbox.state import SandboxState
from services.app.pipeline import Pipeline
from services.app.sandbox_admin import SandboxAdmin
from services.weather.table import check
from tests.conftest import AwsClients, wait_until
from tests.support.running_pipeline import drain_queue, put_and_follow, quiet, running_pipeline


@pytest.fixture(scope="module")
def pipeline(sandbox_stack: SandboxState) -> Iterator[Pipeline]:
    with running_pipeline(sandbox_stack) as pipeline:
        yield pipeline


@pytest.fixture
def two_letters(sandbox_stack: SandboxState, aws: AwsClients, pipeline: Pipeline) -> Iterator[str]:
    """The location of a record whose put and whose event failed; the fault is over."""
    admin = SandboxAdmin(sandbox_stack.admin_url, sandbox_stack.admin_token)
    quiet(admin, {})
    drain_queue(aws)
    place = f"Svolvær {time.time_ns()}"
    record, _ = check({"Location": place, "MaxTemp": 50, "MinTemp": 40, "ChancesOfPrecipitation": 10, "TTL": 300})
    assert record is not None
    admin.use_wrong_key()
    pipeline.table.put(record)
    wait_until(lambda: len(pipeline.queue.look().letters) == 2, what="two dead letters")
    admin.use_right_key()
    # The pipes deliver again, which the log tells; else the target would count as failing.
    after, _ = check(
        {"Location": f"{place} after", "MaxTemp": 50, "MinTemp": 40, "ChancesOfPrecipitation": 1, "TTL": 9}
    )
    assert after is not None
    assert put_and_follow(pipeline, after).complete
    yield place
    drain_queue(aws)


def run(folder: Path, *arguments: str, answer: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "services.dead_letters", *arguments],
        cwd=ROOT,
        env=child_environment(folder),
        input=answer,
        capture_output=True,
        text=True,
        timeout=60,
    )


def lines(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_the_whole_way_from_the_list_to_an_empty_queue(two_letters: str, sandbox_dir: Path, pipeline: Pipeline) -> None:
    listed = run(sandbox_dir, "list", "--json")
    shown = run(sandbox_dir, "show", "--pipe", names.CACHE_PUT, "--json")
    planned = run(sandbox_dir, "plan", "--json")
    refused = run(sandbox_dir, "repair", "--why", "drill", answer="no\n")
    repaired = run(sandbox_dir, "repair", "--why", "drill", "--yes", "--json")
    empty = run(sandbox_dir, "list")

    assert (listed.returncode, len(lines(listed))) == (3, 2)
    (case,) = lines(shown)
    assert (case["standing"], case["keys"][0]["location"], case["keys"][0]["step"]) == (
        "repairable",
        two_letters,
        "put",
    )
    assert case["records"][0]["event_name"] == "INSERT"
    assert (lines(planned)[0]["keys"], lines(planned)[0]["put"], lines(planned)[0]["events_lost"]) == (1, 1, 1)
    assert (refused.returncode, "Nothing was changed." in refused.stdout) == (1, True)
    assert repaired.returncode == 0, repaired.stderr
    *fates, last = lines(repaired)
    assert sorted(line["fate"] for line in fates) == ["already right", "repaired"]
    assert (last["counts"]["about"], last["counts"]["seen"], last["counts"]["left"]) == (2, 2, 0)
    assert pipeline.cache.get(names.CACHE, two_letters).hit
    assert (empty.returncode, empty.stdout) == (0, "The queue is empty.\n")


def test_purging_takes_the_name_of_the_queue(two_letters: str, sandbox_dir: Path) -> None:
    wrong = run(sandbox_dir, "purge", "--queue", "another", "--why", "drill", "--yes")
    right = run(sandbox_dir, "purge", "--queue", names.QUEUE, "--why", "drill", "--yes")

    assert (wrong.returncode, "nothing was deleted" in wrong.stderr) == (2, True)
    assert right.returncode == 0, right.stderr
    assert run(sandbox_dir, "list").returncode == 0


def test_without_a_sandbox_it_says_so(tmp_path: Path) -> None:
    done = run(tmp_path, "list")

    assert done.returncode == 2
    assert "sandbox" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["repair", "--yes"], "--why"),
        (["repair", "--yes", "--why", " "], "A reason is needed"),
        (["purge", "--yes", "--why", " ", "--queue", names.QUEUE], "A reason is needed"),
        (["repair", "--why", "drill", "--rate", "0"], "'0' is not a number from 0.5 to 1000"),
    ],
)
def test_without_a_reason_or_at_a_wrong_rate_nothing_is_changed(
    two_letters: str, sandbox_dir: Path, pipeline: Pipeline, arguments: list[str], named: str
) -> None:
    done = run(sandbox_dir, *arguments)

    assert (done.returncode, named in done.stderr) == (2, True), done.stderr
    assert pipeline.queue.depth().total == 2


def test_a_message_that_is_named_and_not_there_is_a_failure(sandbox_dir: Path, aws: AwsClients) -> None:
    drain_queue(aws)

    assert run(sandbox_dir, "repair", "--why", "drill", "--yes").returncode == 0
    done = run(sandbox_dir, "delete", "--why", "drill", "--yes", "--id", "no-such-message")

    assert done.returncode == 1
    assert "no-such-message  not seen in the queue" in done.stderr


def test_a_body_commands_no_terminal_and_a_reader_that_leaves_is_no_failure(sandbox_dir: Path, aws: AwsClients) -> None:
    drain_queue(aws)
    sqs = aws.client("sqs")
    url = sqs.get_queue_url(QueueName=names.QUEUE)["QueueUrl"]
    planted = {"context": {"partnerResourceArn": "x/\x1b]0;owned\x07", "condition": "\x9b2J"}, "timestamp": ""}
    for _ in range(3):
        sqs.send_message(
            QueueUrl=url, MessageBody=json.dumps(planted | {"DDBStreamBatchInfo": {"filler": "x" * 200_000}})
        )

    shown = run(sandbox_dir, "list")
    cut = subprocess.run(
        f"{sys.executable} -m services.dead_letters list --json | head -c 1",
        shell=True,
        cwd=ROOT,
        env=child_environment(sandbox_dir),
        capture_output=True,
        text=True,
        timeout=60,
    )
    drain_queue(aws)

    assert "\\u001b]0;owned" in shown.stdout
    assert "\x1b" not in shown.stdout
    assert (cut.stdout, cut.stderr) == ("{", "")


def test_everything_is_worked_through_and_what_is_left_is_said_and_fails(sandbox_dir: Path, aws: AwsClients) -> None:
    drain_queue(aws)
    sqs = aws.client("sqs")
    url = sqs.get_queue_url(QueueName=names.QUEUE)["QueueUrl"]
    for start in range(0, 300, 10):
        entries: Any = [{"Id": str(number), "MessageBody": f"foreign {start + number}"} for number in range(10)]
        sqs.send_message_batch(QueueUrl=url, Entries=entries)
    hidden = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=1, VisibilityTimeout=600)["Messages"][0]

    planned = run(sandbox_dir, "plan")
    repaired = run(sandbox_dir, "repair", "--why", "drill", "--yes")
    sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=hidden["ReceiptHandle"], VisibilityTimeout=0)
    deleted = run(sandbox_dir, "delete", "--why", "drill", "--yes")

    assert planned.returncode == repaired.returncode == 1
    assert "299 of about 300 messages seen." in planned.stdout
    assert "299 left as it is." in repaired.stdout
    assert "299 of about 300 messages seen. About 300 left in the queue." in repaired.stdout
    assert "about 1 not seen" in repaired.stdout
    assert (deleted.returncode, deleted.stdout) == (
        0,
        "300 deleted. 300 of about 300 messages seen. None is left.\n",
    )
