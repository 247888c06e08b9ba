"""When an attempt is repeated, and when a record is given up."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

#: A stream keeps its records this long; no setting makes a pipe hold one longer.
STREAM_RETENTION_S = 24 * 60 * 60

#: Why a record was given up, as the dead-letter message says it (facts/aws-pipes.md, section 2).
ATTEMPTS_EXHAUSTED = "RetryAttemptsExhausted"
AGE_EXCEEDED = "RecordAgeExceeded"

_FIRST_PAUSE_S = 0.05
_LONGEST_PAUSE_S = 2.0


@dataclass(frozen=True)
class RetryPolicy:
    """`maximum_retry_attempts` 0 means one attempt, -1 no end; `maximum_record_age_s` -1 means the stream's 24 h."""

    maximum_retry_attempts: int
    maximum_record_age_s: int

    def allows_another(self, failed_attempts: int) -> bool:
        """Whether a record may be tried again after so many failed attempts that count."""
        return self.maximum_retry_attempts < 0 or failed_attempts <= self.maximum_retry_attempts

    def is_too_old(self, created_s: float, now_s: float) -> bool:
        """Whether a record created at `created_s` (epoch s) has passed its age."""
        limit = STREAM_RETENTION_S
        if self.maximum_record_age_s >= 0:
            limit = min(limit, self.maximum_record_age_s)
        return now_s - created_s > limit


def pauses() -> Iterator[float]:
    """Seconds to wait before each next attempt: 50 ms, doubling, never more than 2 s."""
    pause = _FIRST_PAUSE_S
    while True:
        yield pause
        pause = min(pause * 2, _LONGEST_PAUSE_S)
