"""Filter patterns of CloudWatch Logs: what they match, and which are refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sandbox.aws.logs.patterns import InvalidFilterPattern, compile_filter_pattern

MESSAGE = {
    "logLevel": "ERROR",
    "n": 46,
    "ratio": -0.25,
    "d": {"e": 2, "list": [{"flag": True}, {"flag": False}], "a.b": "dotted"},
    "user": "Ann Lee",
    "code": "404",
    "nothing": None,
    "empty": "",
    "ip": "10.0.0.7",
}


def matches(pattern: str, message: str | dict[str, Any]) -> bool:
    """Whether a message matches a pattern."""
    match = compile_filter_pattern(pattern)
    return match is None or match(message if isinstance(message, str) else json.dumps(message))


@pytest.mark.parametrize(
    ("pattern", "message", "expected"),
    [
        ("", "anything", True),
        ("  ", "anything", True),
        ("ERROR", "[ERROR] fatal", True),
        ("ERROR", "ERRORCODE: -1", True),
        ("ERROR", "an error", False),
        ("ERROR", '{"logLevel": "ERROR"}', True),
        ("plain WARN", "plain text, WARN", True),
        ("plain WARN", "WARN, plain", True),
        ("plain WARN", "plain only", False),
        ('"ERROR"', "[ERROR] fatal", True),
        ('"hello 1"', "say hello 1 time", True),
        ('"hello 1"', "hello, 1", False),
        ('"hello 1" ERROR', "ERROR hello 1", True),
        (r'"say \"hi\""', 'they say "hi"', True),
        ("Größe", "die Größe", True),
        ("?WARN ?failed", "WARN", True),
        ("?WARN ?failed", "it failed", True),
        ("?WARN ?failed", "fine", False),
        ('?"timed out" ?WARN', "it timed out", True),
        # Beside other terms the optional ones are ignored.
        ("?WARN ERROR", "ERROR", True),
        ("?WARN ERROR", "WARN", False),
        ("ERROR -INFO", "ERROR", True),
        ("-INFO ERROR", "ERROR, INFO", False),
        ("-INFO", "WARN", True),
        ("-INFO", "INFO", False),
        ('ERROR -"timed out"', "ERROR: timed out", False),
        ("%E.{2}OR%", "an ERROR", True),
        ("%E.{2}OR%", "an EROR", False),
        ("%^[0-9]+ms$%", "12ms", True),
        ("%^[0-9]+ms$%", "12ms later", False),
        (r"%\d{3} WARN%", "404 WARN", True),
        ("%a|b% c", "c and b", True),
        ("%a|b% c", "only c", False),
    ],
)
def test_a_text_pattern_matches_as_cloudwatch_logs_does(pattern: str, message: str, expected: bool) -> None:
    assert matches(pattern, message) is expected


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ('{ $.logLevel = "ERROR" }', True),
        ('{$.logLevel="ERROR"}', True),
        ("{ $.logLevel = ERROR }", True),
        ('{ $.logLevel = "error" }', False),
        ('{ $.logLevel = "ERR" }', False),
        ('{ $.logLevel = "ERR*" }', True),
        ("{ $.logLevel = ERR* }", True),
        ('{ $.logLevel = "*RR*" }', True),
        ('{ $.logLevel = "*X*" }', False),
        ('{ $.ip = "10.0.*.7" }', True),
        ("{ $.ip = 10.0.0.* }", True),
        ('{ $.ip = "10x0*" }', False),
        ('{ $.user = "Ann Lee" }', True),
        ('{ $.logLevel != "ERROR" }', False),
        ('{ $.logLevel != "INFO" }', True),
        ('{ $.logLevel != "INF*" }', True),
        ('{ $.nope != "ERROR" }', False),
        ("{ $.logLevel = %^ERR% }", True),
        ("{ $.logLevel != %^ERR% }", False),
        ("{ $.n > 45 }", True),
        ("{ $.n > 46 }", False),
        ("{ $.n >= 46 }", True),
        ("{ $.n < 46.5 }", True),
        ("{ $.n <= 45 }", False),
        ("{ $.n = 46 }", True),
        ("{ $.n = 46.0 }", True),
        ("{ $.n = 4.6e1 }", True),
        ("{ $.n != 46 }", False),
        ("{ $.n != 47 }", True),
        ("{ $.ratio < -0.2 }", True),
        ("{ $.ratio = -.25 }", True),
        ("{ $.logLevel > 1 }", False),
        ("{ $.nope > 1 }", False),
        ("{ $.code = 404 }", False),
        ('{ $.code = "404" }', True),
        ('{ $.n = "46" }', False),
        ("{ $.d.e = 2 }", True),
        ("{ $.d.x.y = 2 }", False),
        ("{ $.d.list[0].flag IS TRUE }", True),
        ("{ $.d.list[1].flag IS TRUE }", False),
        ("{ $.d.list[1].flag IS FALSE }", True),
        ("{ $.d.list[2].flag IS FALSE }", False),
        ("{ $.d.list[2] NOT EXISTS }", True),
        ("{ $.d['a.b'] = dotted }", True),
        ("{ $.d.['a.b'] = dotted }", True),
        ("{ $.nothing IS NULL }", True),
        ("{ $.user IS NULL }", False),
        ("{ $.nope IS NULL }", False),
        ("{ $.n IS TRUE }", False),
        ("{ $.nope NOT EXISTS }", True),
        ("{ $.nothing NOT EXISTS }", False),
        ("{ $.d NOT EXISTS }", False),
        ('{ $.user = "*" }', True),
        ('{ $.d = "*" }', True),
        ('{ $.nothing = "*" }', False),
        ('{ $.empty = "" }', True),
        ('{ $.logLevel = "ERROR" && $.n > 45 }', True),
        ('{ $.logLevel = "ERROR" && $.n > 46 }', False),
        ('{ ($.logLevel = "INFO") || ($.n > 45) }', True),
        ('{ ($.logLevel = "INFO") || ($.n > 46) }', False),
        ('{ $.logLevel = "ERROR" || $.n > 99 && $.n < 0 }', True),
        ('{ ($.logLevel = "ERROR" || $.n > 99) && $.n < 0 }', False),
        ("{ (($.n = 46)) && ($.d.e = 1 || ($.d.e = 2 && $.user = Ann*)) }", True),
    ],
)
def test_a_json_pattern_matches_as_cloudwatch_logs_does(pattern: str, expected: bool) -> None:
    assert matches(pattern, MESSAGE) is expected


@pytest.mark.parametrize("message", ["plain text", '"ERROR"', "12", "{broken", "", "null"])
def test_a_json_pattern_never_matches_what_is_no_object(message: str) -> None:
    assert not matches("{ $.nope NOT EXISTS }", message)


def test_a_json_array_is_reached_by_its_indexes() -> None:
    assert matches("{ $[1].n = 2 }", '[{"n": 1}, {"n": 2}]')


LINE = '127.0.0.1 Prod frank [10/Oct/2000:13:25:15 -0700] "GET /index.html HTTP/1.0" 404 1534'


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("[ip, user, username, timestamp, request, status_code, bytes]", True),
        ("[ip, user, username, timestamp, request, status_code]", False),
        ("[ip, user, username, timestamp, request, status_code = 404, bytes]", True),
        ("[ip, user, username, timestamp, request, status_code = 4*, bytes > 1000]", True),
        ("[ip, user, username, timestamp, request, status_code = 4*, bytes > 2000]", False),
        ("[ip, ..., status_code = 404, bytes]", True),
        ("[..., bytes >= 1534]", True),
        ("[..., bytes < 1534]", False),
        ("[ip = 127.0.0.1, ...]", True),
        ("[ip != 127.0.0.1, ...]", False),
        ("[ip = %^127%, ...]", True),
        ('[ip, user, name, time, request = "GET *", ...]', True),
        ('[ip, user, name, time, request = "POST *", ...]', False),
        ("[ip, user = Test || user = Prod, ...]", True),
        ("[ip, user = Test && user = Prod, ...]", False),
        ("[ip, user, username = frank || username = fred, timestamp, ...]", True),
        ("[ip, user > 3, ...]", False),
    ],
)
def test_a_space_delimited_pattern_matches_field_by_field(pattern: str, expected: bool) -> None:
    assert matches(pattern, LINE) is expected


@pytest.mark.parametrize(
    "pattern",
    [
        '"unclosed',
        "%unclosed",
        "not-a-word",
        "time:",
        "%(a|b)%",
        "%something!%",
        "%[%",
        "%a% %b% %c%",
        "{ }",
        "{ $.a }",
        "{ $.a = }",
        "{ $.a = 1",
        "{ $.a = 1 } x",
        "{ $.a == 1 }",
        '{ $.a > "1" }',
        "{ $.a > b }",
        "{ a = 1 }",
        "{ $.a IS MAYBE }",
        "{ $.a IS NOT NULL }",
        "{ $.a EXISTS }",
        "{ ($.a = 1 }",
        "{ $.a = 1 && }",
        "{ $.a[*] = 1 }",
        "{ $.a = 1 $.b = 2 }",
        "{ $.a = %x% || $.b = %y% || $.c = %z% }",
        "[]",
        "[a, b",
        "[a, , b]",
        "[..., a, ...]",
        "[a > b]",
    ],
)
def test_a_pattern_against_the_syntax_is_refused(pattern: str) -> None:
    with pytest.raises(InvalidFilterPattern):
        compile_filter_pattern(pattern)
