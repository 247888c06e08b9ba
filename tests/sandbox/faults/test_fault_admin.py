"""Faults through the admin port: added one by one or as a list, read, ended, and told when they make no sense."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from bench.stack import admin_headers
from core import names
from sandbox.state import SandboxState
from services.app.pipeline import Pipeline
from services.app.sandbox_admin import SandboxAdmin
from tests.conftest import AwsClients, wait_until
from tests.support.running_pipeline import (
    a_location,
    a_record,
    counts,
    drain_queue,
    quiet,
    running_pipeline,
)


class Port:
    """The admin port as plain HTTP."""

    def __init__(self, state: SandboxState) -> None:
        self._url = state.admin_url
        self._headers = admin_headers(state)

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._url + path, data, self._headers, method=method)
        try:
            with urllib.request.urlopen(request) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)


@pytest.fixture(scope="module")
def pipeline(sandbox_stack: SandboxState) -> Iterator[Pipeline]:
    with running_pipeline(sandbox_stack) as pipeline:
        yield pipeline


@pytest.fixture
def port(sandbox_stack: SandboxState, admin: SandboxAdmin) -> Port:
    return Port(sandbox_stack)


def reads_after(admin: SandboxAdmin, records: int) -> dict[str, int]:
    """How many records each pipe will have read after so many more."""
    return {flow: pipe["read"] + records for flow, pipe in counts(admin).items()}


def test_faults_are_listed_with_id_and_what_remains_and_ended_one_by_one(port: Port) -> None:
    wanted = [
        {"target": "momento.grpc ItemGetTtl", "code": "INTERNAL", "count": 3},
        {"target": "oauth token", "status": 401, "share": 0.5, "seed": 4},
    ]
    status, added = port.ask("POST", "/faults", wanted)
    assert status == 200

    on = port.ask("GET", "/faults")[1]["on"]
    assert [(fault["id"], fault["target"], fault["remaining"]) for fault in on] == [
        (added["ids"][0], "momento.grpc ItemGetTtl", 3),
        (added["ids"][1], "oauth token", None),
    ]

    assert port.ask("DELETE", f"/faults/{added['ids'][0]}")[0] == 200
    assert port.ask("DELETE", f"/faults/{added['ids'][0]}")[0] == 404
    assert [fault["id"] for fault in port.ask("GET", "/faults")[1]["on"]] == [added["ids"][1]]
    port.ask("DELETE", "/faults")
    assert port.ask("GET", "/faults")[1]["on"] == []


def test_of_a_list_with_one_wrong_fault_none_is_switched_on_and_the_wrong_field_is_named(port: Port) -> None:
    right, wrong = {"target": "sqs *", "status": 403}, {"target": "sqs *", "status": 99}

    status, why = port.ask("POST", "/faults", [right, wrong])

    assert status == 400
    assert (why["field"], why["value"], why["allowed"]) == ("status", 99, "a whole number from 400 to 599")
    assert port.ask("GET", "/faults")[1]["on"] == []


@pytest.mark.parametrize("body", [[], [1], "text", 5, [[]]])
def test_what_is_neither_a_fault_nor_a_list_of_faults_is_refused(port: Port, body: Any) -> None:
    status, why = port.ask("POST", "/faults", body)

    assert (status, "fault" in why["error"]) == (400, True)


def test_a_port_is_blocked_and_unblocked_as_in_momento_local(port: Port) -> None:
    assert port.ask("POST", "/block?port=grpc")[1]["ports"] == {"grpc": False, "http": True}
    assert port.ask("POST", "/block")[1]["ports"] == {"grpc": False, "http": False}
    assert port.ask("POST", "/unblock?port=http")[1]["ports"] == {"grpc": False, "http": True}
    assert port.ask("POST", "/unblock")[1] == {"listening": True, "ports": {"grpc": True, "http": True}}
    assert port.ask("POST", "/block?port=8080")[0] == 400


def test_a_dead_letter_queue_that_refuses_holds_the_pipe_until_it_accepts(
    port: Port, pipeline: Pipeline, admin: SandboxAdmin, aws: AwsClients
) -> None:
    drain_queue(aws)
    reads = reads_after(admin, 1)
    refusal = {"target": "sqs SendMessage", "status": 403, "code": "AccessDenied"}
    broken = {"target": "momento.http POST /topics", "status": 500, "count": 1}
    (refusing, _) = port.ask("POST", "/faults", [refusal, broken])[1]["ids"]

    pipeline.table.put(a_record(a_location()))

    wait_until(lambda: counts(admin)[names.TOPIC_PUBLISH]["holding_since"], what="the pipe to hold")
    assert "AccessDenied" in counts(admin)[names.TOPIC_PUBLISH]["holding_reason"]
    assert pipeline.queue.depth().total == 0
    port.ask("DELETE", f"/faults/{refusing}")
    quiet(admin, reads)
    assert [names.FLOW_OF[letter.pipe] for letter in pipeline.queue.look().letters] == [names.TOPIC_PUBLISH]
    fired = [fired["what"] for fired in port.ask("GET", "/faults/fired")[1]["fired"] if fired["id"] == refusing]
    assert fired
    assert set(fired) == {"answered 403 AccessDenied"}


def test_a_log_group_that_refuses_stops_no_delivery(port: Port, pipeline: Pipeline, admin: SandboxAdmin) -> None:
    reads = reads_after(admin, 1)
    port.ask("POST", "/faults", {"target": "logs PutLogEvents", "status": 503})
    location = a_location()

    pipeline.table.put(a_record(location))

    quiet(admin, reads)
    wait_until(lambda: port.ask("GET", "/faults")[1]["on"][0]["fired"], what="the log group to refuse")
    assert pipeline.cache.get(names.CACHE, location) is not None


def test_a_queue_that_never_answers_delays_the_letter_and_loses_nothing(
    port: Port, pipeline: Pipeline, admin: SandboxAdmin, aws: AwsClients
) -> None:
    drain_queue(aws)
    reads = reads_after(admin, 1)
    silence = {"target": "sqs SendMessage", "fail": "timeout", "count": 1}
    port.ask("POST", "/faults", [silence, {"target": "momento.http PUT /cache", "status": 500, "count": 1}])

    pipeline.table.put(a_record(a_location()))

    quiet(admin, reads)
    assert len(pipeline.queue.look().letters) == 1
    assert port.ask("GET", "/faults")[1]["on"] == []
