"""What the control plane answers when it refuses a call.

PipesError
├── ValidationFailed    400 ValidationException
├── ConflictFound       409 ConflictException
└── PipeNotFound        404 NotFoundException
"""

from __future__ import annotations

import json
from typing import Any


class PipesError(Exception):
    """Base of them: `code` and `status` of the answer, and `body`, its JSON."""

    code = "InternalException"
    status = 500

    def __init__(self, message: str, **members: Any) -> None:
        super().__init__(message)
        self.body: dict[str, Any] = {"message": message, **members}


class ValidationFailed(PipesError):
    """Raised when an input is not allowed."""

    code = "ValidationException"
    status = 400


class ConflictFound(PipesError):
    """Raised when the pipe exists already, or is in a state in which the call is not possible."""

    code = "ConflictException"
    status = 409

    def __init__(self, message: str, name: str) -> None:
        super().__init__(message, resourceId=name, resourceType="pipe")


class PipeNotFound(PipesError):
    """Raised when there is no pipe of that name or ARN."""

    code = "NotFoundException"
    status = 404


def invalid_field(name: str, message: str) -> ValidationFailed:
    """A refusal of one field, in the JSON text that the real service puts in its message (facts, section 7)."""
    text = json.dumps({"ValidationErrorFields": [{"Name": name, "Message": message}]}, separators=(",", ":"))
    return ValidationFailed(text, fieldList=[{"name": name, "message": message}])
