"""The sandbox's state file: how everything else finds the embedded stack.

One JSON file in a private folder, written anew (atomically) each time a part comes up. It holds keys, so the
folder is 0700 and the file 0600. The dashboard and the tests read it; nobody else writes it.
"""

from __future__ import annotations

import json
import os
import shlex
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

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
    folder = directory()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    fresh = folder / f"state.{state.pid}.tmp"
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(asdict(state), file, indent=2)
    os.replace(fresh, path())


def read() -> SandboxState | None:
    """The state of the sandbox that wrote last, or None. It may have died since: see `sandbox.lock.is_held`."""
    try:
        raw: dict[str, Any] = json.loads(path().read_text(encoding="utf-8"))
        raw["parts"] = tuple(Part(**part) for part in raw["parts"])
        return SandboxState(**raw)
    except (FileNotFoundError, json.JSONDecodeError, KeyError, TypeError):
        return None


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
