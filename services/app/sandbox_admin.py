"""What can be done to the sandbox, through its admin port: faults, stopping Momento, traffic."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from core.errors import InvalidInput, NotAuthorized, NotFound, ServiceFailed, Unreachable

#: Seconds to wait for what is read, so that a page does not wait long for a sandbox that is frozen, and for an order.
_READ_S, _ORDER_S = 3, 10


@dataclass(frozen=True)
class SandboxSeen:
    """What the page Sandbox shows: the status, and the faults that are on or over."""

    status: dict[str, Any]
    faults: dict[str, Any]


class SandboxAdmin:
    """The admin port of one run of the sandbox, whose token it wants. Every method raises a DashboardError."""

    def __init__(self, url: str, token: str) -> None:
        self._url = url
        self._token = token
        # The admin port is on this machine; a proxy of the environment is none of its business.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def status(self) -> dict[str, Any]:
        """Counts and states of pipes, Momento, faults and traffic, as sandbox/admin.py documents them."""
        return self._ask("GET", "/status")

    def seen(self) -> SandboxSeen:
        """Status and faults, read one after the other."""
        return SandboxSeen(self.status(), self.faults())

    def fail_momento(self, status: int, count: int | None) -> None:
        """Makes Momento's HTTP API answer `status` to the next `count` requests, or until cleared."""
        self._ask("POST", "/faults", {"route": "*", "status": status, "count": count})

    def add_faults(self, *faults: dict[str, Any]) -> None:
        """Switches faults on, each as sandbox/faults/fault.py reads it; all of them or none."""
        self._ask("POST", "/faults", list(faults))

    def faults(self) -> dict[str, Any]:
        """The faults: under `on` those that are on, under `ended` the last that are over."""
        return self._ask("GET", "/faults")

    def end_fault(self, fault_id: int) -> None:
        """Ends one fault. One that is used up in the meantime is over as well."""
        with suppress(NotFound):
            self._ask("DELETE", f"/faults/{fault_id}")

    def clear_faults(self) -> None:
        """Ends all faults of the schedule; Momento's ports and the connection's key stay as they are."""
        self._ask("DELETE", "/faults")

    def ledger(self) -> dict[str, Any]:
        """For each pipe what became of every record, as sandbox/ledger/ledger.py says."""
        return self._ask("GET", "/ledger")

    def aws_calls(self) -> dict[str, int]:
        """How many calls the sandbox's AWS endpoint was asked over the wire, by service and operation."""
        return self._ask("GET", "/aws-calls")

    def stop_momento(self) -> None:
        """Momento refuses connections from now on; its contents stay."""
        self._ask("POST", "/momento/stop")

    def start_momento(self) -> None:
        """Momento accepts connections again."""
        self._ask("POST", "/momento/start")

    def use_wrong_key(self) -> None:
        """Puts a key that Momento does not know into the pipes' connection."""
        self._ask("POST", "/connection/wrong-key")

    def use_right_key(self) -> None:
        """Puts the right key back into the pipes' connection."""
        self._ask("POST", "/connection/right-key")

    def start_traffic(self, source: str, rate: float, count: int, deletes: float) -> None:
        """Replays `count` writes of a source at `rate` per second; `deletes` percent of them delete."""
        self._ask("POST", "/traffic", {"sources": [source], "rate": rate, "count": count, "deletes": deletes})

    def stop_traffic(self) -> None:
        """Ends the replay that runs."""
        self._ask("DELETE", "/traffic")

    def _ask(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        request = urllib.request.Request(
            self._url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json", "Authorization": f"Bearer {self._token}"},
        )
        try:
            with self._opener.open(request, timeout=_READ_S if method == "GET" else _ORDER_S) as answer:
                return _object(path, answer.read())
        except urllib.error.HTTPError as error:
            with error:
                raise _refused(path, error) from None
        except (OSError, http.client.HTTPException):
            what = f"The sandbox's admin port at {self._url} does not answer."
            if method != "GET":
                what += f" It is not known whether {method} {path} was carried out."
            raise Unreachable(what, "Is the sandbox still running?") from None


def _object(path: str, body: bytes) -> dict[str, Any]:
    try:
        parsed = json.loads(body)
    except ValueError:
        parsed = None
    if not isinstance(parsed, dict):
        raise ServiceFailed(f"The sandbox's admin port answered {path} with something that is no JSON object.")
    return parsed


def _refused(path: str, error: urllib.error.HTTPError) -> Exception:
    try:
        why = str(json.load(error).get("error", ""))
    except (ValueError, AttributeError, OSError, http.client.HTTPException):
        why = ""
    if error.code == 400:
        return InvalidInput(path, f"The sandbox refused the order: {why}.", "Change the values and try again.")
    if error.code == 401:
        return NotAuthorized(
            "The sandbox's admin port does not take the token of the state file.",
            "The sandbox was started anew, or by another version: stop it and start it again.",
        )
    if error.code == 404:
        return NotFound(f"The sandbox does not know it: {why}.", "It may be over already; look again.")
    return ServiceFailed(f"The sandbox answered {error.code} to {path}. {why}".strip())
