"""`python -m sandbox.traffic` against the run's sandbox: what it writes, when it refuses, how it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bench.stack import ROOT, child_environment
from bench.wire import Cache, Subscriber
from core.names import TABLE
from sandbox import state as sandbox_state
from sandbox.lock import hold
from sandbox.state import SandboxState
from sandbox.traffic.table import NoSandbox, running_sandbox
from tests.conftest import AwsClients, wait_until


def traffic(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "sandbox.traffic", *arguments],
        cwd=ROOT,
        env=child_environment(folder) | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def records(aws: AwsClients) -> dict[str, dict[str, Any]]:
    return {record["Location"]["S"]: record for record in aws.client("dynamodb").scan(TableName=TABLE)["Items"]}


def test_observations_travel_from_a_file_to_table_cache_and_topic(
    sandbox_dir: Path,
    aws: AwsClients,
    clean_table: None,
    momento_wire: tuple[Cache, Subscriber],
    tmp_path: Path,
) -> None:
    cache, subscriber = momento_wire
    path = tmp_path / "norway.csv"
    path.write_text("location,date,high,low,precipitation\nOslo,2026-05-17,70.5,50,10\nVoss,2026-05-17,wet,44,20\n")

    done = traffic(sandbox_dir, "--source", f"csv:{path}", "--ttl", "120", "--rate", "50")

    assert done.returncode == 0, done.stderr
    assert "line 3: high 'wet' is not a number\n1 bad rows are left out" in done.stderr
    assert "1 put, 0 deleted, 0 failed" in done.stderr
    assert records(aws) == {
        "Oslo": {
            "Location": {"S": "Oslo"},
            "MaxTemp": {"N": "70.5"},
            "MinTemp": {"N": "50"},
            "ChancesOfPrecipitation": {"N": "10"},
            "TTL": {"N": "120"},
        }
    }
    value = wait_until(lambda: cache.get("Oslo"), what="Oslo in the cache")
    assert json.loads(value) == {
        "Location": "Oslo",
        "MaxTemp": "70.5",
        "MinTemp": "50",
        "ChancesOfPrecipitation": "10",
    }
    wait_until(
        lambda: [text for _, _, text in subscriber.events if '"Oslo"' in text and '"INSERT"' in text],
        what="Oslo's event",
    )


def test_sources_are_interleaved_and_deletes_have_their_share(
    sandbox_dir: Path, aws: AwsClients, clean_table: None
) -> None:
    done = traffic(
        sandbox_dir,
        *("--source", "seattle-daily", "--source", "sf-hourly", "--distinct-days"),
        *("--count", "60", "--deletes", "20", "--rate", "200", "--seed", "1"),
    )

    assert done.returncode == 0, done.stderr
    assert "48 put, 12 deleted, 0 failed" in done.stderr
    there = records(aws)
    assert len(there) == 36
    assert {location.rpartition(" ")[0] for location in there} == {"Seattle", "San Francisco"}


def test_ctrl_c_ends_it_cleanly_with_a_summary(sandbox_dir: Path, aws: AwsClients, clean_table: None) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "sandbox.traffic", "--source", "cities", "--rate", "20"],
        cwd=ROOT,
        env=child_environment(sandbox_dir),
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_until(lambda: records(aws), what="the first record")

    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)

    assert process.returncode == 0
    assert "deleted, 0 failed in" in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--source", "tokyo"], "no source 'tokyo'"),
        (["--rate", "0"], "rate has to be above 0"),
        (["--deletes", "100"], "between 0 and 50"),
        (["--count", "0"], "at least 1"),
        (["--ttl", "0"], "between 1 and 86400"),
    ],
)
def test_nonsense_is_refused_before_anything_is_written(
    sandbox_dir: Path, sandbox_stack: SandboxState, arguments: list[str], reason: str
) -> None:
    done = traffic(sandbox_dir, *arguments)

    assert done.returncode == 2
    assert reason in done.stderr
    assert "Traceback" not in done.stderr


def test_without_a_sandbox_it_says_how_to_start_one(tmp_path: Path) -> None:
    done = traffic(tmp_path)

    assert done.returncode == 2
    assert "python -m sandbox" in done.stderr
    assert "Traceback" not in done.stderr


def test_any_other_target_is_refused(
    sandbox_target: SandboxState, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert running_sandbox(os.environ) == sandbox_target

    with pytest.raises(NoSandbox, match="sandbox only"):
        running_sandbox({"TARGET": "aws"})

    monkeypatch.setenv("SANDBOX_DIR", str(tmp_path))
    elsewhere = SandboxState(
        pid=os.getpid(),
        instance="x",
        started_at="",
        region="us-west-2",
        account_id="123456789012",
        ready=True,
        aws_endpoint="https://dynamodb.us-west-2.amazonaws.com",
    )
    sandbox_state.write(elsewhere)
    with hold(tmp_path), pytest.raises(NoSandbox, match="not on this machine"):
        running_sandbox({})
    with pytest.raises(NoSandbox, match="No sandbox runs"):
        running_sandbox({})
