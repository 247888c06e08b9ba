"""What the person who started this process has set: the environment, and the file `.env` of the project.

A module of its own, because `provision` asks for nothing else of what the dashboard's runtime brings along.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from dotenv import dotenv_values

from core import key_text
from core.config import SETTINGS
from core.errors import NotConfigured
from core.redaction import remember

_PROJECT = Path(__file__).resolve().parent.parent


def read_environment() -> Mapping[str, str]:
    """The environment over `.env`: a real variable wins over the file. Its secrets are hidden from now on.

    Raises NotConfigured for a file that cannot be read.
    """
    found = {**_from_file(_PROJECT / ".env"), **os.environ}
    remember(*(found.get(setting.name, "").strip(key_text.AROUND) for setting in SETTINGS if setting.secret))
    return found


def _from_file(path: Path) -> dict[str, str]:
    try:
        return {name: value or "" for name, value in dotenv_values(path, encoding="utf-8-sig").items()}
    except UnicodeDecodeError:
        raise NotConfigured(f"{path} is not UTF-8 text.", "Save it again, with the encoding UTF-8.") from None
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise NotConfigured(f"{path} cannot be read: {why}.", "Correct its rights, or remove it.") from None
