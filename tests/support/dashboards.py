"""A dashboard of its own process, and what a test may do to it and to the sandbox that it started."""

from __future__ import annotations

import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.stack import ROOT, child_environment, end, read_state, tail
from sandbox.lock import is_held
from sandbox.state import SandboxState
from tests.browser.conftest import free_port
from tests.conftest import wait_until


@dataclass(frozen=True)
class Dashboard:
    """A dashboard that has been started: its process, its address, the sandbox's folder, and its output."""

    process: subprocess.Popen[bytes]
    url: str
    folder: Path
    log: Path

    def until_healthy(self) -> None:
        """Returns when it answers. Raises AssertionError with its output when it ends instead."""
        wait_until(self._healthy, timeout_s=60, what="the dashboard to be healthy")

    def _healthy(self) -> bool:
        if self.process.poll() is not None:
            raise AssertionError(f"The dashboard ended with {self.process.returncode}:\n{tail(self.log)}")
        try:
            with urllib.request.urlopen(f"{self.url}/_stcore/health", timeout=2) as answer:
                return bool(answer.read() == b"ok")
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            return False

    def until_sandbox_ready(self) -> SandboxState:
        """The state of the sandbox in its folder, once that one is ready."""

        def ready() -> SandboxState | None:
            state = read_state(self.folder)
            return state if state and state.ready and is_held(self.folder) else None

        state: SandboxState = wait_until(ready, timeout_s=60, what="the sandbox to be ready")
        return state


@contextmanager
def started_dashboard(
    folder: Path, log: Path, *more_flags: str, port: int | None = None, **environment: str
) -> Iterator[Dashboard]:
    """A dashboard whose sandbox lives in `folder`, from its first moment on; ended by its pid afterwards."""
    port = port or free_port()
    flags = ["--server.headless=true", "--server.address=127.0.0.1", f"--server.port={port}", *more_flags]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "streamlit", "run", "dashboard.py", *flags],
            cwd=ROOT,
            env=child_environment(folder) | environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield Dashboard(process, f"http://127.0.0.1:{port}", folder, log)
    finally:
        end(process)
