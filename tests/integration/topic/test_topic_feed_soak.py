"""Momento stops, returns and dies under traffic: the feed comes back each time, counts what is lost, leaks nothing.

FEED_RETURNS=50 makes it a soak. How soon it was back is logged (pytest --log-cli-level=INFO), not judged.
"""

import logging
import os
import random
import threading
import time

from core.errors import DashboardError
from core.momento_client import MomentoCache
from services.topic.subscription import TopicFeed
from services.topic.subscription_state import FeedState
from tests.conftest import wait_until
from tests.support.running_momento import RunningMomento

logger = logging.getLogger(__name__)

CACHE, TOPIC = "weather", "changes"
RETURNS = int(os.environ.get("FEED_RETURNS", "4"))


class Publisher:
    """Publishes without rest to a Momento that comes and goes; holds still while `quiet` is held."""

    def __init__(self, momento: RunningMomento) -> None:
        self.quiet = threading.Lock()
        self._client = MomentoCache(momento.address())
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._publish, name="publisher")
        self._thread.start()

    def close(self) -> None:
        self._done.set()
        self._thread.join()
        self._client.close()

    def _publish(self) -> None:
        number = 0
        while not self._done.wait(0.005):
            with self.quiet:
                try:
                    self._client.publish(CACHE, TOPIC, f"message {number}")
                    number += 1
                except DashboardError:
                    continue


def create_cache(momento: RunningMomento) -> None:
    client = MomentoCache(momento.address())
    client.create_cache(CACHE)
    client.close()


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_it_returns_each_time_with_every_gap_counted_and_nothing_leaked() -> None:
    random.seed(4)
    momento = RunningMomento()
    create_cache(momento)
    feed = TopicFeed(momento.address(), CACHE, TOPIC)
    feed.start()
    wait_until(lambda: feed.status().state is FeedState.LIVE, what="the start")
    publisher = Publisher(momento)
    wait_until(lambda: feed.status().received > 3, what="the first messages")
    threads, files, lost_lives, returns = threading.active_count(), open_files(), 0, list[float]()

    def everything_accounted() -> bool:
        status = feed.status()
        return status.received + status.missed == lost_lives + momento.service.stats()["published"]

    for number in range(1, RETURNS + 1):
        if number % 2:
            momento.stop_listening()
            wait_until(lambda: feed.status().state is FeedState.RECONNECTING, what="the loss")
            time.sleep(random.uniform(0, 3) if RETURNS > 10 else 0.2)
            momento.start_listening()
        else:
            with publisher.quiet:
                wait_until(everything_accounted, what="all messages of this life")
                lost_lives += momento.service.stats()["published"]
                momento.die_and_start_anew()
                create_cache(momento)
        back = time.monotonic()
        wait_until(lambda number=number: feed.status().reconnects >= number, what=f"return {number}")
        returns.append(time.monotonic() - back)

    with publisher.quiet:
        wait_until(everything_accounted, what="all messages")
    publisher.close()
    gaps = feed.status().gaps
    assert [gap.began_anew for gap in gaps] == [True] * (RETURNS // 2)
    assert sum(gap.missed for gap in gaps) == feed.status().missed
    assert sum(thread.name.startswith("topic-feed") for thread in threading.enumerate()) == 2
    wait_until(lambda: threading.active_count() <= threads, what="the threads of lost connections to end")
    wait_until(lambda: open_files() <= files, what="the files of lost connections to be closed")
    logger.info("%d returns, live again after at most %.2f s, %d gaps", RETURNS, max(returns), len(gaps))
    feed.close()
    momento.end()
