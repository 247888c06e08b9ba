"""The sandbox as the dashboard sees it: a process that is found through its state file, or started.

The dashboard never imports the sandbox. A child that it starts ends with it, however it ends: the child watches
its standard input, whose other end only this process holds.
"""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from services import momento_keys
from services.config import AwsAccess
from services.errors import SandboxNotRunning

_PROJECT = Path(__file__).resolve().parent.parent
#: Seconds that a child gets to stop by itself.
_STOP_WITHIN_S = 5.0


@dataclass(frozen=True)
class PartState:
    """One part of the sandbox on its way up: waiting, starting, ready or failed."""

    name: str
    state: str
    detail: str


@dataclass(frozen=True)
class SandboxInfo:
    """What the state file says about one run of the sandbox; `instance` tells runs apart."""

    instance: str
    pid: int
    ready: bool
    parts: tuple[PartState, ...]
    aws: AwsAccess
    momento: momento_keys.MomentoAddress | None
    admin_url: str
    admin_token: str = field(repr=False)

    @property
    def failure(self) -> str:
        """What kept a part from coming up, or ""."""
        return next((f"{part.name}: {part.detail}" for part in self.parts if part.state == "failed"), "")


def folder() -> Path:
    """Where the sandbox keeps its state: SANDBOX_DIR, or `.sandbox` in the project."""
    return Path(os.environ.get("SANDBOX_DIR") or _PROJECT / ".sandbox")


def running() -> bool:
    """Whether a sandbox runs: it holds the lock in its folder for as long as its process lives (sandbox/lock.py)."""
    try:
        with (folder() / "lock").open(encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def read_state() -> SandboxInfo | None:
    """The latest run that wrote a state file, dead or alive, or None."""
    try:
        return _info(json.loads((folder() / "state.json").read_text(encoding="utf-8")))
    except (FileNotFoundError, json.JSONDecodeError, KeyError):
        return None


def _info(raw: dict[str, Any]) -> SandboxInfo:
    momento = None
    if raw["momento_port"]:
        momento = momento_keys.for_sandbox(
            raw["momento_host"], raw["momento_port"], raw["momento_http_endpoint"], raw["momento_api_key"]
        )
    return SandboxInfo(
        instance=raw["instance"],
        pid=raw["pid"],
        ready=raw["ready"],
        parts=tuple(PartState(part["name"], part["state"], part["detail"]) for part in raw["parts"]),
        aws=AwsAccess(
            region=raw["region"],
            access_key_id=raw["aws_access_key_id"],
            secret_access_key=raw["aws_secret_access_key"],
            endpoint_url=raw["aws_endpoint"],
        ),
        momento=momento,
        admin_url=raw["admin_url"],
        # A run of an earlier version has none, and wants none.
        admin_token=raw.get("admin_token", ""),
    )


#: The exit code of a sandbox that found another one running; the other is then the one to speak of.
_ANOTHER_RUNS = 3


class SandboxProcess:
    """Finds the sandbox that runs or starts one, whose stack has `prefix`; stops it only if it was started here."""

    def __init__(self, prefix: str = "") -> None:
        self._prefix = prefix
        self._child: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    @property
    def log_path(self) -> Path:
        """Where a child started here writes what it complains of."""
        return folder() / "sandbox.log"

    def ensure(self) -> None:
        """Starts a sandbox unless one runs; returns at once, long before it is ready."""
        with self._lock:
            if running() or (self._child and self._child.poll() is None):
                return
            if self._child is not None and self._child.stdin is not None:
                self._child.stdin.close()  # The last one died; its pipe is of no more use.
            folder().mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(self.log_path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "wb") as log:
                self._child = subprocess.Popen(
                    [sys.executable, "-m", "sandbox", "--until-stdin-closes", f"--prefix={self._prefix}"],
                    cwd=_PROJECT,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.DEVNULL,
                    stderr=log,
                    # A Ctrl-C in the terminal is for the dashboard; it ends the child itself, in order.
                    start_new_session=True,
                )

    def info(self) -> SandboxInfo | None:
        """The run that is up or on its way up, or None."""
        return read_state() if running() else None

    @property
    def starting(self) -> bool:
        """Whether one is on its way up: its process exists, it is not ready, and no part has failed."""
        known = self.info()
        if known is not None:
            return not known.ready and not known.failure
        return self._child is not None and self._child.poll() is None

    def ready(self) -> SandboxInfo:
        """The run that is up. Raises SandboxNotRunning, which says whether it starts, failed, or is gone."""
        known = self.info()
        if known and known.ready:
            return known
        if self.starting:
            raise SandboxNotRunning("The sandbox is starting.", "It takes a few seconds.")
        why = (known.failure if known else "") or self._last_words()
        advice = "Start it from the dashboard, or with `python -m sandbox`."
        raise SandboxNotRunning(f"The sandbox is not running. {why}".strip(), advice)

    def stop(self) -> None:
        """Stops the child if it was started here; a sandbox that somebody else runs is left alone."""
        with self._lock:
            child, self._child = self._child, None
            if child is None or child.stdin is None:
                return
            child.stdin.close()
            try:
                child.wait(_STOP_WITHIN_S)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()

    def _last_words(self) -> str:
        """How the child ended, and the last thing that it complained of."""
        code = self._child.poll() if self._child is not None else None
        if not code or code == _ANOTHER_RUNS:
            return ""
        ending = f"It was ended by signal {-code}." if code < 0 else f"It ended with exit code {code}."
        try:
            lines = self.log_path.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        except FileNotFoundError:
            lines = []
        return f"{ending} {lines[-1]}" if lines else ending
