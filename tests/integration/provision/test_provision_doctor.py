"""The doctor on a sandbox, with a good key and a bad one, and with what does not answer."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from bench.stack import running_sandbox
from provision import doctor, http_check
from provision.errors import ProvisionFailed
from provision.secret_text import SecretText
from provision.stack import Place
from sandbox.state import SandboxState
from tests.support.provisioned import Stack, stack


class Refused:
    """A Momento that refuses the key."""

    def list_caches(self) -> tuple[str, ...]:
        raise ProvisionFailed("Momento refused the key.")

    def create_cache(self, cache: str) -> object:
        raise ProvisionFailed("Momento refused the key.")


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxState]:
    with running_sandbox(tmp_path_factory.mktemp("doctor")) as running:
        yield running.state


@pytest.fixture
def built(state: SandboxState) -> Iterator[Stack]:
    with stack(state, "") as made:
        yield made


def test_a_good_key_is_taken_whether_the_cache_is_there_or_not(built: Stack, state: SandboxState) -> None:
    key = SecretText(state.momento_api_key)

    for cache in (built.names.cache, "a-cache/that is not there"):
        good, said = http_check.ask(state.momento_http_endpoint, cache, key)
        assert (good, "takes the key" in said) == (True, True), said


def test_a_key_of_somewhere_else_is_refused_with_what_to_do(built: Stack, state: SandboxState) -> None:
    good, said = http_check.ask(state.momento_http_endpoint, built.names.cache, SecretText("a-key-of-elsewhere"))

    assert good is False
    assert "MOMENTO_ENDPOINT" in said
    assert "a-key-of-elsewhere" not in said


def test_nothing_there_is_a_sentence(built: Stack) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        good, said = http_check.ask(f"http://127.0.0.1:{taken.getsockname()[1]}", "cache", SecretText("hunter2"))

    assert good is False
    assert "cannot be reached" in said
    assert "hunter2" not in said


def test_a_key_that_cannot_travel_in_a_header_is_not_quoted() -> None:
    good, said = http_check.ask("http://127.0.0.1:1", "cache", SecretText("hunter2\nX: y"))

    assert good is False
    assert "hunter2" not in said


def test_one_check_that_fails_keeps_no_other_from_its_answer(built: Stack, state: SandboxState) -> None:
    place = Place(state.region, state.account_id, "https://api.cache.cell-1-eu-west-1-1.prod.a.momentohq.invalid")
    looked = doctor.examine(built.aws, Refused(), built.names, place, SecretText("a-key"))
    found = {each.title: (each.good, each.said) for each in looked}

    assert found["Momento cache"] == (False, "Momento refused the key.")
    assert found["Momento's region"][0] is None
    assert "eu-west-1" in found["Momento's region"][1]
    assert found["Momento's HTTP endpoint"][0] is False
    assert found["AWS credentials"][0] is True
    assert found["Quotas"] == (
        True,
        "with the stack 3 of 1000 pipes, 1 of 3000 connections, 3 of 3000 API destinations, 1 of 1000 roles",
    )
