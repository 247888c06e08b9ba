"""Writes that have arrived in the cache, whatever the pages follow of them."""

from __future__ import annotations

from core import names
from services.app.pipeline import Pipeline
from services.cache.agreement import Agreement
from services.weather.table import WeatherRecord
from tests.conftest import wait_until
from tests.support.running_pipeline import a_location, a_record


def put_through(pipeline: Pipeline, record: WeatherRecord) -> None:
    """Writes a record and waits for the cache to have it."""
    pipeline.table.put(record)
    wait_until(
        lambda: pipeline.lookups.look_up(record.location).agreement is Agreement.EQUAL,
        what=f"{record.location} in the cache",
    )


def delete_through(pipeline: Pipeline, location: str) -> None:
    """Deletes a record and waits for the cache to have lost it."""
    pipeline.table.delete(location)
    wait_until(lambda: not pipeline.cache.get(names.CACHE, location).hit, what=f"{location} out of the cache")


def written(pipeline: Pipeline, word: str = "Town", **changes: object) -> str:
    """A location whose record has arrived in the cache."""
    location = a_location(word)
    put_through(pipeline, a_record(location, **changes))
    return location
