"""The machine a measurement ran on, in one line: numbers without it say nothing."""

from __future__ import annotations

import os
import platform
from pathlib import Path


def machine_line() -> str:
    """Processors, memory, system and Python of this machine."""
    memory = f"{memory_gib():.0f} GiB" if memory_gib() else "unknown memory"
    return (
        f"{os.cpu_count()} cores ({processor()}), {memory}, {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}"
    )


def memory_gib() -> float | None:
    """Memory in GiB, None where the system does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    except (ValueError, OSError):
        return None


def processor() -> str:
    """Name of the processor, as far as the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def rss_mib(pid: int) -> float:
    """Memory of a process that is in RAM, in MiB; 0 where the system does not say."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS:")), 0.0)
