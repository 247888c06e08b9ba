"""HTTP parameters of a pipe's target: path values, query string and headers of the request.

A value is dynamic only when all of it is a JSON path; it is read from the source event, not from the
transformed body (facts/aws-pipes.md, section 5). Path and query values are percent-encoded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from sandbox.pipes.syntax.json_paths import as_text, compile_path, is_path

#: Takes an event, returns percent-encoded text.
Encoded = Callable[[Any], str]


@dataclass(frozen=True)
class HttpParameters:
    """Compiled parameters. Header values are literal: the docs exclude paths there."""

    path_values: tuple[Encoded, ...] = ()
    query: tuple[tuple[Encoded, Encoded], ...] = ()
    headers: tuple[tuple[str, str], ...] = ()

    def url(self, endpoint: str, event: Any, overridden: frozenset[str] = frozenset()) -> str:
        """The endpoint with its `*` replaced in order and the query string added.

        A `*` without a value stays; values without a `*` are not used. `overridden` are the encoded names of
        query parameters that somebody else sets.
        """
        url = endpoint
        if self.path_values:
            pieces = endpoint.split("*")
            values = [value(event) for value in self.path_values[: len(pieces) - 1]]
            values += ["*"] * (len(pieces) - 1 - len(values))
            url = pieces[0] + "".join(value + piece for value, piece in zip(values, pieces[1:], strict=True))
        if self.query:
            pairs = [(name(event), value(event)) for name, value in self.query]
            return with_query(url, [pair for pair in pairs if pair[0] not in overridden])
        return url


def compile_http_parameters(parameters: Mapping[str, Any]) -> HttpParameters:
    """Compile `TargetParameters.HttpParameters` once per pipe."""
    return HttpParameters(
        tuple(_encoded(value) for value in parameters.get("PathParameterValues") or ()),
        tuple(
            (_encoded(name), _encoded(value)) for name, value in (parameters.get("QueryStringParameters") or {}).items()
        ),
        tuple((parameters.get("HeaderParameters") or {}).items()),
    )


def with_query(url: str, pairs: list[tuple[str, str]]) -> str:
    """`url` with already encoded name and value pairs added to its query string."""
    if not pairs:
        return url
    separator = "&" if "?" in url else "?"
    return url + separator + "&".join(f"{name}={value}" for name, value in pairs)


def _encoded(text: str) -> Encoded:
    if not is_path(text):
        constant = quote(text, safe="", errors="replace")
        return lambda _: constant
    get = compile_path(text)
    return lambda event: quote(as_text(get(event)), safe="", errors="replace")
