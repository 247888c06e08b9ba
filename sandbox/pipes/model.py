"""botocore's own model of the `pipes` API: how a request is taken apart and what each field may be.

One walk over the shapes finds missing members, wrong types, lengths, ranges, patterns and enums, and says so in
the words that AWS services use for it.
"""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any
from urllib.parse import parse_qs

from botocore.loaders import Loader
from botocore.model import ListShape, MapShape, OperationModel, ServiceModel, Shape, StructureShape

from sandbox.pipes.errors import ValidationFailed
from sandbox.pipes.json_paths import parse


@cache
def service_model() -> ServiceModel:
    """The model, loaded once (it takes some 10 ms)."""
    return ServiceModel(Loader().load_service_model("pipes", "service-2"), "pipes")


@cache
def operation_model(name: str) -> OperationModel:
    """The model of one operation."""
    return service_model().operation_model(name)


def read_input(operation: str, uri: dict[str, str], query: bytes, body: bytes) -> dict[str, Any]:
    """The validated input of an operation from the parts of its request. Raises ValidationFailed.

    Members that the model does not know are left out, as AWS does.
    """
    shape = operation_model(operation).input_shape
    assert isinstance(shape, StructureShape)
    parsed = _json_object(body)
    arguments = parse_qs(query.decode("latin-1"), keep_blank_values=True)
    found: dict[str, Any] = {}
    for name, member in shape.members.items():
        location = member.serialization.get("location")
        wire_name = member.serialization.get("name", name)
        if location == "uri":
            found[name] = uri[wire_name]
        elif location == "querystring":
            if wire_name in arguments:
                found[name] = _from_query(member, arguments[wire_name])
        elif parsed.get(name) is not None:
            found[name] = parsed[name]
    problems = _problems(shape, found, "")
    if problems:
        raise _violations(problems)
    return found


def _json_object(body: bytes) -> dict[str, Any]:
    if not body:
        return {}
    try:
        parsed = parse(body)
    except ValueError as error:
        raise ValidationFailed("Could not parse request body into json") from error
    if not isinstance(parsed, dict):
        raise ValidationFailed("Could not parse request body into json: it is not an object")
    return parsed


def _from_query(shape: Shape, values: list[str]) -> Any:
    if shape.type_name == "list":
        return values
    if shape.type_name == "integer" and re.fullmatch(r"-?\d+", values[0]):
        return int(values[0])
    return values[0]


def _violations(problems: list[tuple[str, str]]) -> ValidationFailed:
    count = f"{len(problems)} validation error{'s' if len(problems) > 1 else ''} detected: "
    fields = [{"name": name, "message": message} for name, message in problems]
    return ValidationFailed(count + "; ".join(message for _, message in problems), fieldList=fields)


_PYTHON_TYPES: dict[str, type] = {
    "structure": dict,
    "map": dict,
    "list": list,
    "string": str,
    "integer": int,
    "boolean": bool,
}


def _problems(shape: Shape, value: Any, path: str) -> list[tuple[str, str]]:
    """Path and description of each thing that is wrong with `value`."""
    if not _is_of_type(shape, value):
        return [_problem(shape, value, path, f"Member must be of type {shape.type_name}")]
    problems = [_problem(shape, value, path, text) for text in _broken_limits(shape, value)]
    if isinstance(shape, StructureShape):
        for name in shape.required_members:
            if value.get(name) is None:
                problems.append(_problem(shape, None, _inner(path, name), "Member must not be null"))
        for name, member in shape.members.items():
            if value.get(name) is not None:
                problems += _problems(member, value[name], _inner(path, name))
    elif isinstance(shape, ListShape):
        for position, element in enumerate(value, start=1):
            problems += _problems(shape.member, element, f"{path}.{position}.member")
    elif isinstance(shape, MapShape):
        for key, element in value.items():
            problems += _problems(shape.key, key, path)
            problems += _problems(shape.value, element, f"{path}.{key}.member")
    return problems


def _is_of_type(shape: Shape, value: Any) -> bool:
    return type(value) is _PYTHON_TYPES[shape.type_name]


def _inner(path: str, name: str) -> str:
    camel = name[:1].lower() + name[1:]
    return f"{path}.{camel}" if path else camel


def _broken_limits(shape: Shape, value: Any) -> list[str]:
    limits = shape.metadata
    broken = []
    if isinstance(value, int):
        if value < limits.get("min", value):
            broken.append(f"Member must have value greater than or equal to {limits['min']}")
        if value > limits.get("max", value):
            broken.append(f"Member must have value less than or equal to {limits['max']}")
        return broken
    if len(value) < limits.get("min", 0):
        broken.append(f"Member must have length greater than or equal to {limits['min']}")
    if len(value) > limits.get("max", len(value)):
        broken.append(f"Member must have length less than or equal to {limits['max']}")
    if isinstance(value, str):
        pattern = limits.get("pattern")
        if pattern and not re.fullmatch(pattern, value, re.ASCII):
            broken.append(f"Member must satisfy regular expression pattern: {pattern}")
        options = limits.get("enum")
        if options and value not in options:
            broken.append(f"Member must satisfy enum value set: [{', '.join(options)}]")
    return broken


def _problem(shape: Shape, value: Any, path: str, constraint: str) -> tuple[str, str]:
    shown = "null" if value is None else f"'{_shown(shape, value)}'"
    return path, f"Value {shown} at '{path}' failed to satisfy constraint: {constraint}"


def _shown(shape: Shape, value: Any) -> str:
    if shape.metadata.get("sensitive"):
        return "***Sensitive Data Redacted***"
    return value if isinstance(value, str) else json.dumps(value)
