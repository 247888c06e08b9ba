"""Which user of this machine is at the other end of a connection over loopback, where the kernel tells: on Linux."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from ipaddress import ip_address
from pathlib import Path

#: Root may do everything on a machine anyway, and relays for the machine's owner (WSL's, for one).
_ROOT = 0
_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))

Address = tuple[str, int]


def is_other_user(client: Address, server: Address) -> bool:
    """Whether another user than ours made the connection between these ends. False where it cannot be told."""
    for table in _TABLES:
        try:
            with table.open(encoding="ascii") as lines:
                owner = owner_in(lines, client, server)
        except OSError:
            continue
        if owner is not None:
            return owner not in (os.geteuid(), _ROOT)
    return False


def owner_in(lines: Iterable[str], client: Address, server: Address) -> int | None:
    """The user id of the client's end in a table such as /proc/net/tcp; None when the connection is not in it."""
    ends = {(_spelled(client, wide), _spelled(server, wide)) for wide in (False, True)}
    for line in lines:
        fields = line.split()
        if len(fields) > 7 and (fields[1], fields[2]) in ends:
            return int(fields[7])
    return None


def _spelled(address: Address, wide: bool) -> str:
    """An address as the kernel writes it: words of 32 bits in the machine's byte order, in hexadecimal digits."""
    packed = ip_address(address[0]).packed
    if wide and len(packed) == 4:
        # An IPv4 client of a server that is bound for both.
        packed = b"\0" * 10 + b"\xff" * 2 + packed
    words = (int.from_bytes(packed[at : at + 4], sys.byteorder) for at in range(0, len(packed), 4))
    return f"{''.join(f'{word:08X}' for word in words)}:{address[1]:04X}"
