"""The process's file descriptors: how many it may have, and how many are left."""

from __future__ import annotations

import os
import resource

#: What is asked for at start, as far as the hard limit allows. macOS starts a shell with 256.
WANTED = 65_536


def raise_limit() -> int:
    """Raises the soft limit to WANTED or to the hard limit, never lowers it. Returns the limit that is now in force."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for wanted in (WANTED, 10_240):
        allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        if soft == resource.RLIM_INFINITY or soft >= allowed:
            break
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
            break
        except (OSError, ValueError):
            # macOS says "unlimited" and refuses more than its kern.maxfilesperproc, which is at least 10,240.
            continue
    return limit()


def limit() -> int:
    """How many descriptors this process may have; WANTED when there is no limit."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return WANTED if soft == resource.RLIM_INFINITY else soft


def left() -> int:
    """How many more this process may open; 0 also when there is not even one to count them with."""
    try:
        # The listing's own descriptor is in the list.
        return limit() - len(os.listdir("/dev/fd")) + 1
    except OSError:
        return 0
