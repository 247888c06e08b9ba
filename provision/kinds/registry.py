"""Which class knows which kind of resource."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from core.names import StackNames
from provision.clients import Caches, Clients
from provision.kinds.alarm import Alarm
from provision.kinds.api_destination import ApiDestination
from provision.kinds.cache import Cache
from provision.kinds.connection import Connection
from provision.kinds.dashboard import Dashboard
from provision.kinds.kind import Kind
from provision.kinds.log_group import LogGroup
from provision.kinds.pipe import Pipe
from provision.kinds.queue import Queue
from provision.kinds.role import Role
from provision.kinds.secret import Secret
from provision.kinds.table import Table
from provision.kinds.topic import Topic

#: The word that `Declared.kind` has for it → the class at work.
Kinds: TypeAlias = Mapping[str, Kind]


def kinds(aws: Clients, caches: Caches, names: StackNames, account: str) -> Kinds:
    """All kinds, at work in one account and region."""
    return {
        "Momento cache": Cache(caches),
        "table": Table(aws),
        "queue": Queue(aws),
        "log group": LogGroup(aws),
        "secret": Secret(aws),
        "connection": Connection(aws, names.secret),
        "API destination": ApiDestination(aws),
        "role": Role(aws),
        "pipe": Pipe(aws),
        "alarm": Alarm(aws),
        "dashboard": Dashboard(aws),
        "SNS topic": Topic(aws, account),
    }
