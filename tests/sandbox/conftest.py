"""What whole-pipeline tests share. The run's sandbox and its clients come from tests/conftest.py."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bench.wire import Cache, Subscriber, momento
from sandbox.state import SandboxState
from services.app.sandbox_admin import SandboxAdmin
from tests.conftest import AwsClients
from tests.support.running_pipeline import drain_queue, quiet


@pytest.fixture
def admin(sandbox_stack: SandboxState, aws: AwsClients) -> Iterator[SandboxAdmin]:
    """The admin port of the run's sandbox at rest: its queue is empty, and all faults are taken back afterwards."""
    admin = SandboxAdmin(sandbox_stack.admin_url, sandbox_stack.admin_token)
    quiet(admin, {})
    drain_queue(aws)
    yield admin
    admin.clear_faults()
    admin.use_right_key()
    admin.start_momento()
    quiet(admin, {})
    drain_queue(aws)


@pytest.fixture
def momento_wire(sandbox_stack: SandboxState) -> Iterator[tuple[Cache, Subscriber]]:
    """The cache of the run's sandbox, and a live subscription to its topic."""
    with momento(sandbox_stack) as both:
        yield both
