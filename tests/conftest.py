"""What tests of all layers share: one sandbox per run, clients that know only that sandbox, and a way to wait.

No test can reach a real account: the person's AWS and Momento settings are taken out of the environment first.
"""

from __future__ import annotations

import functools
import gc
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import botocore.session
import pytest
from botocore.config import Config
from hypothesis import HealthCheck, settings

from bench.stack import running_sandbox
from core.names import TABLE, TABLE_KEY
from sandbox.state import SandboxState
from tests.support.chromium import find_chromium, obstacle

# No timed asserts: a machine that is busy with other tests is slow, not wrong.
settings.register_profile("suite", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("suite")


#: The rooms in the order in which they are run: those whose tests take longest first, so that none of them is left to
#: one process at the end, and the many short ones fill what is left of the others' time.
_ROOMS = ("browser", "sandbox", "app")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sorts the rooms; within a room all stays as it was."""
    items.sort(key=lambda item: _ROOMS.index(room) if (room := item.path.parent.name) in _ROOMS else len(_ROOMS))


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """What collecting has made stays for the run: Streamlit's full collection after each run need not walk it."""
    gc.collect()
    gc.freeze()


def pytest_report_header() -> str:
    """One line about the browser tests, so that leaving them out never goes unseen."""
    if os.environ.get("BROWSER") == "0":
        return "browser tests: left out (BROWSER=0)"
    return f"browser tests: {find_chromium() or obstacle()}"


def wait_until(condition: Callable[[], Any], timeout_s: float = 20, what: str = "the condition") -> Any:
    """The first truthy answer of `condition`, asked every 20 ms at first, and four times a second in the end.

    Raises AssertionError, naming `what`, when the time is over.
    """
    began = time.monotonic()
    while True:
        answer = condition()
        if answer:
            return answer
        waited = time.monotonic() - began
        if waited > timeout_s:
            raise AssertionError(f"Waited {timeout_s:g} s for {what}; the last answer was {answer!r}")
        time.sleep(min(max(waited / 10, 0.02), 0.25))


class AwsClients:
    """boto3 clients of one sandbox, each made once: `aws.client("dynamodb")`."""

    def __init__(self, state: SandboxState) -> None:
        self._endpoint = state.aws_endpoint
        self._session = boto3.Session(
            aws_access_key_id=state.aws_access_key_id,
            aws_secret_access_key=state.aws_secret_access_key,
            region_name=state.region,
        )
        self._clients: dict[str, Any] = {}

    def client(self, service: str) -> Any:
        """The client of one service, such as `sqs`."""
        if service not in self._clients:
            self._clients[service] = self._session.client(  # type: ignore[call-overload]
                service,
                endpoint_url=self._endpoint,
                config=Config(connect_timeout=3, read_timeout=30, retries={"total_max_attempts": 2}),
            )
        return self._clients[service]

    def close(self) -> None:
        """Close the connections of all clients."""
        for client in self._clients.values():
            client.close()


@pytest.fixture(scope="session", autouse=True)
def no_real_account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """For the whole run: no credentials, profile, endpoint or key of the person who runs the tests."""
    nowhere = tmp_path_factory.mktemp("no-aws")
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(("AWS_", "MOMENTO_")):
                patch.delenv(name)
        patch.setenv("STACK_PREFIX", "")
        patch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(nowhere / "credentials"))
        patch.setenv("AWS_CONFIG_FILE", str(nowhere / "config"))
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        yield


@pytest.fixture(scope="session", autouse=True)
def models_read_once() -> Iterator[None]:
    """One loader for all sessions of the run: each test has clients of its own, and reading AWS's models for them takes
    half a second of processor."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.session, "create_loader", functools.cache(botocore.session.create_loader))
        yield


@pytest.fixture(scope="session")
def sandbox_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the run's sandbox: what SANDBOX_DIR has to say."""
    return tmp_path_factory.mktemp("sandbox")


@pytest.fixture(scope="session")
def sandbox_stack(sandbox_dir: Path, no_real_account: None) -> Iterator[SandboxState]:
    """The run's sandbox, up and ready; ended with the run, which fails if it does not end cleanly."""
    with running_sandbox(sandbox_dir) as running:
        yield running.state


def aim_at(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes the sandbox of this folder the target of the process."""
    monkeypatch.setenv("TARGET", "sandbox")
    monkeypatch.setenv("SANDBOX_DIR", str(folder))


@pytest.fixture
def sandbox_target(sandbox_stack: SandboxState, sandbox_dir: Path, monkeypatch: pytest.MonkeyPatch) -> SandboxState:
    """The run's sandbox, and an environment that makes it this process's target: what an AppTest needs."""
    aim_at(sandbox_dir, monkeypatch)
    return sandbox_stack


@pytest.fixture(scope="session")
def aws(sandbox_stack: SandboxState) -> Iterator[AwsClients]:
    """Clients of the run's sandbox."""
    clients = AwsClients(sandbox_stack)
    yield clients
    clients.close()


@pytest.fixture
def clean_table(aws: AwsClients) -> None:
    """The weather table with nothing in it."""
    dynamodb = aws.client("dynamodb")
    for record in dynamodb.scan(
        TableName=TABLE, ProjectionExpression="#key", ExpressionAttributeNames={"#key": TABLE_KEY}
    )["Items"]:
        dynamodb.delete_item(TableName=TABLE, Key=record)
