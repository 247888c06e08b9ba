"""InvocationRateLimitPerSecond: what is too much for a destination waits, nothing is dropped."""

from __future__ import annotations

import asyncio
import time

#: What a destination has when it names no limit (facts/aws-pipes.md, section 3).
DEFAULT_PER_SECOND = 300


class RateLimit:
    """A bucket that holds one second's worth of invocations. Whoever finds it empty waits, in order of arrival."""

    def __init__(self, per_second: int) -> None:
        self._per_second = per_second
        self._tokens = float(per_second)
        self._filled_s = time.monotonic()

    def change(self, per_second: int) -> None:
        """The destination was updated. What has already been let through still counts."""
        self._refill()
        self._per_second = per_second
        self._tokens = min(self._tokens, float(per_second))

    async def admit(self) -> None:
        """Return when the next invocation may be made."""
        self._refill()
        self._tokens -= 1
        if self._tokens < 0:
            await asyncio.sleep(-self._tokens / self._per_second)

    def _refill(self) -> None:
        now_s = time.monotonic()
        self._tokens = min(self._tokens + (now_s - self._filled_s) * self._per_second, float(self._per_second))
        self._filled_s = now_s


class RateLimits:
    """The limits of all destinations, each shared by all pipes on it."""

    def __init__(self) -> None:
        self._limits: dict[str, tuple[int, RateLimit]] = {}

    def of(self, arn: str, per_second: int) -> RateLimit:
        """The limit of a destination, at its present rate."""
        known = self._limits.get(arn)
        if known is None:
            limit = RateLimit(per_second)
        elif known[0] == per_second:
            return known[1]
        else:
            limit = known[1]
            limit.change(per_second)
        self._limits[arn] = (per_second, limit)
        return limit
