"""A dashboard of one's own for a measurement: its process on one core, its address, and what it has used."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.stack import ROOT, child_environment, end, tail


@dataclass(frozen=True)
class RunningDashboard:
    """A dashboard that answers."""

    process: subprocess.Popen[bytes]
    port: int

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def cpu_s(self) -> float:
        """Seconds of processor that it has used so far (Linux)."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def rss_mb(self) -> float:
        """Resident memory in MB (Linux)."""
        return int(Path(f"/proc/{self.process.pid}/statm").read_text(encoding="ascii").split()[1]) * 4096 / 1e6


@contextmanager
def running_dashboard(folder: Path, timeout_s: float = 60) -> Iterator[RunningDashboard]:
    """A dashboard over the sandbox in `folder`, held to the first core, ended by its pid afterwards."""
    port = _free_port()
    flags = ["--server.headless=true", "--server.address=127.0.0.1", f"--server.port={port}"]
    log_path = folder / "dashboard.log"
    with log_path.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "streamlit", "run", "dashboard.py", *flags],
            cwd=ROOT,
            env=child_environment(folder),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    os.sched_setaffinity(process.pid, {min(os.sched_getaffinity(0))})
    running = RunningDashboard(process, port)
    try:
        deadline = time.monotonic() + timeout_s
        while not _healthy(running.url):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"The dashboard did not come up.\n{tail(log_path)}")
            time.sleep(0.1)
        yield running
    finally:
        end(process)


def _healthy(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/_stcore/health", timeout=2) as answer:
            return bool(answer.read() == b"ok")
    except (urllib.error.URLError, TimeoutError, ConnectionError):
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
