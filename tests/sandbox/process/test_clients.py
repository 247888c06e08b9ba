"""Any client works: what `python -m sandbox env` exports serves the `aws` CLI, boto3 and Momento's SDK.

And the process itself: its files are private, it ends cleanly, one folder has one sandbox, and no key is printed.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import textwrap
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from bench.stack import LOG_FILE, ROOT, child_environment, end, read_state
from core import names
from sandbox import lock, state
from sandbox.state import SandboxState
from tests.conftest import AwsClients, wait_until
from tests.support.running_pipeline import (
    a_location,
    a_record,
    drain_queue,
    put_and_follow,
    running_pipeline,
)

AWS_CLI = shutil.which("aws")
SECRETS = ("aws_secret_access_key", "momento_api_key", "momento_v1_api_key", "admin_token")


def shell(folder: Path, script: str) -> str:
    """What a bash script prints that has sourced the sandbox's exports, as the README tells people to."""
    done = subprocess.run(
        ["bash", "-c", f'set -euo pipefail\neval "$({sys.executable} -m sandbox env)"\n{script}'],
        cwd=ROOT,
        env=child_environment(folder),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_exports_tell_a_shell_everything(sandbox_stack: SandboxState, sandbox_dir: Path) -> None:
    told = shell(sandbox_dir, f"exec {sys.executable} -c 'import json, os; print(json.dumps(dict(os.environ)))'")

    environment = json.loads(told)
    assert environment["TARGET"] == "sandbox"
    assert environment["AWS_ENDPOINT_URL"] == sandbox_stack.aws_endpoint
    assert environment["AWS_REGION"] == environment["AWS_DEFAULT_REGION"] == sandbox_stack.region
    assert environment["AWS_ACCESS_KEY_ID"] == sandbox_stack.aws_access_key_id
    assert environment["AWS_SECRET_ACCESS_KEY"] == sandbox_stack.aws_secret_access_key
    assert environment["MOMENTO_HOST"] == sandbox_stack.momento_host
    assert environment["MOMENTO_PORT"] == str(sandbox_stack.momento_port)
    assert environment["MOMENTO_HTTP_ENDPOINT"] == sandbox_stack.momento_http_endpoint
    assert environment["MOMENTO_API_KEY"] == sandbox_stack.momento_api_key
    assert environment["MOMENTO_V1_API_KEY"] == sandbox_stack.momento_v1_api_key
    assert environment["MOMENTO_ADMIN_URL"] == sandbox_stack.admin_url
    assert environment["MOMENTO_ADMIN_TOKEN"] == sandbox_stack.admin_token
    assert environment["STACK_PREFIX"] == ""


def test_values_of_any_characters_survive_the_shell() -> None:
    odd = SandboxState(1, "i", "now", "us-west-2", "1", aws_secret_access_key="a'b\"c $HOME `id` \\ \n;#")

    printed = subprocess.run(
        ["bash", "-c", f'{state.exports(odd)}printf %s "$AWS_SECRET_ACCESS_KEY"'], capture_output=True, text=True
    )

    assert printed.stdout == odd.aws_secret_access_key


@pytest.mark.skipif(AWS_CLI is None, reason="the `aws` CLI is not on PATH")
def test_the_aws_cli_reads_the_whole_stack(sandbox_stack: SandboxState, sandbox_dir: Path, aws: AwsClients) -> None:
    location = a_location("Zürich")
    with running_pipeline(sandbox_stack) as pipeline:
        assert put_and_follow(pipeline, a_record(location)).complete
    sqs = aws.client("sqs")
    url = sqs.get_queue_url(QueueName=names.QUEUE)["QueueUrl"]
    drain_queue(aws)
    sqs.send_message(QueueUrl=url, MessageBody="a dead letter")
    cli = 'aws --endpoint-url "$AWS_ENDPOINT_URL" --output json'

    told = shell(
        sandbox_dir,
        f"""
        {cli} pipes list-pipes
        {cli} dynamodb scan --table-name {names.TABLE} --consistent-read
        {cli} sqs receive-message --queue-url "$({cli} sqs get-queue-url --queue-name {names.QUEUE} \\
            --query QueueUrl --output text)" --visibility-timeout 0
        {cli} logs filter-log-events --log-group-name {names.log_group(sandbox_stack.region)}
        """,
    )
    drain_queue(aws)

    pipes, items, messages, events = _json_documents(told)
    assert {pipe["Name"]: pipe["CurrentState"] for pipe in pipes["Pipes"]} == dict.fromkeys(names.PIPES, "RUNNING")
    assert location in {item["Location"]["S"] for item in items["Items"]}
    assert [message["Body"] for message in messages["Messages"]] == ["a dead letter"]
    assert any(location in event["message"] for event in events["events"])


def _json_documents(text: str) -> list[Any]:
    decoder, found, position = json.JSONDecoder(), [], 0
    while position < len(text.rstrip()):
        document, position = decoder.raw_decode(text, position)
        found.append(document)
        while position < len(text) and text[position].isspace():
            position += 1
    return found


#: What somebody might write who knows only the environment: subscribe, write the table, read the cache.
SCRIPT = """
import json, os
from datetime import timedelta
import boto3
from momento import CacheClient, Configurations, CredentialProvider, TopicClient, TopicConfigurations
from momento.responses import CacheGet, TopicSubscribe, TopicSubscriptionItem

host, port = os.environ["MOMENTO_HOST"], int(os.environ["MOMENTO_PORT"])
provider = CredentialProvider(os.environ["MOMENTO_API_KEY"], host, host, host, port)
table = boto3.client("dynamodb")

def write(location):
    numbers = {"MaxTemp": "70", "MinTemp": "50", "ChancesOfPrecipitation": "5", "TTL": "600"}
    item = {"Location": {"S": location}, **{name: {"N": value} for name, value in numbers.items()}}
    table.put_item(TableName="weather-stats-demo", Item=item)

def next_event(subscription, location):
    for item in subscription:
        if isinstance(item, TopicSubscriptionItem.Text) and json.loads(item.value)["Location"] == location:
            return json.loads(item.value)["EventType"]

location = os.environ["WHERE"]
with TopicClient(TopicConfigurations.Default.v1(), provider) as topics:
    subscription = topics.subscribe("momento-eventbridge-cache", "momento-eventbridge-topic")
    assert isinstance(subscription, TopicSubscribe.Subscription), subscription
    write(location)
    print("event", next_event(subscription, location))
with CacheClient(Configurations.Laptop.v1(), provider, timedelta(seconds=60)) as cache:
    for _ in range(500):
        answer = cache.get("momento-eventbridge-cache", location)
        if isinstance(answer, CacheGet.Hit):
            break
    print("hit", json.loads(answer.value_string)["MaxTemp"])
"""


def test_a_script_with_boto3_and_momentos_sdk_needs_nothing_but_the_exports(
    sandbox_stack: SandboxState, sandbox_dir: Path, tmp_path: Path
) -> None:
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(SCRIPT), encoding="utf-8")

    told = shell(sandbox_dir, f'WHERE="{a_location()}" {sys.executable} {script}')

    assert told.split() == ["event", "INSERT", "hit", "70"]


def test_a_description_of_the_connection_never_shows_the_key(sandbox_stack: SandboxState, aws: AwsClients) -> None:
    events = aws.client("events")
    bodies: list[bytes] = []
    events.meta.events.register(
        "before-parse.events.DescribeConnection", lambda response_dict, **_: bodies.append(response_dict["body"])
    )

    described = events.describe_connection(Name=names.CONNECTION)

    assert described["AuthParameters"]["ApiKeyAuthParameters"] == {"ApiKeyName": "Authorization"}
    (body,) = bodies
    for secret in (sandbox_stack.momento_api_key, sandbox_stack.momento_v1_api_key):
        assert secret.encode() not in body
    assert b"ApiKeyValue" not in body


def test_the_admin_port_tells_no_secret(sandbox_stack: SandboxState) -> None:
    for path in ("/health", "/status"):
        with urllib.request.urlopen(sandbox_stack.admin_url + path) as answer:
            told = answer.read().decode()
        assert not any(secret in told for secret in _secrets(sandbox_stack))


def _secrets(of: SandboxState) -> list[str]:
    return [asdict(of)[name] for name in SECRETS]


def test_the_state_is_for_its_owner_only(sandbox_stack: SandboxState, sandbox_dir: Path) -> None:
    def mode(path: Path) -> int:
        return stat.S_IMODE(path.stat().st_mode)

    assert mode(sandbox_dir) == 0o700
    assert mode(sandbox_dir / "state.json") == 0o600
    assert mode(sandbox_dir / "lock") == 0o600
    assert [path.name for path in sandbox_dir.iterdir() if path.suffix == ".tmp"] == []


@contextmanager
def started(folder: Path, *arguments: str, umask: int = 0o022) -> Iterator[subprocess.Popen[bytes]]:
    """A sandbox that is on its way up, with its output in LOG_FILE."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOG_FILE).open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "sandbox", *arguments],
            cwd=ROOT,
            env=child_environment(folder),
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            umask=umask,
        )
    with process:
        try:
            yield process
        finally:
            end(process)


def ready(folder: Path, process: subprocess.Popen[bytes]) -> SandboxState:
    """The state of a sandbox once it is up."""

    def up() -> SandboxState | None:
        found = read_state(folder)
        return found if found is not None and found.ready and found.pid == process.pid else None

    found: SandboxState = wait_until(up, 60, "the sandbox")
    return found


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`python -m sandbox ...`, to its end."""
    return subprocess.run(
        [sys.executable, "-m", "sandbox", *arguments],
        cwd=ROOT,
        env=child_environment(folder),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_a_folder_has_one_sandbox_which_ends_cleanly_and_prints_no_key(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    with started(tmp_path, umask=0) as process:
        up = ready(tmp_path, process)
        assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700, "an open folder is closed, whatever the umask"
        assert stat.S_IMODE((tmp_path / "state.json").stat().st_mode) == 0o600

        second = run(tmp_path)
        assert second.returncode == 3
        assert str(tmp_path) in second.stderr
        assert "python -m sandbox env" in second.stderr
        assert "Traceback" not in second.stderr
        assert read_state(tmp_path) == up, "the second one touches nothing"

        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0

    down = read_state(tmp_path)
    assert down is not None
    assert (down.instance, down.ready) == (up.instance, False)
    assert not any(secret in (tmp_path / "state.json").read_text() for secret in _secrets(up)), "they died with it"
    assert not lock.is_held(tmp_path)
    output = (tmp_path / LOG_FILE).read_text(encoding="utf-8")
    assert up.aws_endpoint in output
    assert not any(secret in output for secret in _secrets(up))
    assert "Traceback" not in output
    assert "WARNING" not in output
    gone = run(tmp_path, "env")
    assert (gone.returncode, gone.stdout) == (1, "")
    assert "python -m sandbox" in gone.stderr


def test_a_sandbox_in_another_region_works_and_ends_with_its_standard_input(tmp_path: Path) -> None:
    with started(tmp_path, "--until-stdin-closes", "--region", "eu-west-1") as process:
        up = ready(tmp_path, process)
        assert up.region == "eu-west-1"
        with running_pipeline(up) as pipeline:
            assert put_and_follow(pipeline, a_record("Oslo")).complete
            assert all(":eu-west-1:" in pipe.source for pipe in pipeline.pipes.get().value)
        assert process.stdin is not None
        process.stdin.close()

        assert process.wait(20) == 0

    down = read_state(tmp_path)
    assert down is not None
    assert not down.ready


def test_a_port_that_is_taken_is_told_without_a_traceback(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()

        for option in ("--aws-port", "--admin-port", "--momento-port", "--momento-http-port"):
            refused = run(tmp_path, option, str(taken.getsockname()[1]))

            assert refused.returncode == 1, option
            assert f"The sandbox ended: {option}: cannot listen on" in refused.stderr, option
            assert "Traceback" not in refused.stderr, option
    assert not lock.is_held(tmp_path)


def test_what_a_killed_sandbox_left_behind_is_not_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SANDBOX_DIR", str(tmp_path))
    left = SandboxState(os.getpid(), "long-gone", "now", "us-west-2", "1", ready=True, aws_secret_access_key="secret")
    state.write(left)

    told = run(tmp_path, "env")

    assert (told.returncode, told.stdout) == (1, "")
    with started(tmp_path) as process:
        assert ready(tmp_path, process) != left


@pytest.mark.parametrize("broken", ["", "{", "[]", "null", '{"pid": 1}', '{"unknown": 1}'])
def test_a_state_file_that_cannot_be_read_is_no_sandbox(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    monkeypatch.setenv("SANDBOX_DIR", str(tmp_path))
    (tmp_path / "state.json").write_text(broken)

    assert state.read() is None


def test_a_state_is_read_back_as_it_was_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SANDBOX_DIR", str(tmp_path / "new" / "folder"))
    written = SandboxState(1, "i", "now", "us-west-2", "1", parts=(state.Part("AWS", "ready", "Zürich"),))

    state.write(written)
    assert state.read() == written
    state.write(replace(written, ready=True))
    assert state.read() == replace(written, ready=True)
