"""A fault as JSON: what is understood, and what is refused with the field, the value and what is allowed."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.faults.fault import Fail, FaultRefused, fault_of
from sandbox.faults.targets import TARGETS

HTTP = "momento.http *"


@pytest.mark.parametrize("target", TARGETS)
def test_every_target_takes_a_delay_and_says_itself(target: str) -> None:
    fault = fault_of({"target": target, "delay_ms": 1})

    assert str(fault.target) == target
    assert fault_of(fault.as_json()) == fault


@pytest.mark.parametrize(
    ("body", "does"),
    [
        ({"target": HTTP, "status": 500}, "answered 500"),
        ({"target": HTTP, "delay_ms": 300}, "delayed 300 ms"),
        ({"target": HTTP, "fail": "reset"}, "connection reset"),
        ({"target": "oauth token", "fail": "timeout"}, "never answered"),
        ({"target": HTTP, "slow_body": 10, "status": 200}, "answered 200, body sent at 10 bytes/s"),
        ({"target": "momento.grpc Get", "code": "resource-exhausted"}, "answered RESOURCE_EXHAUSTED"),
        ({"target": "sqs SendMessage", "status": 403, "code": "AccessDenied"}, "answered 403 AccessDenied"),
        ({"route": "PUT /cache"}, "answered 500"),
        ({"route": "*", "status": None, "delay_ms": 9}, "delayed 9 ms"),
    ],
)
def test_what_a_fault_does_is_told_in_a_few_words(body: dict[str, Any], does: str) -> None:
    assert fault_of(body).does() == does


def test_what_is_left_out_is_as_good_as_null() -> None:
    body = {"target": HTTP, "fail": "reset"}
    nulls = {"status": None, "code": None, "delay_ms": None, "count": None, "share": None, "seed": None, "name": None}

    assert fault_of({**body, **nulls}) == fault_of(body)
    assert fault_of(body).fail is Fail.RESET


@pytest.mark.parametrize(
    ("body", "field", "allowed"),
    [
        ({}, "target", "momento.http PUT /cache"),
        ({"target": "momento.http PATCH /cache", "status": 500}, "target", "momento.http PUT /cache"),
        ({"target": ["sqs *"], "status": 500}, "target", "sqs SendMessage"),
        ({"route": "GET /secrets"}, "target", "momento.http GET /cache"),
        ({"target": HTTP}, "target", "status, fail, slow_body, delay_ms"),
        ({"target": HTTP, "delay_ms": 0}, "target", "at least one"),
        ({"target": HTTP, "status": 99}, "status", "200 to 599"),
        ({"target": HTTP, "status": 600}, "status", "200 to 599"),
        ({"target": HTTP, "status": "500"}, "status", "whole number"),
        ({"target": HTTP, "status": 500.0}, "status", "whole number"),
        ({"target": "sqs SendMessage", "status": 200}, "status", "400 to 599"),
        ({"target": HTTP, "status": 500, "count": 0}, "count", "1 to"),
        ({"target": HTTP, "status": 500, "count": True}, "count", "whole number"),
        ({"target": HTTP, "status": 500, "share": 0}, "share", "over 0"),
        ({"target": HTTP, "status": 500, "share": 1.1}, "share", "at most 1"),
        ({"target": HTTP, "status": 500, "share": "half"}, "share", "number"),
        ({"target": HTTP, "status": 500, "seed": -1}, "seed", "0 to"),
        ({"target": HTTP, "delay_ms": -1}, "delay_ms", "0 to"),
        ({"target": HTTP, "delay_ms": "10"}, "delay_ms", "whole number"),
        ({"target": HTTP, "slow_body": 0}, "slow_body", "1 to"),
        ({"target": HTTP, "fail": "explode"}, "fail", "reset or timeout"),
        ({"target": HTTP, "fail": "reset", "status": 500}, "fail", "without status"),
        ({"target": "momento.grpc Get", "fail": "reset"}, "fail", "timeout"),
        ({"target": "momento.grpc Get", "status": 500}, "status", "code, fail, delay_ms"),
        ({"target": "momento.grpc Get", "code": "OK"}, "code", "UNAVAILABLE"),
        ({"target": "momento.grpc Get", "code": 14}, "code", "text"),
        ({"target": HTTP, "code": "UNAVAILABLE"}, "code", "status, fail"),
        ({"target": "sqs *", "code": "Not a code\n"}, "code", "letters"),
        ({"target": HTTP, "status": 500, "surprise": 1}, "surprise", "target"),
        ({"target": HTTP, "route": "*", "status": 500}, "route", "target"),
        ({"target": HTTP, "status": 500, "name": "x" * 101}, "name", "100"),
    ],
)
def test_what_makes_no_sense_is_refused_with_field_value_and_what_is_allowed(
    body: dict[str, Any], field: str, allowed: str
) -> None:
    with pytest.raises(FaultRefused) as caught:
        fault_of(body)

    assert caught.value.field == field
    assert allowed in caught.value.allowed
    assert field in str(caught.value)
