"""The sandbox as the dashboard sees it: a process that is found through its state file, or started.

The dashboard never imports the sandbox. A child that it starts ends with it, however it ends: the child watches
its standard input, whose other end only this process holds.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core import momento_keys
from core.config import AwsAccess
from core.errors import SandboxNotRunning
from core.private_files import open_private, own_folder, read_private, reason

_PROJECT = Path(__file__).resolve().parent.parent
#: Seconds that a child which ends gets from one sign of life to the next, and in all.
_STOP_WITHIN_S, _STOP_AT_LAST_S = 5.0, 60.0
#: How the sandbox's line begins that says why it ended. All else in its log, such as gRPC's own lines, is no cause.
_ENDED = "The sandbox ended: "
#: As much of the log is looked at for that line.
_LOG_END_BYTES = 65_536


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


def folder_trouble() -> str:
    """Why the folder cannot hold a sandbox's state, and what to do, or ""."""
    try:
        own_folder(folder())
        _check_lock()
        if not os.access(folder(), os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(folder()))
    except OSError as error:
        return (
            f"SANDBOX_DIR {folder()} cannot be used: {reason(error)}. Name a folder of your own in SANDBOX_DIR, one "
            "that can be written, and start the dashboard again."
        )
    return ""


def running() -> bool:
    """Whether a sandbox runs: it holds the lock in its folder for as long as its process lives (sandbox/lock.py).

    In a folder that cannot be used none runs that this could reach: `folder_trouble` says why.
    """
    try:
        return _check_lock()
    except OSError:
        return False


def _check_lock() -> bool:
    """Whether the lock is held. Raises OSError when it is no lock file of ours."""
    try:
        with os.fdopen(open_private(folder() / "lock", os.O_RDONLY)) as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def read_state() -> SandboxInfo | None:
    """The latest run that wrote a state file, dead or alive; None for none, and for one that cannot be understood."""
    try:
        return _info(json.loads(read_private(folder() / "state.json")))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _info(raw: dict[str, Any]) -> SandboxInfo:
    """Raises KeyError, TypeError, ValueError or AttributeError for what no sandbox of this version wrote."""
    for name, kind in (("instance", str), ("pid", int), ("ready", bool), ("admin_url", str), ("momento_port", int)):
        if type(raw[name]) is not kind:
            raise TypeError(f"{name} is no {kind.__name__}")
    if raw["ready"] and not (raw["momento_port"] and raw["aws_endpoint"] and raw["admin_url"]):
        raise ValueError("it is ready, and an address is missing")
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
        #: What kept it from being started at all.
        self._trouble = ""
        self._lock = threading.Lock()

    @property
    def log_path(self) -> Path:
        """Where a child started here writes what it complains of."""
        return folder() / "sandbox.log"

    def ensure(self) -> None:
        """Starts a sandbox unless one runs; returns at once, long before it is ready.

        What keeps it from being started is said by `ready`.
        """
        with self._lock:
            if running() or (self._child and self._child.poll() is None):
                return
            if self._child is not None and self._child.stdin is not None:
                self._child.stdin.close()  # The last one died; its pipe is of no more use.
            self._trouble = folder_trouble()
            if self._trouble:
                return
            try:
                descriptor = open_private(self.log_path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            except OSError as error:
                self._trouble = (
                    f"Its log cannot be written: {reason(error)}. Take that away, or name another SANDBOX_DIR."
                )
                return
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
        if known is None and running():
            raise SandboxNotRunning(
                f"A sandbox runs, but its state file {folder() / 'state.json'} cannot be understood.",
                "End that sandbox (Ctrl-C where it runs) and start it again, with the version that this dashboard has.",
            )
        why = (known.failure if known else "") or self._last_words() or self._trouble
        advice = "Start it from the dashboard, or with `python -m sandbox`."
        raise SandboxNotRunning(f"The sandbox is not running. {why}".strip(), advice)

    def stop(self) -> None:
        """Stops the child if it was started here; a sandbox that somebody else runs is left alone."""
        with self._lock:
            child, self._child = self._child, None
            if child is None or child.stdin is None:
                return
            child.stdin.close()
            if not _ends_by_itself(child):
                child.kill()
                child.wait()

    def _last_words(self) -> str:
        """How the child ended, and why it says that it did."""
        code = self._child.poll() if self._child is not None else None
        if not code or code == _ANOTHER_RUNS:
            return ""
        said = self._said()
        if code < 0:
            return f"It was ended by signal {-code} ({_signal_name(-code)})."
        return f"It ended with exit code {code}: {said}" if said else f"It ended with exit code {code}."

    def _said(self) -> str:
        """What the child's log says of why it ended, or "": lines of others in there are no cause."""
        try:
            text = read_private(self.log_path)[-_LOG_END_BYTES:].decode(errors="replace")
        except OSError:
            return ""
        reasons = [line.removeprefix(_ENDED) for line in text.splitlines() if line.startswith(_ENDED)]
        return reasons[-1].strip() if reasons else ""


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return "unknown"


def _ends_by_itself(child: subprocess.Popen[bytes]) -> bool:
    """Waits as long as the child says, by the time of its state file, that it is still at it; at most 60 s."""
    started = last_sign = time.monotonic()
    seen = _state_time()
    while time.monotonic() < min(last_sign + _STOP_WITHIN_S, started + _STOP_AT_LAST_S):
        try:
            child.wait(0.1)
            return True
        except subprocess.TimeoutExpired:
            now = _state_time()
            if now != seen:
                seen, last_sign = now, time.monotonic()
    return False


def _state_time() -> int:
    try:
        return (folder() / "state.json").lstat().st_mtime_ns
    except OSError:
        return 0
