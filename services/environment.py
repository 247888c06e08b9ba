"""What the person who started this process has set: the environment, and the file `.env` of the project.

A module of its own, because `provision` asks for nothing else of what the dashboard's runtime brings along.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from dotenv import dotenv_values

_PROJECT = Path(__file__).resolve().parent.parent


def read_environment() -> Mapping[str, str]:
    """The environment over `.env`: a real variable wins over the file."""
    from_file = {name: value or "" for name, value in dotenv_values(_PROJECT / ".env").items()}
    return {**from_file, **os.environ}
