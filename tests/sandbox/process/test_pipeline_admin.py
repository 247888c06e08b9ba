"""Orders to the sandbox's admin port, from several people at once and with nonsense in them."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from bench.stack import admin_headers
from sandbox.state import SandboxState
from services.app.pipeline import Pipeline
from services.app.sandbox_admin import SandboxAdmin
from tests.conftest import wait_until
from tests.support.running_pipeline import (
    a_location,
    a_record,
    counts,
    put_and_follow,
    quiet,
    running_pipeline,
)


@pytest.fixture(scope="module")
def pipeline(sandbox_stack: SandboxState) -> Iterator[Pipeline]:
    with running_pipeline(sandbox_stack) as pipeline:
        yield pipeline


@pytest.fixture
def admin(sandbox_stack: SandboxState) -> Iterator[SandboxAdmin]:
    admin = SandboxAdmin(sandbox_stack.admin_url, sandbox_stack.admin_token)
    yield admin
    admin.stop_traffic()
    admin.clear_faults()
    admin.start_momento()
    quiet(admin, {})


def test_traffic_that_four_people_start_at_once_is_one_replay_which_can_be_stopped(admin: SandboxAdmin) -> None:
    def start(_: int) -> None:
        admin.start_traffic("cities", 20, 2000, 5)

    with ThreadPoolExecutor(4) as people:
        for _ in people.map(start, range(4)):
            pass
    wait_until(lambda: admin.status()["traffic"]["progress"]["done"] > 0, what="the first write")
    admin.stop_traffic()

    before = quiet(admin, {})
    assert admin.status()["traffic"]["progress"]["running"] is False
    done = admin.status()["traffic"]["progress"]["done"]
    with pytest.raises(AssertionError, match="another write"):
        wait_until(lambda: counts(admin) != before, 0.5, "another write")
    assert admin.status()["traffic"]["progress"]["done"] == done


def test_momento_that_is_stopped_and_started_at_once_ends_as_the_last_order_says(
    pipeline: Pipeline, admin: SandboxAdmin
) -> None:
    orders = [admin.stop_momento, admin.start_momento] * 5
    with ThreadPoolExecutor(len(orders)) as people:
        for order in [people.submit(order) for order in orders]:
            order.result(30)

    admin.stop_momento()
    assert admin.status()["momento"]["listening"] is False
    admin.start_momento()
    assert admin.status()["momento"]["listening"] is True
    wait_until(lambda: pipeline.lookups.look_up("Oslo").cache_error is None, what="Momento")
    assert put_and_follow(pipeline, a_record(a_location())).complete


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/faults", "not json"),
        ("/faults", "[]"),
        ("/faults", {}),
        ("/faults", {"route": "GET /secrets"}),
        ("/faults", {"route": "*", "status": "500"}),
        ("/faults", {"route": "*", "count": -1}),
        ("/faults", {"route": "*", "delay_ms": -1}),
        ("/faults", {"route": "*", "surprise": 1}),
        ("/traffic", {"sources": "cities"}),
        ("/traffic", {"sources": []}),
        ("/traffic", {"sources": ["cities"], "rate": 0}),
        ("/traffic", {"sources": ["cities"], "rate": -1}),
        ("/traffic", {"sources": ["cities"], "rate": "fast"}),
        ("/traffic", {"sources": ["cities"], "deletes": 101}),
        ("/traffic", {"sources": ["cities"], "count": "many"}),
        ("/traffic", {"sources": ["csv:/etc/passwd"]}),
        ("/traffic", {"sources": ["cities"], "surprise": 1}),
    ],
)
def test_an_order_that_makes_no_sense_is_refused_with_its_reason(
    sandbox_stack: SandboxState, admin: SandboxAdmin, path: str, body: Any
) -> None:
    before = admin.status()["traffic"]
    data = body if isinstance(body, str) else json.dumps(body)
    request = urllib.request.Request(
        sandbox_stack.admin_url + path, data.encode(), admin_headers(sandbox_stack), method="POST"
    )

    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request)

    with refused.value as answer:
        assert answer.code == 400
        assert json.load(answer)["error"]
    assert admin.status()["faults"] == []
    assert admin.status()["traffic"] == before
