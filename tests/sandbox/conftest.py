"""What whole-pipeline tests share. The run's sandbox and its clients come from tests/conftest.py."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bench.wire import Cache, Subscriber, momento
from provision.names import TABLE, TABLE_KEY
from sandbox.state import SandboxState
from tests.conftest import AwsClients


@pytest.fixture
def clean_table(aws: AwsClients) -> None:
    """The weather table with nothing in it."""
    dynamodb = aws.client("dynamodb")
    for record in dynamodb.scan(
        TableName=TABLE, ProjectionExpression="#key", ExpressionAttributeNames={"#key": TABLE_KEY}
    )["Items"]:
        dynamodb.delete_item(TableName=TABLE, Key=record)


@pytest.fixture
def momento_wire(sandbox_stack: SandboxState) -> Iterator[tuple[Cache, Subscriber]]:
    """The cache of the run's sandbox, and a live subscription to its topic."""
    with momento(sandbox_stack) as both:
        yield both
