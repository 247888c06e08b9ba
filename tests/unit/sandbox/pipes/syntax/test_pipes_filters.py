"""Event patterns: what they match, and which are refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sandbox.pipes.syntax.filters import InvalidPattern, compile_filters, compile_pattern

RECORD: dict[str, Any] = {
    "eventID": "e1",
    "eventName": "INSERT",
    "dynamodb": {
        "Keys": {"Location": {"S": "Seattle"}},
        "NewImage": {
            "Location": {"S": "Seattle"},
            "MaxTemp": {"N": "300"},
            "Note": {"NULL": True},
            "Tags": {"SS": ["wet", "cold"]},
            "Days": {"L": [{"S": "mon"}, {"S": "tue"}]},
            "state.status": {"S": "ok"},
        },
        "SizeBytes": 12,
    },
}


#: A $or of forty branches.
FORTY = [{"k": [number]} for number in range(40)]


def image(field: str, condition: Any) -> dict[str, Any]:
    """A pattern on one attribute of the new image."""
    return {"dynamodb": {"NewImage": {field: condition}}}


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ({"eventName": ["INSERT", "MODIFY"]}, True),
        ({"eventName": ["REMOVE"]}, False),
        ({"eventName": ["insert"]}, False),
        ({"eventName": ["INSERT"], "eventID": ["e2"]}, False),
        (image("Location", {"S": ["Seattle", "Paris"]}), True),
        (image("Nowhere", {"S": ["Seattle"]}), False),
        # N values are strings: a numeric condition never matches them.
        (image("MaxTemp", {"N": [{"numeric": [">", 100]}]}), False),
        (image("MaxTemp", {"N": ["300"]}), True),
        (image("MaxTemp", {"N": [300]}), False),
        (image("MaxTemp", {"N": [{"prefix": "3"}]}), True),
        ({"dynamodb": {"SizeBytes": [{"numeric": [">", 10, "<=", 12]}]}}, True),
        ({"dynamodb": {"SizeBytes": [{"numeric": [">", 12]}]}}, False),
        ({"dynamodb": {"SizeBytes": [12.0]}}, True),
        ({"dynamodb": {"SizeBytes": [{"numeric": ["=", 12]}]}}, True),
        # exists looks at leaves only.
        (image("Location", [{"exists": True}]), False),
        (image("Location", {"S": [{"exists": True}]}), True),
        (image("Location", [{"exists": False}]), True),
        (image("Location", {"S": [{"exists": False}]}), False),
        (image("Gone", {"S": [{"exists": False}]}), True),
        ({"dynamodb": {"OldImage": {"Location": {"S": [{"exists": False}]}}}}, True),
        (image("Gone", {"S": [{"exists": False}, "x"]}), True),
        (image("Location", {"S": [{"exists": False}, "Seattle"]}), True),
        (image("Location", {"S": [{"exists": False}, "Paris"]}), False),
        # true is not 1, null is not "".
        (image("Note", {"NULL": [True]}), True),
        (image("Note", {"NULL": [1]}), False),
        (image("Note", {"NULL": [None, "true"]}), False),
        # Of an array one element is enough.
        (image("Tags", {"SS": ["cold"]}), True),
        (image("Tags", {"SS": ["dry"]}), False),
        (image("Days", {"L": {"S": ["tue"]}}), True),
        (image("Days", {"L": {"S": ["wed"]}}), False),
        (image("Tags", {"SS": [{"anything-but": "cold"}]}), True),
        # anything-but wants the field to be there, and takes other types.
        (image("Location", {"S": [{"anything-but": ["Paris", "Rome"]}]}), True),
        (image("Location", {"S": [{"anything-but": "Seattle"}]}), False),
        (image("Gone", {"S": [{"anything-but": "Seattle"}]}), False),
        (image("Note", {"NULL": [{"anything-but": "x"}]}), True),
        (image("Location", {"S": [{"anything-but": 5}]}), True),
        (image("Location", {"S": [{"suffix": "tle"}]}), True),
        (image("Location", {"S": [{"prefix": ""}]}), True),
        (image("Location", {"S": [{"prefix": {"equals-ignore-case": "sEA"}}]}), True),
        (image("Location", {"S": [{"suffix": {"equals-ignore-case": "TLE"}}]}), True),
        (image("Location", {"S": [{"equals-ignore-case": "seaTTLE"}]}), True),
        (image("Location", {"S": [{"equals-ignore-case": "seat"}]}), False),
        # Dotted names and nesting are the same, both ways.
        ({"dynamodb.NewImage.Location.S": ["Seattle"]}, True),
        (image("state", {"status": {"S": ["ok"]}}), True),
        (image("state.status", {"S": ["ok"]}), True),
        (image("state.status", {"S": ["bad"]}), False),
        # $or with two objects or more is the operator, otherwise a field.
        ({"$or": [{"eventName": ["REMOVE"]}, {"eventID": ["e1"]}]}, True),
        ({"$or": [{"eventName": ["REMOVE"]}, {"eventID": ["e2"]}]}, False),
        ({"dynamodb": {"$or": [{"SizeBytes": [1]}, {"Keys": {"Location": {"S": ["Seattle"]}}}]}}, True),
        ({"$or": [{"prefix": "a"}, {"prefix": "b"}]}, False),
        ({"eventName": ["REMOVE", {"prefix": "INS"}]}, True),
    ],
    ids=json.dumps,
)
def test_a_pattern_matches_as_event_rules_do(pattern: dict[str, Any], expected: bool) -> None:
    assert compile_pattern(json.dumps(pattern)).matches(RECORD) is expected


@pytest.mark.parametrize(
    ("event", "pattern", "expected"),
    [
        ({"a": []}, {"a": [{"exists": True}]}, False),
        ({"a": []}, {"a": [{"exists": False}]}, True),
        ({"a": None}, {"a": [None]}, True),
        ({"a": None}, {"a": [{"exists": True}]}, True),
        ({"a": ""}, {"a": [None]}, False),
        ({"a": "null"}, {"a": [None]}, False),
        ({"a": ""}, {"a": [""]}, True),
        # Both conditions must hold in the same element of an array.
        ({"a": [{"b": 1, "c": 3}, {"b": 9, "c": 2}]}, {"a": {"b": [1], "c": [2]}}, False),
        ({"a": [{"b": 1, "c": 3}, {"b": 1, "c": 2}]}, {"a": {"b": [1], "c": [2]}}, True),
        ({"a": [{"b": 1}, {}]}, {"a": {"b": [{"exists": False}]}}, False),
        ({"x": 1}, {"a": {"b": {"c": [{"exists": False}]}}}, True),
        ({"a": {"b": 101.0}}, {"a": {"b": [{"numeric": [">", 100]}]}}, True),
        ({"a": {"b": True}}, {"a": {"b": [{"numeric": [">", 0]}]}}, False),
        # Elements of nested arrays go together as well, and other arrays do not matter.
        ({"a": [{"b": [{"c": 1}, {"d": 2}]}]}, {"a": {"b": {"c": [1], "d": [2]}}}, False),
        ({"a": [{"b": [{"c": 1}], "d": 2}]}, {"a": {"b": {"c": [1]}, "d": [2]}}, True),
        ({"a": [{"b": [{"c": 1}]}, {"d": 2}]}, {"a": {"b": {"c": [1]}, "d": [2]}}, False),
        ({"a": [[{"b": 1}, {"c": 2}]]}, {"a": {"b": [1], "c": [2]}}, False),
        ({"a": [{"b": 1}], "z": [{"b": 2}, {"b": 3}]}, {"a": {"b": [1]}, "z": {"b": [3]}}, True),
        # What is missing from the element that matches so far is missing.
        ({"a": [{"b": 1, "c": 2}, {"b": 3}]}, {"a": {"b": [3], "c": [{"exists": False}]}}, True),
        ({"a": [{"b": 1, "c": 2}, {"b": 3}]}, {"a": {"b": [1], "c": [{"exists": False}]}}, False),
        # Dotted names in the event, several of them, and next to nested ones.
        ({"a.b": 1, "a.c": 2}, {"a": {"b": [1], "c": [2]}}, True),
        ({"a": {"b": 1}, "a.c": 2}, {"a": {"b": [1], "c": [2]}}, True),
        ({"a.b": 1, "a": {"b": 2}}, {"a": {"b": [2]}}, True),
        ({"a.b.c": 1}, {"a": {"b": {"c": [1]}}}, True),
        ({"a.b": {"c": 1}}, {"a": {"b.c": [{"exists": False}]}}, False),
        # Numbers are compared as they are written, not as the nearest float.
        ({"a": 9007199254740993}, {"a": [9007199254740992]}, False),
        ({"a": 9007199254740993}, {"a": [9007199254740993]}, True),
        ({"a": 1}, {"a": [1.0]}, True),
        ({"a": 1e0}, {"a": [1]}, True),
        ({"a": 6000000000}, {"a": [{"numeric": [">", 0]}]}, False),
        ({"a": 5000000000}, {"a": [{"numeric": [">", 0]}]}, True),
        ({"a": 6000000000}, {"a": [{"anything-but": 1}]}, True),
        ({"a": "x"}, {"a": [{"exactly": "x"}]}, True),
        ({"a": "xy"}, {"a": [{"exactly": "x"}]}, False),
    ],
    ids=json.dumps,
)
def test_arrays_nulls_and_absences(event: dict[str, Any], pattern: dict[str, Any], expected: bool) -> None:
    assert compile_pattern(json.dumps(pattern)).matches(event) is expected


@pytest.mark.parametrize("pattern", ['{"a":["y"],"a.b":["x"]}', '{"a.b":["x"],"a":["y"]}'])
def test_a_field_may_be_asked_for_its_value_and_for_what_is_in_it(pattern: str) -> None:
    assert compile_pattern(pattern).matches({"a": ["y", {"b": "x"}]})
    assert not compile_pattern(pattern).matches({"a": ["y"]})
    assert not compile_pattern(pattern).matches({"a": {"b": "x"}})


def test_many_branches_of_or_are_taken_as_long_as_their_product_is_small() -> None:
    pattern = compile_pattern(json.dumps({"$or": FORTY, "a": {"$or": FORTY[:25]}}))
    assert pattern.matches({"k": 39, "a": {"k": 24}})
    assert not pattern.matches({"k": 39, "a": {"k": 25}})


def test_of_a_key_given_twice_the_last_one_counts() -> None:
    assert compile_pattern('{"eventName":["REMOVE"],"eventName":["INSERT"]}').matches(RECORD)


@pytest.mark.parametrize(
    ("pattern", "event", "expected"),
    [
        # The names of an object given twice are all asked for; only of one path the last one counts.
        ('{"a":{"b":[1]},"a":{"c":[2]}}', {"a": {"b": 1, "c": 2}}, True),
        ('{"a":{"b":[1]},"a":{"c":[2]}}', {"a": {"b": 9, "c": 2}}, False),
        ('{"a":{"b":[1]},"a":{"b":[2]}}', {"a": {"b": 2}}, True),
        ('{"a":{"b":[1]},"a.b":[2]}', {"a": {"b": 1}}, False),
        ('{"$or":[{"a":[1]},{"b":[1]}],"$or":[{"c":[1]},{"d":[1]}]}', {"a": 1, "c": 1}, True),
        ('{"$or":[{"a":[1]},{"b":[1]}],"$or":[{"c":[1]},{"d":[1]}]}', {"c": 1, "d": 1}, False),
        # A branch says more than what stands before its $or, and less than what stands behind.
        ('{"a":[1],"$or":[{"a":[2]},{"b":[1]}]}', {"a": 2}, True),
        ('{"a":[1],"$or":[{"a":[2]},{"b":[1]}]}', {"a": 1}, False),
        ('{"$or":[{"a":[2]},{"b":[1]}],"a":[1]}', {"a": 1}, True),
        # A branch and its neighbours are about the same element.
        ('{"a":{"b":[1],"$or":[{"c":[2]},{"d":[3]}]}}', {"a": [{"b": 1, "d": 3}]}, True),
        ('{"a":{"b":[1],"$or":[{"c":[2]},{"d":[3]}]}}', {"a": [{"b": 1}, {"d": 3}]}, False),
        # A $or in a $or.
        ('{"$or":[{"a":[1],"$or":[{"b":[1]},{"c":[1]}]},{"d":[1]}]}', {"a": 1, "c": 1}, True),
        ('{"$or":[{"a":[1],"$or":[{"b":[1]},{"c":[1]}]},{"d":[1]}]}', {"a": 1}, False),
        ('{"$or":[{"a":[1],"$or":[{"b":[1]},{"c":[1]}]},{"d":[1]}]}', {"d": 1}, True),
        # An object, an array of operators: an ordinary name.
        ('{"$or":{"a":[1]}}', {"$or": {"a": 1}}, True),
        ('{"$or":[{"numeric":[">",0]},{"prefix":"x"}]}', {"$or": "xy"}, True),
        ('{"$or":[1,2]}', {"$or": 2}, True),
    ],
)
def test_what_is_said_twice_and_what_is_said_as_alternatives(
    pattern: str, event: dict[str, Any], expected: bool
) -> None:
    assert compile_pattern(pattern).matches(event) is expected


def test_filters_are_alternatives_and_none_takes_everything() -> None:
    assert compile_filters([]).matches(RECORD)
    assert compile_filters(['{"eventName":["REMOVE"]}', '{"eventID":["e1"]}']).matches(RECORD)
    assert not compile_filters(['{"eventName":["REMOVE"]}', '{"eventID":["e2"]}']).matches(RECORD)


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("not json", "Invalid Event Pattern"),
        ("", "Invalid Event Pattern"),
        ("{}", "Invalid Event Pattern. Reason: Empty objects are not allowed"),
        ('{"a":{}}', "Invalid Event Pattern. Reason: Empty objects are not allowed"),
        ('{"k":"v"}', 'Invalid Event Pattern. Reason: "k" must be an object or an array'),
        ('{"k":[]}', "Empty arrays are not allowed"),
        ('{"k":[["v"]]}', "Match value must be"),
        ('{"k":[{"EXISTS":true}]}', "Unrecognized match type EXISTS"),
        ('{"k":[{"exists":"yes"}]}', "exists match pattern must be either true or false."),
        ('{"k":[{"prefix":["a"]}]}', "prefix match pattern must be a string"),
        ('{"k":[{"suffix":1}]}', "suffix match pattern must be a string"),
        ('{"k":[{"numeric":">"}]}', "Value of numeric must be an array."),
        ('{"k":[{"numeric":[">",0,">",0]}]}', "Bad numeric range operator: >"),
        ('{"k":[{"numeric":[">","0"]}]}', "Value of > must be numeric"),
        ('{"k":[{"numeric":[">",0,"<"]}]}', "Reason: Value of < must be numeric"),
        ('{"k":[{"numeric":["=","a"]}]}', "Reason: Value of equals must be numeric"),
        ('{"k":[{"numeric":["=",1,">",0]}]}', "Reason: Too many elements in numeric expression"),
        ('{"k":[{"numeric":[">",0,"<",1,2]}]}', "Reason: Too many terms in numeric range expression"),
        ('{"k":[{"numeric":[">",0,1]}]}', "Reason: Bad value in numeric range: 1"),
        ('{"k":[{"numeric":[1]}]}', "Reason: Invalid member in numeric match: 1"),
        ('{"k":[{"numeric":["!=",1]}]}', "Reason: Unrecognized numeric range operator: !="),
        ('{"k":[{"numeric":[">",5,"<",5]}]}', "Reason: Bottom must be less than top"),
        ('{"k":[{"numeric":["<",5000000001]}]}', "Reason: Value must be between -5.0E9 and 5.0E9, inclusive"),
        ('{"k":[{"anything-but":[5000000001]}]}', "Reason: Value must be between -5.0E9 and 5.0E9, inclusive"),
        ('{"k":[{"anything-but":[null]}]}', "Inside anything but list, start|null|boolean is not supported."),
        ('{"k":[{"anything-but":null}]}', "Value of anything-but must be an array or single string/number value."),
        ('{"k":[{"anything-but":true}]}', "Value of anything-but must be an array or single string/number value."),
        (
            '{"k":[{"anything-but":["a",1]}]}',
            "Inside anything but list, either all values are number or string, mixed type is not supported",
        ),
        (
            '{"k":[{"anything-but":[]}]}',
            "Inside anything but list, either all values are number or string, mixed type is not supported",
        ),
        ('{"k":[{"anything-but":{"foo":"a"}}]}', "Reason: Unsupported anything-but pattern: foo"),
        ('{"k":[{"prefix":{"suffix":"a"}}]}', "Reason: Unsupported prefix pattern: suffix"),
        ('{"k":[{"suffix":{"foo":"a"}}]}', "Reason: Unsupported suffix pattern: foo"),
        ('{"k":[{"suffix":{"equals-ignore-case":1}}]}', "Reason: equals-ignore-case match pattern must be a string"),
        ('{"k":[{"equals-ignore-case":["a"]}]}', "Reason: equals-ignore-case match pattern must be a string"),
        ('{"k":[{"exists":0}]}', "exists match pattern must be either true or false."),
        ('{"k":[{"exactly":1}]}', "Reason: exact match pattern must be a string"),
        ('{"k":[{}]}', "Reason: Match expression name not found"),
        ('{"k":[{"prefix":"a","prefix":"b"}]}', "Only one key allowed in match expression"),
        ('{"$or":[{"k":["a"]}]}', "Unrecognized match type k"),
        ('{"$or":[{"k":["a"]},{"regex":["b"]}]}', "Unrecognized match type k"),
        ('{"$or":[{"k":["a"]},{}]}', "Empty objects are not allowed"),
        ('{"k":[{"anything-but":{"prefix":"a"}}]}', "not supported"),
        ('{"k":[{"wildcard":"a*"}]}', "wildcard is not supported"),
        ('{"k":[{"cidr":"10.0.0.0/8"}]}', "cidr is not supported"),
        ('{"k":[{"prefix":"a","suffix":"b"}]}', "Only one key allowed"),
        ("[1]", "Filter is not an object"),
        ("[" * 4096, "Invalid Event Pattern"),
        ('{"k":[NaN]}', "Invalid Event Pattern"),
        ('{"k":[{"anything-but":' + "9" * 400 + "}]}", "Value must be between"),
        ('{"k":[{"numeric":["<",' + "9" * 400 + "]}]}", "Value must be between"),
        (json.dumps({"$or": FORTY, "a": {"$or": FORTY}}), "more than 1000 combinations"),
    ],
)
def test_a_pattern_that_pipes_does_not_take_is_refused(pattern: str, words: str) -> None:
    with pytest.raises(InvalidPattern) as refused:
        compile_pattern(pattern)
    assert words in str(refused.value)
