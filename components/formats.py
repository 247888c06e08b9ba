"""How numbers, ages and moments are written for people. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from math import ceil
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError


def zone(name: str | None) -> tzinfo:
    """The viewer's time zone as their browser names it; UTC when it is unknown."""
    try:
        return ZoneInfo(name) if name else UTC
    except (ZoneInfoNotFoundError, ValueError):
        return UTC


def clock(epoch_s: float, where: tzinfo) -> str:
    """A moment with its zone, such as `21:44:16 CET`."""
    return datetime.fromtimestamp(epoch_s, where).strftime("%H:%M:%S %Z")


def moment(epoch_s: float, where: tzinfo) -> str:
    """A moment with its day and zone, such as `2026-11-21 21:44:16 CET`."""
    return datetime.fromtimestamp(epoch_s, where).strftime("%Y-%m-%d %H:%M:%S %Z")


def age(seconds: float) -> str:
    """How long ago, in words: `now`, `12 s`, `4 min`, `3 h 12 min`, `2 d 3 h`."""
    if seconds < 1:
        return "now"
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min"
    if whole < 86_400:
        return _pair(whole // 3600, "h", whole % 3600 // 60, "min")
    return _pair(whole // 86_400, "d", whole % 86_400 // 3600, "h")


def countdown(seconds: float) -> str:
    """What is left of a time, rounded up: `7 s`, `4:07`, `3:12:07`."""
    whole = ceil(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes}:{rest:02}" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02}:{rest:02}"


def ago(seconds: float) -> str:
    """`age` as part of a sentence: `4 min ago`, or `just now`."""
    words = age(seconds)
    return "just now" if words == "now" else f"{words} ago"


def _pair(big: int, big_unit: str, small: int, small_unit: str) -> str:
    return f"{big} {big_unit} {small} {small_unit}" if small else f"{big} {big_unit}"


def milliseconds(value: float | None) -> str:
    """A duration: `4.2 ms`, `128 ms`, `2.3 s`, or a dash when it is unknown."""
    if value is None:
        return "–"
    if value < 10:
        return f"{value:.1f} ms"
    return f"{value:.0f} ms" if value < 1_000 else f"{value / 1000:.1f} s"


def number(value: float) -> str:
    """A count with thousands separated."""
    return f"{value:,.0f}"


def counted(count: int, noun: str, plural: str = "") -> str:
    """A count with its noun: `1 message`, `2,000 messages`."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"
