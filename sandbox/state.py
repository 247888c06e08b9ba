"""The sandbox's state file: how everything else finds the embedded stack.

One JSON file in a private folder, written anew (atomically) each time a part comes up. It holds keys, so the
folder is 0700 and the file 0600. The dashboard and the tests read it; nobody else writes it.
"""

from __future__ import annotations

import json
import os
import shlex
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeVar, get_origin, get_type_hints

from core.private_files import own_folder, read_private, reason, replace_private

#: Where the state file lives unless the variable SANDBOX_DIR says otherwise.
DEFAULT_DIR = Path(__file__).resolve().parent.parent / ".sandbox"

#: The members that are secret.
KEYS = (
    "aws_secret_access_key",
    "momento_api_key",
    "momento_v1_api_key",
    "momento_oauth_client_secret",
    "admin_token",
)


@dataclass(frozen=True)
class Part:
    """One part of the stack on its way up. `state` is waiting, starting, ready or failed."""

    name: str
    state: str = "waiting"
    detail: str = ""


@dataclass(frozen=True)
class SandboxState:
    """Everything a client needs to find and use the sandbox. Ports are 0 and addresses empty until known."""

    pid: int
    instance: str
    started_at: str
    region: str
    account_id: str
    ready: bool = False
    parts: tuple[Part, ...] = ()
    aws_endpoint: str = ""
    aws_access_key_id: str = ""
    aws_secret_access_key: str = field(default="", repr=False)
    momento_host: str = ""
    momento_port: int = 0
    momento_http_endpoint: str = ""
    momento_api_key: str = field(default="", repr=False)
    momento_v1_api_key: str = field(default="", repr=False)
    momento_oauth_client_id: str = ""
    momento_oauth_client_secret: str = field(default="", repr=False)
    admin_url: str = ""
    admin_token: str = field(default="", repr=False)
    stack_prefix: str = ""


def directory() -> Path:
    """The folder of the state file: SANDBOX_DIR, or `.sandbox` in the project."""
    return Path(os.environ.get("SANDBOX_DIR") or DEFAULT_DIR)


def path() -> Path:
    """The state file."""
    return directory() / "state.json"


def write(state: SandboxState) -> None:
    """Replace the state file in one step, readable by its owner only."""
    own_folder(directory())
    replace_private(path(), json.dumps(asdict(state), indent=2).encode())


def forget() -> None:
    """Take the state file away. Raises OSError."""
    path().unlink(missing_ok=True)


def touch() -> None:
    """Give the state file the time of now, if there is one: a sandbox that takes long to end is still at it."""
    with suppress(OSError):
        os.utime(path(), follow_symlinks=False)


def trouble(error: OSError) -> str:
    """What is wrong with the folder of the state file, and what to do, in one line."""
    what = "SANDBOX_DIR" if os.environ.get("SANDBOX_DIR") else "The folder of the sandbox's state"
    return (
        f"{what} {directory()} cannot be used: {reason(error)}. Name a folder of your own in SANDBOX_DIR, one that can "
        "be written."
    )


def read() -> SandboxState | None:
    """The state of the sandbox that wrote last, or None. It may have died since: see `sandbox.lock.is_held`.

    None as well for a file that no sandbox of this version wrote. Raises OSError when it cannot be read.
    """
    try:
        raw: dict[str, Any] = json.loads(read_private(path()))
        raw["parts"] = tuple(_of_its_types(Part(**part)) for part in raw["parts"])
        return _of_its_types(SandboxState(**raw))
    except (FileNotFoundError, ValueError, KeyError, TypeError, RecursionError):
        return None


_Read = TypeVar("_Read", Part, SandboxState)


def _of_its_types(found: _Read) -> _Read:
    """The same. Raises TypeError when a member is not of the type that it is declared with."""
    for member, kind in get_type_hints(type(found)).items():
        if type(getattr(found, member)) is not (get_origin(kind) or kind):
            raise TypeError(f"{member} is no {kind}")
    return found


def exports(state: SandboxState) -> str:
    """Shell exports that point the `aws` CLI, boto3, any Momento SDK and this dashboard at the sandbox."""
    variables = {
        "TARGET": "sandbox",
        "AWS_ENDPOINT_URL": state.aws_endpoint,
        "AWS_REGION": state.region,
        "AWS_DEFAULT_REGION": state.region,
        "AWS_ACCESS_KEY_ID": state.aws_access_key_id,
        "AWS_SECRET_ACCESS_KEY": state.aws_secret_access_key,
        "MOMENTO_HOST": state.momento_host,
        "MOMENTO_PORT": str(state.momento_port),
        "MOMENTO_HTTP_ENDPOINT": state.momento_http_endpoint,
        "MOMENTO_API_KEY": state.momento_api_key,
        "MOMENTO_V1_API_KEY": state.momento_v1_api_key,
        "MOMENTO_ADMIN_URL": state.admin_url,
        "MOMENTO_ADMIN_TOKEN": state.admin_token,
        "STACK_PREFIX": state.stack_prefix,
    }
    exported = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in variables.items())
    # A session token that the shell holds already would go with these keys, and AWS's clients would send it.
    return exported + "unset AWS_SESSION_TOKEN AWS_SECURITY_TOKEN\n"
