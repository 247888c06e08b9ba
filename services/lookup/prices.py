"""What reads cost, at prices that a person may change, and what the cache saved by them. Pure; asks no network."""

from __future__ import annotations

from dataclasses import dataclass

from services.lookup.stats import Counts


@dataclass(frozen=True)
class Price:
    """One example price in US dollars per `unit`, with the region and the date that it is of, and where it is from."""

    name: str
    usd: float
    unit: str
    region: str
    as_of: str
    source: str


#: Examples: list prices change and differ by region and contract.
TABLE_READ = Price(
    "DynamoDB on-demand read",
    0.125,
    "million read request units",
    "us-east-1",
    "November 2024",
    "aws.amazon.com/dynamodb/pricing/on-demand",
)
CACHE_TRANSFER = Price(
    "Momento Cache transfer", 0.50, "GB in and out", "all regions", "2024", "gomomento.com/pricing, pay as you go"
)
PRICES = (TABLE_READ, CACHE_TRANSFER)


@dataclass(frozen=True)
class Savings:
    """What hits saved: US dollars of table reads, what the cache cost, and the difference; time in milliseconds.

    `time_ms` is None until both sides have been read, since it compares their mean latencies.
    """

    table_usd: float
    cache_usd: float
    time_ms: float | None

    @property
    def net_usd(self) -> float:
        """The table's share less the cache's; below zero when the cache cost more."""
        return self.table_usd - self.cache_usd


def savings(counts: Counts, table_read_usd: float, cache_transfer_usd: float) -> Savings:
    """What the cache saved, at a price per million read request units and a price per GB (10^9 bytes)."""
    time_ms = None
    if counts.reads and counts.table_reads:
        time_ms = counts.saved * (counts.table_ms / counts.table_reads - counts.cache_ms / counts.reads)
    return Savings(counts.saved_units * table_read_usd / 1e6, counts.cache_bytes * cache_transfer_usd / 1e9, time_ms)
