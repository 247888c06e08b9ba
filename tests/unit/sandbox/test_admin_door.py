"""The admin port: reading is open, all else wants the run's token, and no order is larger than one has to be."""

from __future__ import annotations

import json

import pytest

from sandbox.admin_door import LARGEST_BODY, OPEN, AdminDoor
from sandbox.loopback_only import LoopbackOnly
from tests.support.signed_requests import HOST, Answer, Recorder, Sent, ask

TOKEN = "the-token-of-this-run"
JSON = ("Content-Type", "application/json")


def through(method: str, path: str, *headers: tuple[str, str], pieces: list[bytes] | None = None) -> Answer:
    """The answer to a request; 200 with `{}` when it went through."""
    app = LoopbackOnly(AdminDoor(Recorder(), TOKEN))
    return ask(app, Sent(method, path, [("Host", HOST), *headers], b""), pieces)


@pytest.mark.parametrize("path", sorted(OPEN))
def test_counts_and_states_are_open(path: str) -> None:
    assert through("GET", path).status == 200
    assert through("POST", path).status == 401


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/block"),
        ("GET", "/unblock"),
        ("POST", "/block"),
        ("POST", "/momento/stop"),
        ("POST", "/faults"),
        ("DELETE", "/faults"),
        ("DELETE", "/faults/1"),
        ("POST", "/connection/wrong-key"),
        ("POST", "/traffic"),
        ("PUT", "/health"),
        ("OPTIONS", "/health"),
        ("GET", "/ledger"),
        ("GET", "/health/../block"),
        ("GET", "//block"),
        ("GET", "/anything"),
    ],
)
def test_all_else_wants_the_token(method: str, path: str) -> None:
    for sent in ("", TOKEN, "Bearer", "Bearer ", f"Bearer {TOKEN}x", f"bearer {TOKEN}", f"Basic {TOKEN}"):
        answer = through(method, path, *([("Authorization", sent)] if sent else []))
        assert answer.status == 401
        assert "python -m sandbox env" in json.loads(answer.body)["error"]
        assert answer.headers[b"www-authenticate"] == b"Bearer"
        assert not any(name.startswith(b"access-control") for name in answer.headers)
    assert through(method, path, ("Authorization", f"Bearer {TOKEN}")).status == 200
    twice = (("Authorization", f"Bearer {TOKEN}"), ("Authorization", f"Bearer {TOKEN}x"))
    assert through(method, path, *twice).status == 401


@pytest.mark.parametrize(
    "header",
    [
        ("Origin", f"http://{HOST}"),
        ("Origin", "null"),
        ("Sec-Fetch-Site", "cross-site"),
        ("Sec-Fetch-Site", "same-site"),
        ("Sec-Fetch-Mode", "no-cors"),
        ("Access-Control-Request-Method", "GET"),
        ("Host", "evil.example"),
    ],
)
def test_what_a_page_sends_is_refused_with_the_token_and_without(header: tuple[str, str]) -> None:
    assert through("GET", "/health", header).status == 403
    assert through("POST", "/faults", header, JSON, ("Authorization", f"Bearer {TOKEN}")).status == 403


def test_the_address_bar_and_nodes_fetch_are_no_pages() -> None:
    assert through("GET", "/health", ("Sec-Fetch-Site", "none"), ("Sec-Fetch-Mode", "navigate")).status == 200
    assert through("GET", "/health", ("Sec-Fetch-Mode", "cors")).status == 200


@pytest.mark.parametrize("kind", ["text/plain", "multipart/form-data", "application/x-www-form-urlencoded", ""])
def test_forms_are_refused(kind: str) -> None:
    answer = through("POST", "/faults", ("Authorization", f"Bearer {TOKEN}"), ("Content-Type", kind))
    assert answer.status == 415
    assert "application/json" in json.loads(answer.body)["error"]


def test_a_body_is_read_with_the_token_only_and_up_to_the_limit() -> None:
    pieces = [bytes(65_536)] * 1_000
    token = ("Authorization", f"Bearer {TOKEN}")
    assert through("POST", "/faults", JSON, pieces=pieces).taken == 0
    answer = through("POST", "/faults", JSON, token, pieces=pieces)
    assert (answer.status, answer.taken) == (413, LARGEST_BODY + 65_536)
    answer = through("POST", "/faults", JSON, token, ("Content-Length", str(LARGEST_BODY + 1)), pieces=pieces)
    assert (answer.status, answer.taken) == (413, 0)
