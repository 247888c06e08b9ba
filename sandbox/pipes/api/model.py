"""botocore's own model of the `pipes` API: how a request is taken apart and what each field may be.

One walk over the shapes finds missing members, wrong types, lengths, ranges, patterns and enums, and says so in
the words of the JSON schema validator that the real service uses: `[numeric instance is lower than the required
minimum (minimum: 1, found: 0)]` was seen there (hashicorp/terraform-provider-aws issue 32423).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any
from urllib.parse import parse_qs

from botocore.loaders import Loader
from botocore.model import ListShape, MapShape, OperationModel, ServiceModel, Shape, StructureShape

from sandbox.pipes.plan.errors import ValidationFailed
from sandbox.pipes.syntax.json_paths import compact, parse

#: The path of a member, and what is wrong with it.
_Problem = tuple[str, str]


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


def _violations(problems: list[_Problem]) -> ValidationFailed:
    fields = [{"name": name, "message": message} for name, message in problems]
    return ValidationFailed(f"[{', '.join(message for _, message in problems)}]", fieldList=fields)


_PYTHON_TYPES: dict[str, type] = {
    "structure": dict,
    "map": dict,
    "list": list,
    "string": str,
    "integer": int,
    "boolean": bool,
}
_JSON_TYPES = {
    dict: "object",
    list: "array",
    str: "string",
    int: "integer",
    float: "number",
    bool: "boolean",
    type(None): "null",
}


def _problems(shape: Shape, value: Any, path: str) -> list[_Problem]:
    """Path and description of each thing that is wrong with `value`."""
    if not _is_of_type(shape, value):
        found, allowed = _JSON_TYPES[type(value)], _JSON_TYPES[_PYTHON_TYPES[shape.type_name]]
        words = f'instance type ({found}) does not match any allowed primitive type (allowed: ["{allowed}"])'
        return [(path, words)]
    problems = [(path, text) for text in _broken_limits(shape, value)]
    if isinstance(shape, StructureShape):
        missing = [name for name in shape.required_members if value.get(name) is None]
        if missing:
            problems.append((path, f"object has missing required properties ({compact(missing)})"))
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
    if isinstance(value, bool):
        return []
    if isinstance(value, int):
        return _out_of_range(limits, value)
    if isinstance(value, str):
        return _broken_text_limits(limits, value)
    size = len(value)
    low, high = limits.get("min", 0), limits.get("max", size)
    if low <= size <= high:
        return []
    wrong, asked = ("short", f"at least {low}") if size < low else ("long", f"at most {high}")
    if isinstance(value, list):
        return [f"array is too {wrong}: must have {asked} elements but instance has {size} elements"]
    many = "few" if size < low else "many"
    return [f"object has too {many} properties (found {size} but schema requires {asked})"]


def _out_of_range(limits: Mapping[str, Any], value: int) -> list[str]:
    low, high = limits.get("min", value), limits.get("max", value)
    if value < low:
        return [f"numeric instance is lower than the required minimum (minimum: {low}, found: {value})"]
    if value > high:
        return [f"numeric instance is greater than the required maximum (maximum: {high}, found: {value})"]
    return []


def _broken_text_limits(limits: Mapping[str, Any], value: str) -> list[str]:
    shown = '"***Sensitive Data Redacted***"' if limits.get("sensitive") else compact(value)
    size, pattern, options = len(value), limits.get("pattern"), limits.get("enum")
    broken = []
    if size < limits.get("min", 0):
        broken.append(f"string {shown} is too short (length: {size}, required minimum: {limits['min']})")
    if size > limits.get("max", size):
        broken.append(f"string {shown} is too long (length: {size}, maximum allowed: {limits['max']})")
    if pattern and not re.fullmatch(pattern, value, re.ASCII):
        broken.append(f'ECMA 262 regex "{pattern}" does not match input string {shown}')
    if options and value not in options:
        broken.append(f"instance value ({shown}) not found in enum (possible values: {compact(options)})")
    return broken
