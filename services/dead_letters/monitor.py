"""Watching the queue for all viewers: its depth, and now and then a look at the messages.

A look receives every message, so it is not taken more often than it is worth. It is due

    at first, and when somebody asks for one
    when the depth has changed since the last one, at most every PAUSE_S
    after EVERY_S otherwise
    never while this process works on the messages: the last one stays

One thread takes it and judges what it saw; pages get what there is, and wait only for the very first one. What was
seen is given out before it is judged: a slow stream, log or cache must not hide it.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

from core import patience
from core.errors import DashboardError
from services.dead_letters.diagnosis import Casebook
from services.dead_letters.queue import DeadLetterQueue, Depth, Look, QueueBusy
from services.dead_letters.repair_status import Case, waiting
from services.jobs.background import Loop, Pulse
from services.jobs.cached_read import NotYet, Reading, Shared

#: Seconds between looks: at least, when the depth changes, and at most while somebody watches.
PAUSE_S = 3.0
EVERY_S = 60.0
#: Letters of a look, at first and at most.
AT_FIRST = 500
MOST = 20_000
#: Letters of a look whose records and keys are read, and how long what was read of them counts, in seconds.
JUDGED = 2_000
JUDGED_S = 15.0
#: Seconds between samples of the depth, and how many are kept: six hours.
SAMPLE_S = 10.0
SAMPLES = 2_160
#: How long a page waits for the first look, in seconds.
FIRST_S = 5.0


@dataclass(frozen=True)
class Sample:
    """The queue at one moment: messages in it, and when the oldest one seen was sent. Epoch seconds."""

    at: float
    total: int
    oldest_sent_at: float | None


@dataclass(frozen=True)
class Watched:
    """The last look with the cases of its letters. `problem` is why the newest try failed, None when it did not.

    `looked_at` and `judged_at` are in epoch seconds.
    """

    look: Look
    cases: tuple[Case, ...]
    looked_at: float
    judged_at: float
    problem: DashboardError | None = None


class Watch:
    """The watch over the queue. Its methods may be called by any thread."""

    def __init__(self, queue: DeadLetterQueue, casebook: Casebook, depth: Shared[Depth]) -> None:
        self._queue = queue
        self._casebook = casebook
        self._depth = depth
        self._lock = threading.Lock()
        self._watched: Watched | None = None
        self._error: DashboardError | None = None
        self._limit = AT_FIRST
        self._asked = True
        self._tried_at = 0.0
        self._total = -1
        self._looking: threading.Thread | None = None
        self._samples: deque[Sample] = deque(maxlen=SAMPLES)
        self._closed = threading.Event()
        self.sampler = Loop("dead-letter depth", self._sample, SAMPLE_S)
        #: Of the looks, which a page or the depth asks for.
        self._pulse = Pulse("dead-letter look", EVERY_S)

    def start(self) -> None:
        """Begins to sample the depth."""
        self.sampler.start()

    def close(self) -> None:
        """Ends the sampling, and waits for a look that is under way: it must release what it holds."""
        self._closed.set()
        with self._lock:
            looking = self._looking
        if looking is not None:
            looking.join(2.0)
        self.sampler.close()

    @property
    def looking(self) -> bool:
        """Whether a look is being taken."""
        return self._looking is not None and self._looking.is_alive()

    @property
    def limit(self) -> int:
        """How many letters a look takes."""
        return self._limit

    def ask(self, limit: int | None = None) -> None:
        """A look is due now, and takes up to `limit` letters from now on. Returns at once."""
        if limit is not None:
            self._limit = min(max(limit, 1), MOST)
        self._asked = True

    def get(self) -> Watched:
        """What was seen last. Begins another look if one is due. Raises DashboardError when there never was one."""
        looking = self._looking_if_due()
        if self._watched is None and looking is not None:
            looking.join(patience.left(FIRST_S))
        if self._watched is None:
            raise self._error or NotYet("The first look at the queue is not done yet.", "It comes by itself.")
        return self._watched

    def letters(self) -> Reading[Look]:
        """The last look alone. Raises DashboardError when there never was one."""
        watched = self.get()
        return Reading(watched.look, watched.looked_at)

    def samples(self) -> tuple[Sample, ...]:
        """The depth over time, the oldest first."""
        return tuple(self._samples)

    def _looking_if_due(self) -> threading.Thread | None:
        with self._lock:
            if self.looking or self._closed.is_set() or not self._due():
                return self._looking
            self._looking = threading.Thread(target=self._look, name="dead-letter look", daemon=True)
            self._looking.start()
            return self._looking

    def _due(self) -> bool:
        since = time.monotonic() - self._tried_at
        if self._queue.working:
            return False
        if self._asked or since >= EVERY_S:
            return True
        if since < PAUSE_S:
            return False
        old = self._watched is not None and time.time() - self._watched.judged_at >= JUDGED_S
        return old or self._now() != self._total

    def _now(self) -> int:
        """The depth now; as before when it cannot be read, which is said elsewhere."""
        try:
            return self._depth.get().value.total
        except DashboardError:
            return self._total

    def _look(self) -> None:
        error = self._pulse.beat(self._take)
        # Work began in between: the last look stays, and the end of the work asks for another.
        if error is not None and not isinstance(error, QueueBusy):
            self._failed(error)

    def _take(self) -> None:
        before, total = self._watched, self._now()
        again = not self._asked and before is not None and before.problem is None and total == self._total
        self._tried_at = time.monotonic()
        if again and before is not None and time.time() - before.looked_at < EVERY_S:
            # The queue is as it was: only what the letters tell of may have changed.
            look, looked_at = before.look, before.looked_at
        else:
            self._asked, self._total = False, total
            look, looked_at = self._queue.look(self._limit), time.time()
            self._watched = Watched(look, _as_before(look, before), looked_at, time.time())
        problem: DashboardError | None = None
        judged, rest = look.letters[:JUDGED], look.letters[JUDGED:]
        try:
            cases = self._casebook.cases(judged)
        except DashboardError as error:
            cases, problem = self._casebook.unread(judged), error
        self._watched = Watched(look, cases + self._casebook.unread(rest), looked_at, time.time(), problem)
        self._error = None
        self._tried_at = time.monotonic()

    def _failed(self, error: DashboardError) -> None:
        self._tried_at, self._error, self._asked = time.monotonic(), error, False
        if self._watched is not None:
            last = self._watched
            self._watched = Watched(last.look, last.cases, last.looked_at, time.time(), error)

    def _sample(self) -> None:
        # Without a sample the gap in the chart says that nothing was known.
        total = self._depth.get().value.total
        watched = self._watched
        oldest = watched.look.letters[0].sent_at.timestamp() if watched and watched.look.letters else None
        self._samples.append(Sample(time.time(), total, oldest if total else None))


def _as_before(look: Look, before: Watched | None) -> tuple[Case, ...]:
    """The cases of a look that is not judged yet: what is known of its letters from the one before."""
    known = {case.letter.message_id: case for case in before.cases} if before else {}
    return tuple(
        replace(known[letter.message_id], letter=letter) if letter.message_id in known else waiting(letter)
        for letter in look.letters
    )


#: Reads the last look, for those that only need the letters.
LetterReader = Callable[[], Reading[Look]]
