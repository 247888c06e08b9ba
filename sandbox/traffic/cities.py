"""Made-up weather for ten cities of the United States: plausible for the season, endless, repeatable by its seed.

Assumption: no fact names the ten cities of the original demo; these are the nine largest and Seattle.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from sandbox.traffic.observation import Observation, Source

FIRST_DAY = date(2026, 1, 1)
#: The day of the year around which it is coldest, and the spread of single days about the season (°F).
COLDEST_DAY = 20
SPREAD = 7.0


@dataclass(frozen=True)
class Climate:
    """Typical highs in January and in July (°F), how far the night falls below the day (°F), and wet days in %."""

    january: float
    july: float
    night: float
    wet: float


CITIES = {
    "New York": Climate(39, 85, 14, 33),
    "Los Angeles": Climate(68, 84, 18, 10),
    "Chicago": Climate(32, 85, 15, 34),
    "Houston": Climate(63, 95, 19, 28),
    "Phoenix": Climate(68, 106, 23, 8),
    "Philadelphia": Climate(41, 88, 17, 32),
    "San Antonio": Climate(63, 95, 21, 22),
    "San Diego": Climate(66, 77, 13, 11),
    "Dallas": Climate(57, 96, 20, 22),
    "Seattle": Climate(48, 79, 15, 41),
}


def cities(seed: int | None = None) -> Source:
    """One observation per city and day, day after day without end, in whole °F and %."""
    return Source("cities", _days(random.Random(seed)), None)


def _days(dice: random.Random) -> Iterator[Observation]:
    day = FIRST_DAY
    while True:
        for city, climate in CITIES.items():
            yield _weather(city, climate, day, dice)
        day += timedelta(days=1)


def _weather(city: str, climate: Climate, day: date, dice: random.Random) -> Observation:
    season = (1 - math.cos(2 * math.pi * (day.timetuple().tm_yday - COLDEST_DAY) / 365.25)) / 2
    typical = climate.january + season * (climate.july - climate.january)
    high = round(dice.gauss(typical, SPREAD))
    low = high - max(1, round(dice.gauss(climate.night, SPREAD / 3)))
    chance = min(100, max(0, round(dice.gauss(climate.wet, 20))))
    return Observation(city, day, high, low, chance)
