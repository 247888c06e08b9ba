"""The query protocol of IAM, SNS and STS, with botocore's own serializer and parser.

A call is a form with numbered members and its answer is XML; botocore knows the shape of both from its service
models. A model is read once, in some 50 ms, when its service is first called.
"""

from __future__ import annotations

from functools import cache
from typing import Any
from urllib.parse import urlencode

import botocore.session
from botocore.exceptions import ParamValidationError
from botocore.model import OperationModel, ServiceModel
from botocore.model import OperationNotFoundError as NotInTheModel
from botocore.parsers import create_parser
from botocore.serialize import create_serializer

from sandbox.aws.calls import UNKNOWN_OPERATION, AwsCallFailed

QUERY_SERVICES = frozenset({"iam", "sns", "sts"})


@cache
def _model(service: str) -> ServiceModel:
    return botocore.session.get_session().get_service_model(service)


def _operation_model(operation: str) -> OperationModel:
    service, _, action = operation.partition(".")
    try:
        return _model(service).operation_model(action)
    except NotInTheModel as error:
        raise AwsCallFailed(operation, UNKNOWN_OPERATION, f"{service} has no operation {action}.", 400) from error


def form_of(operation: str, payload: dict[str, Any]) -> bytes:
    """The body of a call. Raises AwsCallFailed for an unknown operation and for arguments against the model."""
    model = _operation_model(operation)
    try:
        request = create_serializer("query", include_validation=True).serialize_to_request(payload, model)
    except ParamValidationError as error:
        raise AwsCallFailed(operation, "ValidationError", str(error), 400) from error
    return urlencode(request["body"]).encode()


def answer_of(operation: str, status: int, body: bytes) -> dict[str, Any]:
    """The answer as the model names it, with timestamps as datetimes. Raises AwsCallFailed for an error."""
    model = _operation_model(operation)
    response = {"status_code": status, "headers": {}, "body": body}
    # A shape is None where an operation answers nothing; botocore takes that, its stubs do not say so.
    parsed: dict[str, Any] = create_parser("query").parse(response, model.output_shape)  # type: ignore[arg-type]
    if status >= 400:
        error = parsed.get("Error", {})
        raise AwsCallFailed(operation, str(error.get("Code", status)), str(error.get("Message", "")), status)
    parsed.pop("ResponseMetadata", None)
    return parsed
