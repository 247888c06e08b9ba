"""A sandbox of one's own: started as a child process in a folder of its own, and ended again.

Used by the measurements here and by the tests. The child inherits nothing of the caller's AWS or Momento settings.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sandbox import state as sandbox_state
from sandbox.state import SandboxState

ROOT = Path(__file__).resolve().parent.parent
LOG_FILE = "output.log"


class SandboxFailed(Exception):
    """Raised when the sandbox does not come up in time, dies, or does not end cleanly; with the end of its output."""


@dataclass(frozen=True)
class RunningSandbox:
    """A sandbox that is ready: its process, its folder, its state, and how long it took to come up (s)."""

    process: subprocess.Popen[bytes]
    folder: Path
    state: SandboxState
    startup_s: float


def child_environment(folder: Path, environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The environment for a child that may know this sandbox only: no AWS, Momento or stack setting of the caller."""
    kept = {name: value for name, value in environment.items() if not name.startswith(("AWS_", "MOMENTO_"))}
    return {**kept, "SANDBOX_DIR": str(folder), "TARGET": "sandbox", "STACK_PREFIX": "", "PYTHONUNBUFFERED": "1"}


def read_state(folder: Path) -> SandboxState | None:
    """The state that a sandbox has written into this folder, or None."""
    before = os.environ.get("SANDBOX_DIR")
    os.environ["SANDBOX_DIR"] = str(folder)
    try:
        return sandbox_state.read()
    finally:
        if before is None:
            del os.environ["SANDBOX_DIR"]
        else:
            os.environ["SANDBOX_DIR"] = before


def admin_headers(state: SandboxState) -> dict[str, str]:
    """What an order to the admin port carries: the run's token, and that it is JSON."""
    return {"Authorization": f"Bearer {state.admin_token}", "Content-Type": "application/json"}


@contextmanager
def running_sandbox(folder: Path, *arguments: str, timeout_s: float = 60) -> Iterator[RunningSandbox]:
    """A sandbox that is ready, ended by its pid afterwards; `arguments` are more of `python -m sandbox`.

    Raises SandboxFailed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    with (folder / LOG_FILE).open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "sandbox", "--until-stdin-closes", *arguments],
            cwd=ROOT,
            env=child_environment(folder),
            # Nothing is ever written to it: it closes when this process dies, however it dies, and the child ends too.
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    with process:
        try:
            state = _wait_until_ready(process, folder, timeout_s)
            yield RunningSandbox(process, folder, state, time.monotonic() - started)
        finally:
            code = end(process)
    if code != 0:
        raise SandboxFailed(f"The sandbox ended with exit code {code}.\n{tail(folder / LOG_FILE)}")


def _wait_until_ready(process: subprocess.Popen[bytes], folder: Path, timeout_s: float) -> SandboxState:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        state = read_state(folder)
        if state is not None and state.ready and state.pid == process.pid:
            return state
        if process.poll() is not None:
            raise SandboxFailed(f"The sandbox ended with exit code {process.returncode}.\n{tail(folder / LOG_FILE)}")
        time.sleep(0.05)
    raise SandboxFailed(f"The sandbox was not ready within {timeout_s:g} s.\n{tail(folder / LOG_FILE)}")


def end(process: subprocess.Popen[bytes], timeout_s: float = 15) -> int:
    """Exit code after SIGTERM; a process that ignores it for `timeout_s` is killed (negative exit code)."""
    if process.stdin is not None:
        process.stdin.close()
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        return process.wait(timeout_s)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def tail(log: Path, lines: int = 40) -> str:
    """The last lines of what a child printed into this file."""
    text = log.read_text(encoding="utf-8", errors="replace")
    return "\n".join(text.splitlines()[-lines:])
