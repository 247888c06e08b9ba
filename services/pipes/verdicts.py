"""How each pipe does, in one word, and which rule says so. Pure: evidence in, findings out.

There are no thresholds to set: like Burrow, the rules look at whether things move. They are tried in the order of
RULES, and the first that fires is the verdict:

    BROKEN   the pipe is missing, failed to be created or changed, or runs with a reason that says what is wrong
    STOPPED  it is stopped, or stopping
    UNKNOWN  it cannot be read, it is starting, its log does not tell (off, unreadable, late), or the watched stream was
             not read for 15 s and nothing succeeded within LATELY_S seconds: what waits is then not known
    STALLED  records wait, and nothing is completed: attempts go on without end, or nothing happens at all
    FAILING  the newest execution failed, or one of the last LATELY_S seconds did; a failure is settled once the
             dead-letter queue is empty and nothing was there to do for IDLE_S seconds
    LAGGING  records are completed, but those that come out were created more than LATE_S seconds before,
             or the oldest that waits is older than that
    OK       the newest execution succeeded within IDLE_S seconds
    IDLE     nothing waits, and nothing was there to do for IDLE_S seconds

A log arrives late (AWS writes it a minute or more after the act), so all ages are taken at the `horizon`: the moment up
to which the log is complete. What is younger than that is neither late nor lost, only not told yet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum

#: For how long a failure counts after it, and for how long nothing must be completed to call waiting records stuck.
LATELY_S = 10.0
#: From this age on a record is late. A target may take 5 s to answer before Pipes gives up on it.
LATE_S = 5.0
#: Without anything to do for this long, a pipe is idle.
IDLE_S = 300.0
#: A log whose newest possible record is older than this tells nothing about now.
LOG_LATE_S = 300.0


class Verdict(Enum):
    """How a pipe does; the worst first."""

    BROKEN = "broken"
    STALLED = "stalled"
    FAILING = "failing"
    STOPPED = "stopped"
    LAGGING = "lagging"
    UNKNOWN = "unknown"
    OK = "ok"
    IDLE = "idle"


_SEVERITY = {verdict: position for position, verdict in enumerate(Verdict)}


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of one pipe at `now`. Moments are epoch seconds, None when there was none.

    `state` is None when the pipe could not be read, and then `reason` says why. `waiting` counts the records that the
    pipe has to handle and whose end the log does not tell, among those created before `horizon`; `holding` the
    executions whose attempts failed and go on, the first of which failed at `holding_since`. `lag_s` is the median time
    from creation to delivery of what was delivered in the last LATELY_S seconds. `letters` are the messages in the
    pipe's dead-letter queue, other pipes' included; None when it has no queue, or nobody knows. `stream_late_s` is for
    how long the watched stream has not been read, so that nobody knows what waits; None when that is known.
    """

    now: float
    state: str | None
    reason: str = ""
    log_problem: str = ""
    horizon: float = 0.0
    waiting: int = 0
    oldest_waiting_at: float | None = None
    holding: int = 0
    holding_since: float | None = None
    last_success_at: float | None = None
    last_failure_at: float | None = None
    last_error: str = ""
    failed_lately: int = 0
    completed_lately: int = 0
    lag_s: float | None = None
    letters: int | None = None
    stream_late_s: float | None = None

    @property
    def oldest_waiting_s(self) -> float:
        """The age of the oldest record that waits, at the horizon; 0 when none does."""
        return 0.0 if self.oldest_waiting_at is None else max(0.0, self.horizon - self.oldest_waiting_at)


@dataclass(frozen=True, slots=True)
class Finding:
    """A verdict, the rule that fired in words of ours, and `detail`, which may quote AWS or the target."""

    verdict: Verdict
    rule: str
    detail: str = ""


Rule = Callable[[Evidence], Finding | None]

_FAILED_STATES = frozenset(
    {"MISSING", "CREATE_FAILED", "UPDATE_FAILED", "START_FAILED", "STOP_FAILED", "DELETE_FAILED"}
)
_ROLLBACK = "_ROLLBACK_FAILED"


def verdict(evidence: Evidence) -> Finding:
    """What the first rule that fires says."""
    for rule in RULES:
        finding = rule(evidence)
        if finding is not None:
            return finding
    return _idle(evidence)


def worst(findings: Iterable[Finding]) -> Verdict:
    """The verdict of the whole pipeline: that of its worst pipe; without any pipe it is unknown."""
    return min((finding.verdict for finding in findings), key=_SEVERITY.__getitem__, default=Verdict.UNKNOWN)


def _broken(known: Evidence) -> Finding | None:
    if known.state is None:
        return None
    if known.state in _FAILED_STATES or known.state.endswith(_ROLLBACK):
        return Finding(Verdict.BROKEN, f"EventBridge says {_words(known.state)}.", known.reason)
    if known.state == "RUNNING" and known.reason:
        return Finding(Verdict.BROKEN, "It runs, and EventBridge gives a reason why it does not get on.", known.reason)
    return None


def _stopped(known: Evidence) -> Finding | None:
    if known.state in ("STOPPED", "STOPPING"):
        waits = f" {_counted(known.waiting)} in the stream." if known.waiting else ""
        return Finding(Verdict.STOPPED, f"It is {_words(known.state)}.{waits}", known.reason)
    return None


def _unknown(known: Evidence) -> Finding | None:
    if known.state is None:
        return Finding(Verdict.UNKNOWN, "The pipe cannot be read.", known.reason)
    if known.state != "RUNNING":
        return Finding(Verdict.UNKNOWN, f"It is {_words(known.state)}.", known.reason)
    if known.log_problem:
        return Finding(Verdict.UNKNOWN, "Its log does not tell.", known.log_problem)
    late_s = known.now - known.horizon
    if late_s > LOG_LATE_S:
        return Finding(Verdict.UNKNOWN, f"The log is {_span(late_s)} behind.")
    return None


def _stalled(known: Evidence) -> Finding | None:
    if known.holding and not _delivered_since_trouble(known):
        rule = "The target cannot be reached: attempts fail and go on without end, and the records behind wait."
        return Finding(Verdict.STALLED, rule, known.last_error)
    if known.waiting and not known.completed_lately and known.oldest_waiting_s > LATELY_S:
        oldest = _span(known.oldest_waiting_s)
        return Finding(
            Verdict.STALLED,
            f"{_counted(known.waiting)}, the oldest for {oldest}, and nothing was completed for {_span(LATELY_S)}.",
            known.last_error,
        )
    return None


def _delivered_since_trouble(known: Evidence) -> bool:
    """Whether deliveries go on beside the executions that hold: other shards' or other lanes'."""
    since, success = known.holding_since, known.last_success_at
    return since is not None and success is not None and success > since


def _failing(known: Evidence) -> Finding | None:
    failure, success = known.last_failure_at, known.last_success_at
    if failure is None:
        return None
    if success is None or failure >= success:
        if _settled(known, failure):
            return None
        ago = _span(max(0.0, known.now - failure))
        return Finding(Verdict.FAILING, f"The newest execution failed, {ago} ago.", known.last_error)
    if known.failed_lately:
        share = f"{known.failed_lately:,} of {known.completed_lately:,}"
        return Finding(Verdict.FAILING, f"{share} executions of the last {_span(LATELY_S)} failed.", known.last_error)
    return None


def _settled(known: Evidence, failure: float) -> bool:
    """Whether somebody has dealt with what failed, and nothing came after it that could fail."""
    return known.letters == 0 and not known.waiting and not known.holding and known.now - failure > IDLE_S


def _lagging(known: Evidence) -> Finding | None:
    if known.lag_s is not None and known.lag_s > LATE_S:
        return Finding(Verdict.LAGGING, f"What is delivered now was written {_span(known.lag_s)} before.")
    if known.oldest_waiting_s > LATE_S:
        return Finding(Verdict.LAGGING, f"{_counted(known.waiting)}, the oldest for {_span(known.oldest_waiting_s)}.")
    return None


def _blind(known: Evidence) -> Finding | None:
    success = known.last_success_at
    if known.stream_late_s is None or (success is not None and known.now - success <= LATELY_S):
        return None
    late = _span(known.stream_late_s)
    return Finding(Verdict.UNKNOWN, f"Which records wait is not known: the stream has not been read for {late}.")


def _ok(known: Evidence) -> Finding | None:
    success = known.last_success_at
    if success is not None and known.now - success <= IDLE_S:
        return Finding(Verdict.OK, f"The newest execution succeeded, {_span(max(0.0, known.now - success))} ago.")
    if known.waiting:
        return Finding(Verdict.OK, f"{_counted(known.waiting)}, none for longer than {_span(LATE_S)}.")
    return None


def _idle(known: Evidence) -> Finding:
    quiet, failure = f"Nothing was there to do for {_span(IDLE_S)}.", known.last_failure_at
    if failure is None or (known.last_success_at is not None and known.last_success_at > failure):
        return Finding(Verdict.IDLE, quiet)
    ago = _span(known.now - failure)
    return Finding(
        Verdict.IDLE, f"{quiet} The last execution failed {ago} ago; its dead letters are dealt with.", known.last_error
    )


#: In the order in which they are tried.
RULES: tuple[Rule, ...] = (_broken, _stopped, _unknown, _stalled, _failing, _lagging, _blind, _ok)


def _words(state: str) -> str:
    return state.lower().replace("_", " ")


def _counted(waiting: int) -> str:
    return "1 record waits" if waiting == 1 else f"{waiting:,} records wait"


def _span(seconds: float) -> str:
    """A span of time in words: "7 s", "3 min", "2 h"."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"
