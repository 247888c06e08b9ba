"""An ASGI app that makes SimulatePrincipalPolicy right and hands every other call to the emulator.

The emulator looks at the first resource only, knows no role with a path, and denies where a role does not exist.
Here each resource is simulated on its own, roles are found by their name, and a missing one is NoSuchEntity.
Assumed: the answer has one result for each pair of action and resource.
"""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, urlencode

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sandbox.aws.json_http import header, read_body

_ROLE_NAME = re.compile(r":role/(?:.*/)?([^/]+)$")
_RESULTS = re.compile(rb"(<EvaluationResults>)(.*)(</EvaluationResults>)", re.DOTALL)
_RESOURCE = "ResourceArns.member."

_Form = dict[str, str]


class IamFront:
    """Stands before the emulator, for calls over the wire and calls inside the process alike."""

    def __init__(self, emulator: ASGIApp) -> None:
        self._emulator = emulator

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or b"/iam/aws4_request" not in header(scope, b"authorization"):
            await self._emulator(scope, receive, send)
            return
        body = await read_body(receive)
        form = dict(parse_qsl(body.decode(errors="replace"), keep_blank_values=True))
        if form.get("Action") != "SimulatePrincipalPolicy":
            await self._emulator(scope, _replay(body), send)
            return
        for message in await self._simulate(scope, form):
            await send(message)

    async def _simulate(self, scope: Scope, form: _Form) -> list[Message]:
        source = form.get("PolicySourceArn", "")
        role = _ROLE_NAME.search(source)
        if role is not None:
            found = await self._ask(
                scope, {"Action": "GetRole", "Version": form.get("Version", "2010-05-08"), "RoleName": role[1]}
            )
            if found[0]["status"] >= 400:
                return found
            form = {**form, "PolicySourceArn": f"{source[: role.start()]}:role/{role[1]}"}
        common = {name: value for name, value in form.items() if not name.startswith(_RESOURCE)}
        resources = [value for name, value in form.items() if name.startswith(_RESOURCE)]
        asked = [{**common, f"{_RESOURCE}1": resource} for resource in resources] or [common]
        return _joined([await self._ask(scope, each) for each in asked])

    async def _ask(self, scope: Scope, form: _Form) -> list[Message]:
        """The emulator's answer to one form, as start and body."""
        body = urlencode(form).encode()
        kept = [(name, value) for name, value in scope["headers"] if name != b"content-length"]
        messages: list[Message] = []

        async def keep(message: Message) -> None:
            messages.append(message)

        headers = [*kept, (b"content-length", str(len(body)).encode())]
        await self._emulator({**scope, "headers": headers}, _replay(body), keep)
        whole = b"".join(message.get("body", b"") for message in messages)
        return [messages[0], {"type": "http.response.body", "body": whole}]


def _joined(answers: list[list[Message]]) -> list[Message]:
    """One answer with the results of all, or the first that is an error."""
    for answer in answers:
        if answer[0]["status"] >= 400:
            return answer
    start, first = answers[0]
    found = (_RESULTS.search(body["body"]) for _, body in answers)
    results = b"".join(each[2] for each in found if each is not None)
    body = _RESULTS.sub(lambda around: around[1] + results + around[3], first["body"])
    kept = [(name, value) for name, value in start["headers"] if name.lower() != b"content-length"]
    headers = [*kept, (b"content-length", str(len(body)).encode())]
    return [{**start, "headers": headers}, {"type": "http.response.body", "body": body}]


def _replay(body: bytes) -> Receive:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive
