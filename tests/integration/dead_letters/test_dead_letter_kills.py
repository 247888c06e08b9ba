"""Repairs by commands of their own processes: killed with SIGKILL wherever it hits them, and two at the same time.

KILLS sets how many are killed, one after the other; a few for every run, more to be surer.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.stack import ROOT, child_environment
from core import names
from core.aws import Aws
from sandbox.state import SandboxState
from services.app.pipeline import Pipeline
from services.audit.acts import ActState, acts
from tests.conftest import AwsClients, wait_until
from tests.integration.dead_letters.test_dead_letter_records import changes_of
from tests.integration.dead_letters.test_dead_letter_story import wrong_keys
from tests.support.running_pipeline import a_location, a_record, drain_queue, running_pipeline

KILLS = int(os.environ.get("KILLS", "6"))
LETTERS = 120
#: What a killed command held is seen again after so many seconds, not after a minute.
HOLD_S = 2
_COMMAND = f"""
import sys
from services.dead_letters import __main__, queue
queue.HOLD_S = {HOLD_S}
sys.exit(__main__.main())
"""


@pytest.fixture(scope="module")
def pipeline(sandbox_stack: SandboxState) -> Iterator[Pipeline]:
    with running_pipeline(sandbox_stack) as pipeline:
        yield pipeline


@pytest.fixture
def lost(pipeline: Pipeline, aws: AwsClients) -> Iterator[list[str]]:
    """Keys that the cache lacks, with a dead letter for the change of each."""
    drain_queue(aws)
    places = [a_location("Killed") for _ in range(LETTERS)]
    for place in places:
        pipeline.table.put(a_record(place, TTL=3600))
    wait_until(lambda: all(pipeline.cache.get(names.CACHE, place).hit for place in places), 60, "the cache")
    own = Aws(pipeline.access)
    url = own.sqs.get_queue_url(QueueName=names.QUEUE)["QueueUrl"]
    for (change,) in changes_of(own, *places).values():
        body = _letter(change["arn"], change["shard"], change["dynamodb"]["SequenceNumber"])
        own.sqs.send_message(QueueUrl=url, MessageBody=body)
    for place in places:
        pipeline.cache.delete(names.CACHE, place)
    wait_until(lambda: pipeline.queue.depth().visible == LETTERS, what="the dead letters")
    yield places
    own.close()
    drain_queue(aws)


def _letter(arn: str, shard: str, number: str) -> str:
    where = {"streamArn": arn, "shardId": shard, "startSequenceNumber": number, "endSequenceNumber": number}
    name = f"arn:aws:pipes:us-west-2:123456789012:pipe/{names.pipe(names.CACHE_PUT)}"
    return json.dumps(
        {
            "context": {"partnerResourceArn": name, "condition": "RetryAttemptsExhausted"},
            "version": "1.0",
            "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "DDBStreamBatchInfo": {**where, "batchSize": 1},
        }
    )


def repair(folder: Path, why: str) -> subprocess.Popen[str]:
    """The command, begun."""
    return subprocess.Popen(
        [sys.executable, "-c", _COMMAND, "repair", "--why", why, "--yes", "--json", "--rate", "10"],
        cwd=ROOT,
        env=child_environment(folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process: subprocess.Popen[str]) -> tuple[int, list[dict[str, Any]]]:
    """Its exit code, and the results that it told."""
    told, errors = process.communicate(timeout=120)
    assert "Traceback" not in errors, errors
    return process.returncode, [json.loads(line) for line in told.splitlines()]


def kill_somewhere(process: subprocess.Popen[str], pipeline: Pipeline, dice: random.Random) -> bool:
    """Kills it before its work, or after so many messages and some steps more. Whether it was still at work."""
    before, done = pipeline.queue.depth().total, dice.randint(0, LETTERS // KILLS)
    wait_until(
        lambda: process.poll() is not None or pipeline.queue.depth().total <= before - done, 60, "the work to begin"
    )
    time.sleep(dice.uniform(0, 0.05 if done else 2))
    process.kill()
    process.communicate()
    return process.returncode < 0


def test_commands_that_are_killed_and_run_again_make_all_right(
    lost: list[str], pipeline: Pipeline, sandbox_dir: Path
) -> None:
    why, since, dice = f"killed {time.time_ns()}", time.time() - 1, random.Random(int(os.environ.get("SEED", "5")))
    killed = 0
    for _ in range(KILLS):
        killed += kill_somewhere(repair(sandbox_dir, why), pipeline, dice)
        wait_until(lambda: not pipeline.queue.depth().in_flight, 30, "what it held to be seen again")

    code, _ = ended(repair(sandbox_dir, why))

    assert killed >= 2
    assert code == 0
    assert wrong_keys(pipeline, lost) == {}
    assert pipeline.queue.depth().total == 0
    told = [act for act in acts(pipeline.audit.entries(since), time.time()) if act.why == why]
    assert told[0].state is ActState.ENDED
    named = {key for act in told for line in act.lines if "body" in line for key in line["keys"]}
    assert named == set(lost)


def test_two_commands_at_the_same_time_share_the_work(lost: list[str], pipeline: Pipeline, sandbox_dir: Path) -> None:
    both = [repair(sandbox_dir, f"two {number}") for number in range(2)]
    results = [line for process in both for line in ended(process)[1]]
    # What one of them held when the other came by is still there.
    code, last = ended(repair(sandbox_dir, "two, once more"))

    done = {line["message"] for line in [*results, *last] if line.get("fate") in ("repaired", "already right")}
    assert code == 0
    assert len(done) == LETTERS
    assert wrong_keys(pipeline, lost) == {}
    assert pipeline.queue.depth().total == 0
