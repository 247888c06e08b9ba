"""One fault: where it strikes, what it does there, and how often. Read from JSON, refused when it makes no sense."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import Enum
from typing import Any

import grpc

from sandbox.faults.targets import EFFECTS, TARGETS, Target, Wire

#: The longest delay, in ms: longer than any client of the sandbox waits.
MAXIMUM_DELAY_MS = 600_000
_MAXIMUM_NAME = 100
_AWS_CODE = re.compile(r"[A-Za-z][A-Za-z0-9.]{0,99}")
#: The codes by which a gRPC call can fail.
GRPC_CODES = tuple(code.name for code in grpc.StatusCode if code is not grpc.StatusCode.OK)


class FaultRefused(ValueError):
    """Raised when a fault is not one that the sandbox can carry out: names the field, its value, what is allowed."""

    def __init__(self, field: str, value: Any, allowed: str) -> None:
        super().__init__(f"{field} is {value!r}; allowed: {allowed}")
        self.field = field
        self.value = value
        self.allowed = allowed


class Fail(Enum):
    """How a call can end without an answer."""

    RESET = "reset"
    TIMEOUT = "timeout"


@dataclass(frozen=True)
class Fault:
    """What happens to a call of `target`: it waits `delay_ms`, then it fails, or is answered with `status` or `code`.

    With neither of these it is carried out as ever. `slow_body` sends the answer's body at so many bytes per second.
    `count` is how many calls it hits before it is used up and `share` the part of the calls that it hits, drawn by
    `seed`; None means all, until the fault is ended. `name` is free text by which somebody knows the fault again.
    """

    target: Target
    status: int | None = None
    code: str | None = None
    fail: Fail | None = None
    slow_body: int | None = None
    delay_ms: int = 0
    count: int | None = None
    share: float | None = None
    seed: int = 0
    name: str = ""

    def __post_init__(self) -> None:
        """Raises FaultRefused when the fault could not be carried out, or would do nothing."""
        self._check_numbers()
        self._check_code()
        if self.fail is Fail.RESET and self.target.wire not in (Wire.HTTP, Wire.OAUTH):
            raise FaultRefused("fail", Fail.RESET.value, f"{Fail.TIMEOUT.value} for {self.target}")
        if self.fail and any(each is not None for each in (self.status, self.code, self.slow_body)):
            raise FaultRefused("fail", self.fail.value, "fail goes without status, code and slow_body")
        if len(self.name) > _MAXIMUM_NAME:
            raise FaultRefused("name", self.name, f"at most {_MAXIMUM_NAME} characters")
        done = [effect for effect in EFFECTS[self.target.wire] if getattr(self, effect)]
        for effect in ("status", "code", "slow_body"):
            if getattr(self, effect) is not None and effect not in EFFECTS[self.target.wire]:
                raise FaultRefused(effect, getattr(self, effect), self._effects())
        if not done:
            raise FaultRefused("target", str(self.target), f"with at least one of {self._effects()}")

    def _effects(self) -> str:
        return f"{', '.join(EFFECTS[self.target.wire])} for {self.target}"

    def _check_numbers(self) -> None:
        lowest_status = 200 if self.target.wire in (Wire.HTTP, Wire.OAUTH) else 400
        _check_whole("status", self.status, lowest_status, 599)
        _check_whole("slow_body", self.slow_body, 1, 1_000_000_000)
        _check_whole("delay_ms", self.delay_ms, 0, MAXIMUM_DELAY_MS)
        _check_whole("count", self.count, 1, 1_000_000_000)
        _check_whole("seed", self.seed, 0, 2**63)
        if self.share is not None and (type(self.share) not in (int, float) or not 0 < self.share <= 1):
            raise FaultRefused("share", self.share, "a number over 0, at most 1")

    def _check_code(self) -> None:
        if self.code is None:
            return
        if self.target.wire is Wire.GRPC:
            if self.code not in GRPC_CODES:
                raise FaultRefused("code", self.code, ", ".join(GRPC_CODES))
        elif not _AWS_CODE.fullmatch(self.code):
            raise FaultRefused("code", self.code, "letters, digits and dots")

    def as_json(self) -> dict[str, Any]:
        """The fields as `fault_of` takes them, all of them."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {**values, "target": str(self.target), "fail": self.fail.value if self.fail else None}

    def does(self) -> str:
        """What it does to a call, in a few words: `delayed 300 ms, answered 500`."""
        parts = []
        if self.delay_ms:
            parts.append(f"delayed {self.delay_ms} ms")
        if self.fail:
            parts.append("connection reset" if self.fail is Fail.RESET else "never answered")
        answer = " ".join(str(each) for each in (self.status, self.code) if each is not None)
        if answer:
            parts.append(f"answered {answer}")
        if self.slow_body:
            parts.append(f"body sent at {self.slow_body} bytes/s")
        return ", ".join(parts)


def fault_of(body: Mapping[str, Any]) -> Fault:
    """The fault of a JSON object. Raises FaultRefused.

    Besides `target` it may have the older `route`, a route of Momento's HTTP API that is answered 500 unless
    `status` says otherwise.
    """
    given = dict(body)
    if "route" in given and "target" not in given:
        route = given.pop("route")
        given = {"status": 500, **given, "target": f"{Wire.HTTP.value} {route}"}
    known = {field.name for field in fields(Fault)}
    for name in given:
        if name not in known:
            raise FaultRefused(name, given[name], f"only the fields {', '.join(sorted(known))}")
    given["target"] = _target(given.get("target"))
    if given.get("fail") is not None:
        given["fail"] = _fail(given["fail"])
    for name in ("code", "name"):
        if given.get(name) is not None and not isinstance(given[name], str):
            raise FaultRefused(name, given[name], "text")
    if given["target"].wire is Wire.GRPC and given.get("code") is not None:
        # As momento-local spells them, too: resource-exhausted.
        given["code"] = given["code"].upper().replace("-", "_")
    # null is as good as left out, for fields that have another default.
    defaults = {"delay_ms": 0, "seed": 0, "name": ""}
    values: dict[str, Any] = {name: defaults.get(name) if value is None else value for name, value in given.items()}
    return Fault(**values)


def _target(text: Any) -> Target:
    target = TARGETS.get(text) if isinstance(text, str) else None
    if target is None:
        raise FaultRefused("target", text, "; ".join(TARGETS))
    return target


def _fail(text: Any) -> Fail:
    found = next((fail for fail in Fail if fail.value == text), None)
    if found is None:
        raise FaultRefused("fail", text, " or ".join(fail.value for fail in Fail))
    return found


def _check_whole(field: str, value: Any, lowest: int, highest: int) -> None:
    if value is not None and (type(value) is not int or not lowest <= value <= highest):
        raise FaultRefused(field, value, f"a whole number from {lowest} to {highest}")
