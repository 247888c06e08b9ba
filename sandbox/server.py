"""The sandbox as a whole: which parts it has, in which order they come up, and how they go down.

Each part that comes up is written to the state file, so that whoever waits can show how far it is.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
import uuid
from collections.abc import Awaitable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from os import getpid
from typing import TYPE_CHECKING, Any

from core import names
from core.private_files import reason
from provision.settings import Profile
from sandbox import state as state_file
from sandbox.admin import AdminApi
from sandbox.admin_door import AdminDoor
from sandbox.aws.door import Door
from sandbox.aws.emulator import Emulator
from sandbox.aws.gateway import Gateway
from sandbox.aws.tagging import TaggingFront
from sandbox.faults.aws_calls import FaultyAws
from sandbox.faults.board import FaultBoard
from sandbox.garbage import set_aside_what_is_old
from sandbox.http_server import HttpServer, bind
from sandbox.ledger.ledger import Ledger
from sandbox.ledger.letters import LetterLog
from sandbox.loopback_only import LoopbackOnly
from sandbox.metrics import MetricsPublisher
from sandbox.momento.keys import KeyRing
from sandbox.momento.service import MomentoService
from sandbox.pipes.service import PipesService
from sandbox.pipes.target.api_destination import ConnectionFailures
from sandbox.provisioning import provision
from sandbox.state import Part, SandboxState
from sandbox.traffic_control import TrafficControl

if TYPE_CHECKING:
    from sandbox.persistence.persistence import Persistence

#: The account that everything in the sandbox belongs to: AWS's own placeholder.
ACCOUNT_ID = "123456789012"

#: Seconds between two signs that a sandbox that ends is still at it.
_BEAT_S = 0.5

AWS_ENDPOINT = "AWS endpoint"
MOMENTO = "Momento"
ADMIN = "Admin port"
STACK = "Stack"


@dataclass(frozen=True)
class Options:
    """What a person may choose. Port 0 means: any free one."""

    region: str = "us-west-2"
    host: str = "127.0.0.1"
    aws_port: int = 0
    momento_port: int = 0
    momento_http_port: int = 0
    admin_port: int = 0
    profile: Profile = Profile.ORIGINAL
    connection_failures: ConnectionFailures = ConnectionFailures.INTERNAL


def _bind(option: str, host: str, port: int) -> socket.socket:
    """A socket for the port that an option names. Raises OSError, which names the option."""
    try:
        return bind(host, port)
    except OSError as error:
        raise OSError(f"{option}: {reason(error)}. Name another port, or 0 for a free one.") from error


async def _beat() -> None:
    """Says again and again, by the time of the state file, that the end goes on."""
    while True:
        await asyncio.sleep(_BEAT_S)
        state_file.touch()


class Sandbox:
    """The running stack. `start` brings it up, `close` takes it down; `state` says where everything is.

    With `persistence` it goes on where the run that was kept has ended. Raises SnapshotRefused when it cannot.
    """

    def __init__(self, options: Options, persistence: Persistence | None = None) -> None:
        self._host = options.host
        self._profile = options.profile
        self._persistence = persistence
        keys = KeyRing.mint(options.host)
        aws_socket = _bind("--aws-port", options.host, options.aws_port)
        emulator = Emulator(ACCOUNT_ID, aws_socket.getsockname()[1], region=options.region, host=options.host)
        self.faults = FaultBoard()
        letters = LetterLog(emulator)
        self.pipes = PipesService(FaultyAws(letters, self.faults), ACCOUNT_ID, options.connection_failures)
        self.metrics = MetricsPublisher(
            emulator, emulator.usage, self.pipes.take_metrics, account_id=ACCOUNT_ID, region=options.region
        )
        if persistence is not None:
            emulator.app = persistence.watch(emulator.app)
            persistence.restore(f"http://{options.host}:{aws_socket.getsockname()[1]}", self.pipes)
        self.momento = MomentoService(
            keys,
            options.host,
            grpc_port=options.momento_port,
            http_port=options.momento_http_port,
            faults=self.faults,
        )
        self.ledger = Ledger(emulator, self.pipes, self.momento, letters)
        self.traffic = TrafficControl()
        access_key_id, secret = "SANDBOX" + secrets.token_hex(6).upper(), secrets.token_urlsafe(30)
        gateway = Gateway(TaggingFront(emulator.app, emulator, self.pipes), self.pipes)
        self.aws_calls = Door(gateway, access_key_id, secret)
        self._aws = HttpServer(LoopbackOnly(self.aws_calls), aws_socket)
        token = secrets.token_urlsafe(30)
        admin = AdminDoor(AdminApi(self).app, token)
        self._admin = HttpServer(LoopbackOnly(admin), _bind("--admin-port", options.host, options.admin_port))
        self.state = SandboxState(
            pid=getpid(),
            instance=uuid.uuid4().hex,
            started_at=datetime.now(UTC).isoformat(timespec="seconds"),
            region=options.region,
            account_id=ACCOUNT_ID,
            stack_prefix=names.chosen().prefix,
            parts=tuple(Part(name) for name in (AWS_ENDPOINT, MOMENTO, ADMIN, STACK)),
            aws_access_key_id=access_key_id,
            aws_secret_access_key=secret,
            momento_host=options.host,
            momento_api_key=keys.v2_key,
            momento_v1_api_key=keys.v1_key,
            momento_oauth_client_id=self.momento.tokens.client_id,
            momento_oauth_client_secret=self.momento.tokens.client_secret,
            admin_token=token,
        )

    @property
    def keeping(self) -> dict[str, Any] | None:
        """How persistence goes, as `Persistence.status` says; None without."""
        return self._persistence.status() if self._persistence is not None else None

    async def start(self) -> None:
        """Returns when a write would travel the whole way. Raises what kept a part from coming up."""
        self._publish()
        self._garbage = asyncio.create_task(set_aside_what_is_old(), name="garbage")
        await self._bring_up(AWS_ENDPOINT, self._start_aws())
        await self._bring_up(MOMENTO, self._start_momento())
        await self._bring_up(ADMIN, self._start_admin())
        await self._bring_up(STACK, self._provision())
        self._publish(ready=True)

    async def close(self) -> None:
        """Stops every part and says so in the state file, which then holds no key any more.

        Whoever waits sees in the file's time that it goes on. Raises OSError when what is kept cannot be saved.
        """
        try:
            self._publish(ready=False, **dict.fromkeys(state_file.KEYS, ""))
        except OSError:
            # The disk is full: no file says as well that nothing is ready.
            state_file.forget()
        beating = asyncio.create_task(_beat(), name="end")
        try:
            await self._take_down()
        finally:
            beating.cancel()

    async def _take_down(self) -> None:
        self.faults.clear()
        await asyncio.to_thread(self.traffic.stop)
        await self.metrics.close()
        await self.pipes.close()
        await self.momento.close()
        await self._admin.stop()
        await self._aws.stop()
        if self._persistence is not None:
            await self._persistence.close()

    async def _bring_up(self, name: str, starting: Awaitable[str]) -> None:
        self._part(name, "starting")
        try:
            detail = await starting
        except BaseException as error:
            self._part(name, "failed", str(error) or type(error).__name__)
            raise
        self._part(name, "ready", detail)

    async def _start_aws(self) -> str:
        await self.pipes.start()
        self.metrics.start()
        await self._aws.start()
        if self._persistence is not None:
            self._persistence.start(self._host, self._ports, self.pipes)
        endpoint = f"http://{self._host}:{self._aws.port}"
        self._publish(aws_endpoint=endpoint)
        return endpoint

    async def _start_momento(self) -> str:
        # Tried first, since gRPC writes lines of its own about a port that it cannot have.
        for option, port in (
            ("--momento-http-port", self.momento.http_port),
            ("--momento-port", self.momento.grpc_port),
        ):
            _bind(option, self._host, port).close()
        try:
            await self.momento.start()
        except RuntimeError as error:
            # What gRPC raises for a port that was taken in between; everybody else raises OSError.
            raise OSError(f"Momento cannot listen: {error}") from error
        self._publish(momento_port=self.momento.grpc_port, momento_http_endpoint=self.momento.http_endpoint)
        return f"{self._host}:{self.momento.grpc_port}"

    async def _start_admin(self) -> str:
        await self._admin.start()
        url = f"http://{self._host}:{self._admin.port}"
        self._publish(admin_url=url)
        return url

    async def _provision(self) -> str:
        kept = self._persistence is not None
        await asyncio.to_thread(provision, self.state, self._on_step, self._profile, kept=kept)
        # Only now do connection and destinations carry this run's key and endpoint.
        self.pipes.resume()
        return "table, queue, connection, API destinations, role and three pipes"

    def _ports(self) -> dict[str, int]:
        return {
            "aws": self._aws.port,
            "momento": self.momento.grpc_port,
            "momento_http": self.momento.http_port,
            "admin": self._admin.port,
        }

    def _on_step(self, kind: str, name: str) -> None:
        self._part(STACK, "starting", f"{kind} {name}")

    def _part(self, name: str, state: str, detail: str = "") -> None:
        changed = Part(name, state, detail)
        self._publish(parts=tuple(changed if part.name == name else part for part in self.state.parts))

    def _publish(self, **changes: Any) -> None:
        self.state = replace(self.state, **changes)
        state_file.write(self.state)
