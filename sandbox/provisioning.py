"""The sandbox provisions itself through `provision`, over the wire, exactly as a person would provision AWS."""

from __future__ import annotations

import boto3
import grpc
from momento_wire_types import controlclient_pb2, controlclient_pb2_grpc

from provision import stack
from provision.apply import Momento, OnStep, up
from provision.clients import Clients, clients
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


def provision(state: SandboxState, on_step: OnStep) -> None:
    """Creates the stack. Blocks for about a second; raises what `provision.apply.up` raises."""
    momento = Momento(state.momento_http_endpoint, state.momento_api_key, lambda name: _ensure_cache(state, name))
    up(_clients(state), momento, on_step)


def set_connection_key(state: SandboxState, api_key: str) -> None:
    """Puts a key into the pipes' connection, as an operator who rotates keys would."""
    _clients(state).events.update_connection(**stack.connection(api_key))


def _clients(state: SandboxState) -> Clients:
    return clients(session(state), state.aws_endpoint)


def _ensure_cache(state: SandboxState, name: str) -> None:
    with grpc.insecure_channel(f"{state.momento_host}:{state.momento_port}") as channel:
        request = controlclient_pb2._CreateCacheRequest(cache_name=name)
        metadata = (("authorization", state.momento_api_key),)
        try:
            controlclient_pb2_grpc.ScsControlStub(channel).CreateCache(request, metadata=metadata, timeout=10)
        except grpc.RpcError as error:
            if error.code() != grpc.StatusCode.ALREADY_EXISTS:
                raise
