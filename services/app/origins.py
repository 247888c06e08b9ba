"""Whether an `Origin` header names the dashboard itself, by the `Host` under which it was asked. Pure.

Host and port are compared; a port that is not written is that of the Origin's scheme. The scheme is compared only as
far as the dashboard knows its own: behind a proxy that ends TLS it is asked by http for what the browser has by https.
"""

from __future__ import annotations

import re
from ipaddress import IPv6Address, ip_address

_PORTS = {"http": 80, "https": 443}
_NAME = r"[a-z0-9._-]+|\[[0-9a-f:.]+\]"
_ORIGIN = re.compile(rf"(?P<scheme>https?)://(?P<name>{_NAME})(?::(?P<port>[0-9]{{1,5}}))?")
_HOST = re.compile(rf"(?P<name>{_NAME})(?::(?P<port>[0-9]{{1,5}}))?")


def same_origin(origin: str, host: str, secure: bool) -> bool:
    """Whether a page of `origin` is a page of the dashboard that was asked under `host`.

    `secure` says that the dashboard was asked by https, so that a page of http is another one. `null`, user names,
    paths and what is no address at all are never the same.
    """
    found = _ORIGIN.fullmatch(origin.lower())
    asked = _HOST.fullmatch(host.lower())
    if found is None or asked is None or (secure and found["scheme"] != "https"):
        return False
    default = _PORTS[found["scheme"]]
    same_port = int(found["port"] or default) == int(asked["port"] or default)
    return same_port and _name(found["name"]) is not None and _name(found["name"]) == _name(asked["name"])


def is_address(host: str) -> bool:
    """Whether a `Host` header is an IP address, with or without a port. Names alone can be aimed at another machine."""
    asked = _HOST.fullmatch(host.lower())
    if asked is None:
        return False
    try:
        ip_address(asked["name"].strip("[]"))
    except ValueError:
        return False
    return True


def _name(text: str) -> str | None:
    """A host's name, or its IPv6 address in its one short form; None for brackets with something else in them."""
    if not text.startswith("["):
        return text
    try:
        return str(IPv6Address(text[1:-1]))
    except ValueError:
        return None
