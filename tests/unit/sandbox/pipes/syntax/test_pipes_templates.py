"""Input templates, JSON paths and HTTP parameters."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sandbox.pipes.syntax.http_parameters import compile_http_parameters
from sandbox.pipes.syntax.json_paths import MISSING, compile_path, is_path
from sandbox.pipes.syntax.templates import InvalidTemplate, PipeVariables, compile_template

EVENT: dict[str, Any] = {
    "eventName": "INSERT",
    "dynamodb": {
        "ApproximateCreationDateTime": 1684934517,
        "Keys": {"Location": {"S": "São Paulo/1"}},
        "NewImage": {
            "MaxTemp": {"N": "88"},
            "Quote": {"S": 'say "hi"'},
            "Flag": {"BOOL": True},
            "Nothing": None,
            "Größe": {"S": "big"},
            "Days": {"L": [{"S": "mon"}, {"S": "tue"}]},
        },
    },
}
VARIABLES = PipeVariables("arn:pipe", "my-pipe", "arn:source", "arn:target")


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("$.eventName", "INSERT"),
        ("$.dynamodb.NewImage.MaxTemp.N", "88"),
        ("$.dynamodb.NewImage.Days.L[1].S", "tue"),
        ("$.dynamodb.NewImage.Days.L[*].S", ["mon", "tue"]),
        ("$.dynamodb.NewImage.Days.L[5]", MISSING),
        ("$.nowhere.at.all", MISSING),
        ("$.eventName.S", MISSING),
        ("$", EVENT),
        ("$[0].eventName", MISSING),
        ("$.dynamodb['Keys']", MISSING),
        ('$.dynamodb["Keys"]', MISSING),
        ("$['dynamodb']", MISSING),
        ("$..Location", MISSING),
        ("$.*", MISSING),
        ("$.dynamodb.*", MISSING),
        ("$.dynamodb.NewImage.Days.L[0:1]", MISSING),
        ("$.dynamodb.NewImage.Days.L[0,1]", MISSING),
        ("$.dynamodb.NewImage.Days.L[-1]", MISSING),
        ("$.dynamodb.NewImage.Days.L[?(@.S=='mon')]", MISSING),
        ("$.dynamodb.NewImage.Days.L[(@.length-1)]", MISSING),
        # Digits and letters are those of ASCII, as in the model.
        ("$.dynamodb.NewImage.Days.L[\u0661]", MISSING),
        ("$.dynamodb.NewImage.Größe.S", MISSING),
    ],
)
def test_a_path_leads_to_its_value_or_nowhere(path: str, found: Any) -> None:
    assert compile_path(path)(EVENT) == found


@pytest.mark.parametrize(
    ("text", "expected"), [("$.a.b-c_d[0]", True), ("$5", False), ("a$.b", False), ("$.a b", False)]
)
def test_only_a_whole_path_is_dynamic(text: str, expected: bool) -> None:
    assert is_path(text) is expected


@pytest.mark.parametrize(
    ("template", "body"),
    [
        ('{"a": <$.eventName>}', '{"a": "INSERT"}'),
        ('{"a": "<$.eventName>"}', '{"a": "INSERT"}'),
        ('{"a": "is <$.eventName>!"}', '{"a": "is INSERT!"}'),
        ('{"n": <$.dynamodb.NewImage.MaxTemp.N>}', '{"n": "88"}'),
        ('{"f": <$.dynamodb.NewImage.Flag.BOOL>}', '{"f": true}'),
        ('{"f": "<$.dynamodb.NewImage.Flag.BOOL>"}', '{"f": "true"}'),
        ('{"o": <$.dynamodb.NewImage.MaxTemp>}', '{"o": {"N":"88"}}'),
        ('{"o": "<$.dynamodb.NewImage.MaxTemp>"}', '{"o": "{N:88}"}'),
        ('{"l": "<$.dynamodb.NewImage.Days.L[*].S>"}', '{"l": "[mon,tue]"}'),
        ('{"m": <$.nowhere>}', '{"m": ""}'),
        ('{"m": <$.dynamodb.NewImage.Days.L[0:1]>, "n": "<$..S>"}', '{"m": "", "n": ""}'),
        ("{\"m\": <$.dynamodb['Keys']>}", '{"m": ""}'),
        (
            '{"z": <$.dynamodb.NewImage.Nothing>, "t": "is <$.dynamodb.NewImage.Nothing>"}',
            '{"z": null, "t": "is null"}',
        ),
        ('{"n": <$.dynamodb.ApproximateCreationDateTime>}', '{"n": 1684934517}'),
        ('{"\\u00fc": <$.dynamodb.Keys.Location.S>}', '{"\\u00fc": "São Paulo/1"}'),
        ('{"m": "text <$.nowhere>"}', '{"m": "text "}'),
        ('[<$.eventName>, "x"]', '["INSERT", "x"]'),
        # Values are not escaped, as on AWS.
        ('{"q": <$.dynamodb.NewImage.Quote.S>}', '{"q": "say "hi""}'),
        # A quote in a string of the template itself does not end it.
        ('{"a": "\\"<$.eventName>\\""}', '{"a": "\\"INSERT\\""}'),
        ("event <$.eventName> at <$.dynamodb.Keys.Location>", 'event INSERT at {"S":"São Paulo/1"}'),
        ('"Body is <$.dynamodb.NewImage.MaxTemp>"', '"Body is {N:88}"'),
        ("<$.eventName>", "INSERT"),
        ('{"p": <aws.pipes.pipe-name>, "a": "<aws.pipes.pipe-arn>"}', '{"p": "my-pipe", "a": "arn:pipe"}'),
        ('{"s": <aws.pipes.source-arn>, "t": <aws.pipes.target-arn>}', '{"s": "arn:source", "t": "arn:target"}'),
        ("no placeholder <b>at all</b>", "no placeholder <b>at all</b>"),
    ],
)
def test_a_template_becomes_the_body(template: str, body: str) -> None:
    assert compile_template(template, VARIABLES).render(EVENT) == body


def test_the_whole_event_can_be_put_into_a_template() -> None:
    body = compile_template('{"e": <aws.pipes.event.json>}', VARIABLES).render({"a": [1, "ü"]})
    assert body == '{"e": {"a":[1,"ü"]}}'


def test_the_ingestion_time_is_when_the_template_got_the_event() -> None:
    before = datetime.now(UTC)
    body = compile_template(
        '{"t": <aws.pipes.event.ingestion-time>, "u": "<aws.pipes.event.ingestion-time>"}', VARIABLES
    )
    rendered = json.loads(body.render({"no": "record"}))
    for text in rendered.values():
        assert text.endswith("Z")
        assert timedelta(milliseconds=-1) <= datetime.fromisoformat(text) - before < timedelta(minutes=1)


@pytest.mark.parametrize("name", ["aws.pipes.bogus", "aws.events.rule-name"])
def test_an_unknown_reserved_variable_is_refused_in_the_words_of_aws(name: str) -> None:
    with pytest.raises(InvalidTemplate, match="Invalid json path reference or predefined variable for placeholder"):
        compile_template(f'{{"a": <{name}>}}', VARIABLES)


def test_path_values_fill_the_stars_in_order_and_are_encoded() -> None:
    http = compile_http_parameters({"PathParameterValues": ["my cache", "$.dynamodb.Keys.Location.S"]})
    assert http.url("http://h/topics/*/*", EVENT) == "http://h/topics/my%20cache/S%C3%A3o%20Paulo%2F1"
    assert http.url("http://h/cache/*", EVENT) == "http://h/cache/my%20cache"
    assert http.url("http://h/*/*/*", EVENT) == "http://h/my%20cache/S%C3%A3o%20Paulo%2F1/*"


def test_query_values_are_paths_or_literals_and_a_missing_one_is_empty() -> None:
    query = {"key": "$.dynamodb.Keys.Location.S", "ttl_seconds": "60", "x": "$.dynamodb.NewImage.TTL.N", "y": "a $.b"}
    url = compile_http_parameters({"QueryStringParameters": query}).url("http://h/c?z=1", EVENT)
    outside = compile_http_parameters({"PathParameterValues": ["$.dynamodb['Keys']"]})
    assert outside.url("http://h/*", EVENT) == "http://h/%24.dynamodb%5B%27Keys%27%5D", "text, for it is no path"
    assert url == "http://h/c?z=1&key=S%C3%A3o%20Paulo%2F1&ttl_seconds=60&x=&y=a%20%24.b"


def test_a_value_cannot_change_the_url() -> None:
    http = compile_http_parameters({"PathParameterValues": ["$.k"], "QueryStringParameters": {"key": "$.k"}})
    url = http.url("http://h/cache/*", {"k": "../a?b=c&d#e%\ud800"})
    assert url == "http://h/cache/..%2Fa%3Fb%3Dc%26d%23e%25%3F?key=..%2Fa%3Fb%3Dc%26d%23e%25%3F"
