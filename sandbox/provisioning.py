"""The sandbox provisions itself through `provision`, over the wire, exactly as a person would provision AWS."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import boto3
import grpc
from momento_wire_types import controlclient_pb2, controlclient_pb2_grpc

from core import names
from provision import stack
from provision.clients import Clients
from provision.errors import ProvisionFailed
from provision.executor import Event, Executor, Phase
from provision.kinds.registry import kinds
from provision.observation import observe
from provision.planner import plan
from provision.secret_text import SecretText
from provision.settings import Profile, StackSettings
from sandbox.state import SandboxState

#: A key that Momento does not know: what "wrong key in the connection" puts there.
WRONG_KEY = "a-key-that-momento-does-not-know"


def session(state: SandboxState) -> boto3.Session:
    """A boto3 session with the sandbox's keys and region."""
    return boto3.Session(
        aws_access_key_id=state.aws_access_key_id,
        aws_secret_access_key=state.aws_secret_access_key,
        region_name=state.region,
    )


def provision(
    state: SandboxState, on_step: Callable[[str, str], None], profile: Profile = Profile.ORIGINAL, *, kept: bool = False
) -> None:
    """Brings the stack up; `on_step` is told of each resource as it is taken in hand: its kind and its name.

    Only a run whose state was `kept` is looked at first: any other begins with nothing. Blocks for less than a second.
    Raises ProvisionFailed and botocore's errors.
    """

    def tell(event: Event) -> None:
        if event.phase is Phase.STARTED:
            on_step(event.step.kind, event.step.name)

    place = stack.Place(state.region, state.account_id, state.momento_http_endpoint)
    settings = StackSettings.of(profile)
    declared = stack.declared(names.chosen(), settings, place, SecretText(state.momento_api_key))
    with _caches(state) as caches:
        at_work = kinds(Clients(session(state), state.aws_endpoint), caches, names.chosen(), state.account_id)
        # A stack that an earlier version kept carries no tags; in its own sandbox there is nobody else's.
        retired = stack.optional(names.chosen(), settings, place, SecretText(state.momento_api_key)) if kept else ()
        seen = observe((*declared, *retired), at_work, adopt=True) if kept else {}
        outcome = Executor((*declared, *retired), at_work, tell).run(plan(declared, seen, retired), seen)
    for address, error in outcome.failed.items():
        raise ProvisionFailed(f"{address}: {error}") from error


def set_connection_key(state: SandboxState, api_key: str) -> None:
    """Puts a key into the pipes' connection, as an operator who rotates keys would."""
    Clients(session(state), state.aws_endpoint).events.update_connection(
        Name=names.CONNECTION,
        AuthorizationType="API_KEY",
        AuthParameters={"ApiKeyAuthParameters": {"ApiKeyName": "Authorization", "ApiKeyValue": api_key}},
    )


class _Caches:
    """The sandbox's Momento, as the kinds want it."""

    def __init__(self, channel: grpc.Channel, api_key: str) -> None:
        self._control = controlclient_pb2_grpc.ScsControlStub(channel)
        self._metadata = (("authorization", api_key),)

    def list_caches(self) -> tuple[str, ...]:
        """The names of all caches."""
        request = controlclient_pb2._ListCachesRequest()
        found = self._control.ListCaches(request, metadata=self._metadata, timeout=10)
        return tuple(cache.cache_name for cache in found.cache)

    def create_cache(self, cache: str) -> None:
        """Creates a cache; one that is there already is fine."""
        request = controlclient_pb2._CreateCacheRequest(cache_name=cache)
        try:
            self._control.CreateCache(request, metadata=self._metadata, timeout=10)
        except grpc.RpcError as error:
            if error.code() != grpc.StatusCode.ALREADY_EXISTS:
                raise


@contextmanager
def _caches(state: SandboxState) -> Iterator[_Caches]:
    with grpc.insecure_channel(f"{state.momento_host}:{state.momento_port}") as channel:
        yield _Caches(channel, state.momento_api_key)
