"""A sandbox that dies, is started anew, or belongs to somebody else: what the services say and do."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bench.stack import RunningSandbox, SandboxFailed, running_sandbox
from core import names, sandbox_process
from core.config import Config, Target
from core.errors import SandboxNotRunning, Unreachable
from sandbox.state import SandboxState
from services.app.pipeline import Pipeline
from services.app.runtime import Runtime
from services.app.sandbox_admin import SandboxAdmin
from services.topic.subscription_state import FeedState
from tests.conftest import wait_until
from tests.support.running_pipeline import a_record, delete_and_follow, put_and_follow


def everything_that_is_asked(pipeline: Pipeline, admin: SandboxAdmin) -> dict[str, Callable[[], object]]:
    return {
        "put": lambda: put_and_follow(pipeline, a_record("Oslo")),
        "delete": lambda: delete_and_follow(pipeline, "Oslo"),
        "records": pipeline.table.page,
        "depth": pipeline.queue.depth,
        "dead letters": pipeline.queue.look,
        "pipes": pipeline.pipes.get,
        "log": pipeline.log.get,
        "cache": lambda: pipeline.cache.get(names.CACHE, "Oslo"),
        "cache check": pipeline.cache_latency_ms.get,
        "admin": admin.status,
        "faults": lambda: admin.fail_momento(500, 1),
    }


@contextmanager
def doomed_sandbox(folder: Path) -> Iterator[RunningSandbox]:
    """A sandbox of one's own that does not live to its end."""
    with pytest.raises(SandboxFailed, match="exit code -9"), running_sandbox(folder) as running:
        yield running


def kill(running: RunningSandbox) -> None:
    os.kill(running.process.pid, signal.SIGKILL)
    running.process.wait(10)


def assert_all_is_unreachable(pipeline: Pipeline, admin: SandboxAdmin, secret: str) -> None:
    # What was read a moment ago, by the canary for one, would be given without asking.
    for kept in (pipeline.pipes, pipeline.log, pipeline.cache_latency_ms):
        kept.forget()
    for what, ask in everything_that_is_asked(pipeline, admin).items():
        with pytest.raises(Unreachable) as caught:
            ask()
        assert caught.value.advice, what
        assert secret not in str(caught.value)
    lookup = pipeline.lookups.look_up("Oslo")
    assert isinstance(lookup.cache_error, Unreachable)
    assert isinstance(lookup.table_error, Unreachable)
    assert lookup.agreement is None


@pytest.fixture
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Runtime]:
    """What a dashboard would have, with a sandbox folder of its own."""
    monkeypatch.setenv("SANDBOX_DIR", str(tmp_path))
    runtime = Runtime(Config(Target.SANDBOX))
    yield runtime
    runtime.close()


def test_a_sandbox_that_is_killed_is_told_as_unreachable_everywhere_and_can_be_started_anew(
    runtime: Runtime, tmp_path: Path
) -> None:
    with doomed_sandbox(tmp_path) as running:
        runtime.start()
        pipeline, admin = runtime.pipeline(), runtime.admin()
        assert runtime.pipeline() is pipeline
        assert put_and_follow(pipeline, a_record("Oslo")).complete
        pipeline.canary.start(pipeline.canary.pace.intervals_s[-1])
        kill(running)

        assert_all_is_unreachable(pipeline, admin, running.state.momento_api_key)
        with pytest.raises(SandboxNotRunning) as gone:
            runtime.pipeline()
        assert gone.value.advice

    runtime.start()
    with pytest.raises(SandboxNotRunning, match="starting"):
        runtime.pipeline()
    runtime.connect_when_ready()
    anew = runtime.pipeline()
    assert anew is not pipeline
    assert anew.table.get("Oslo").item is None, "its contents went with the old one"
    wait_until(lambda: anew.feed.status().state is FeedState.LIVE, what="the new subscription")
    assert put_and_follow(anew, a_record("Oslo")).complete
    wait_until(lambda: anew.canary.status().flown > 0, what="the canary to fly on")

    runtime.close()
    with pytest.raises(SandboxNotRunning):
        runtime.pipeline()
    assert json.loads((tmp_path / "state.json").read_text(encoding="utf-8"))["ready"] is False


def test_a_sandbox_that_somebody_else_runs_is_left_running(runtime: Runtime, sandbox_target: SandboxState) -> None:
    runtime.start()
    assert runtime.pipeline().access.endpoint_url == sandbox_target.aws_endpoint

    runtime.close()

    assert sandbox_process.running()
    admin = SandboxAdmin(sandbox_target.admin_url, sandbox_target.admin_token)
    assert admin.status()["instance"] == sandbox_target.instance
