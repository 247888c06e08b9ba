"""With `python -m sandbox --connection-failures customer` an endpoint that is away costs a record its attempts."""

from __future__ import annotations

import json
from pathlib import Path

from core import names
from sandbox.pipes.target.api_destination import ConnectionFailures
from tests.conftest import wait_until
from tests.support.running_kept import kept_sandbox, put
from tests.support.running_pipeline import counts, drain_queue


def test_as_customer_errors_they_end_in_the_dead_letter_queue(tmp_path: Path) -> None:
    with kept_sandbox(tmp_path, "--connection-failures", ConnectionFailures.CUSTOMER.value) as run:
        run.admin.stop_momento()
        put(run.aws, "Oslo")
        letters: list[str] = []

        def both() -> bool:
            letters.extend(drain_queue(run.aws))
            return len(letters) >= 2

        wait_until(both, what="the dead letters of both pipes that take a write")
        assert {json.loads(letter)["context"]["condition"] for letter in letters} == {"RetryAttemptsExhausted"}
        pipes = counts(run.admin)
        assert pipes[names.CACHE_PUT]["dead_lettered"] == pipes[names.TOPIC_PUBLISH]["dead_lettered"] == 1
        assert not any(pipe["internal_errors"] for pipe in pipes.values())
