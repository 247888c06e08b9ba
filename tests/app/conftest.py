"""Pages run in this process: each test gets a runtime of its own, and leaves none behind."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import streamlit as st

from bench.stack import RunningSandbox, running_sandbox
from core import names
from core.names import CACHE, QUEUE
from sandbox.state import SandboxState
from services.app.runtime import registry
from services.app.sandbox_admin import SandboxAdmin
from tests.conftest import AwsClients, aim_at
from tests.support.running_pipeline import quiet
from tests.support.wire import momento


@pytest.fixture(autouse=True)
def fresh_runtime() -> Iterator[None]:
    """No runtime, connection, chosen stack or cached value of another test; those of this one are closed after it."""
    yield
    registry().close()
    names.choose(names.DEFAULT)
    st.cache_data.clear()
    st.cache_resource.clear()


@pytest.fixture(scope="package")
def own_stack(tmp_path_factory: pytest.TempPathFactory, no_real_account: None) -> Iterator[RunningSandbox]:
    """A sandbox that no test of another room has used. A module that wants another one has a fixture of this name."""
    with running_sandbox(tmp_path_factory.mktemp("own-sandbox")) as running:
        yield running


@pytest.fixture
def own_target(own_stack: RunningSandbox, monkeypatch: pytest.MonkeyPatch) -> SandboxState:
    """That sandbox as this process's target."""
    aim_at(own_stack.folder, monkeypatch)
    return own_stack.state


@pytest.fixture
def own_aws(own_target: SandboxState) -> Iterator[AwsClients]:
    """Clients of that sandbox."""
    clients = AwsClients(own_target)
    yield clients
    clients.close()


@pytest.fixture
def empty_table(clean_table: None, sandbox_target: SandboxState) -> None:
    """The weather table and the cache of the run's sandbox with nothing in them."""
    # Others have left items of keys that a check would find in the log.
    with momento(sandbox_target) as client:
        client.flush_cache(CACHE)


@pytest.fixture
def queue_url(aws: AwsClients, sandbox_target: SandboxState) -> Iterator[str]:
    """The dead-letter queue of the run's sandbox, empty before and after; no pipe is about to put a message into it."""
    quiet(SandboxAdmin(sandbox_target.admin_url, sandbox_target.admin_token), {})
    sqs = aws.client("sqs")
    url: str = sqs.get_queue_url(QueueName=QUEUE)["QueueUrl"]
    sqs.purge_queue(QueueUrl=url)
    yield url
    sqs.purge_queue(QueueUrl=url)
