"""How far a replay is, in one line of plain text. Pure."""

from __future__ import annotations

from sandbox.traffic.replay import Progress

BAR = 30


def progress_line(progress: Progress) -> str:
    """One line for a replay that runs: bar, operations, rate, and the last error if there were any."""
    if progress.total:
        filled = BAR * progress.done // progress.total
        bar = f"[{'#' * filled}{'.' * (BAR - filled)}] {progress.done:,}/{progress.total:,}"
    else:
        bar = f"{progress.done:,}"
    line = f"{bar}  {progress.rate_now:.1f}/s  puts {progress.puts:,}  deletes {progress.deletes:,}"
    return f"{line}  failed {progress.failures:,}: {progress.last_error}" if progress.failures else line


def summary(progress: Progress, seconds: float) -> str:
    """What a replay has done once it is over."""
    line = f"{progress.puts:,} put, {progress.deletes:,} deleted, {progress.failures:,} failed in {seconds:.1f} s."
    if progress.failures:
        line += f" Last error: {progress.last_error}"
    return f"Gave up after failures in a row. {line}" if progress.gave_up else line
