"""How the AWS port says no: AWS's own error codes, in the protocol in which the caller asked."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from enum import Enum
from xml.sax.saxutils import escape

from starlette.types import Send

#: What a caller with the wrong keys, or none, can do.
HINT = 'Use this run\'s keys: eval "$(python -m sandbox env)"'


class Shape(Enum):
    """A protocol of AWS, as far as its errors go."""

    JSON_1_0 = "application/x-amz-json-1.0"
    JSON_1_1 = "application/x-amz-json-1.1"
    QUERY = "text/xml"
    EC2 = "text/xml; ec2"
    S3 = "application/xml"
    REST_JSON = "application/json"
    CBOR = "application/cbor"


@dataclass(frozen=True)
class Reason:
    """Why a call is refused: AWS's code for services that speak JSON, for those that take forms, and their statuses."""

    json_code: str
    query_code: str
    json_status: int = 400
    status: int = 403


MISSING = Reason("MissingAuthenticationTokenException", "MissingAuthenticationToken")
INCOMPLETE = Reason("IncompleteSignatureException", "IncompleteSignature")
UNKNOWN_KEY = Reason("UnrecognizedClientException", "InvalidClientTokenId")
WRONG_SIGNATURE = Reason("InvalidSignatureException", "SignatureDoesNotMatch")
NOT_SERVED = Reason("UnknownOperationException", "InvalidAction", status=400)
MALFORMED = Reason("SerializationException", "MalformedInput", status=400)
TOO_LARGE = Reason("RequestEntityTooLargeException", "RequestEntityTooLarge", json_status=413, status=413)
NO_ROOM = Reason("ThrottlingException", "Throttling", status=400)
NO_ROOM_IN_QUEUE = Reason("RequestThrottled", "RequestThrottled", status=403)


class Refused(Exception):
    """Raised when a call may not go on; `reason` says which of AWS's answers it gets."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


async def send_refusal(send: Send, shape: Shape, refused: Refused) -> None:
    """Answers a call with the refusal and has the connection closed: nobody reads what may be left of the body."""
    reason = refused.reason
    as_json = shape in (Shape.JSON_1_0, Shape.JSON_1_1, Shape.CBOR)
    code = reason.json_code if as_json or shape is Shape.REST_JSON else reason.query_code
    request_id = str(uuid.uuid4())
    body = _body(shape, code, refused.message, request_id)
    headers = [
        (b"content-type", shape.value.partition(";")[0].encode()),
        (b"content-length", str(len(body)).encode()),
        (b"x-amzn-requestid", request_id.encode()),
        (b"connection", b"close"),
    ]
    if shape is Shape.REST_JSON:
        headers.append((b"x-amzn-errortype", code.encode()))
    if shape is Shape.CBOR:
        headers.append((b"smithy-protocol", b"rpc-v2-cbor"))
    status = reason.json_status if as_json else reason.status
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _body(shape: Shape, code: str, message: str, request_id: str) -> bytes:
    if shape is Shape.CBOR:
        return b"\xa2" + b"".join(map(_cbor_text, ("__type", code, "message", message)))
    if shape is Shape.REST_JSON:
        return json.dumps({"message": message}).encode()
    if shape in (Shape.JSON_1_0, Shape.JSON_1_1):
        return json.dumps({"__type": code, "message": message}).encode()
    what = f"<Code>{code}</Code><Message>{escape(message)}</Message>"
    if shape is Shape.S3:
        text = f"<Error>{what}<RequestId>{request_id}</RequestId></Error>"
    elif shape is Shape.EC2:
        text = f"<Response><Errors><Error>{what}</Error></Errors><RequestID>{request_id}</RequestID></Response>"
    else:
        error = f"<Error><Type>Sender</Type>{what}</Error>"
        text = f"<ErrorResponse>{error}<RequestId>{request_id}</RequestId></ErrorResponse>"
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}'.encode()


def _cbor_text(text: str) -> bytes:
    """A text string of CBOR (RFC 8949, major type 3) with its length in two bytes."""
    data = text.encode()[:0xFFFF]
    return b"\x79" + len(data).to_bytes(2, "big") + data
