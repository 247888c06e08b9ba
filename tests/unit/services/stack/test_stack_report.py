"""The page Stack in words and as JSON: the summary, what people paste, and the commands."""

from __future__ import annotations

import json

import pytest

from provision.arguments import parser
from services.stack.report import Difference, Part, StackReport, Standing, commands


def part(standing: Standing = Standing.AS_DECLARED, address: str = "queue", declared: bool = True) -> Part:
    outputs = {} if standing in (Standing.MISSING, Standing.UNREADABLE) else {"arn": f"arn:{address}"}
    return Part(address, "queue", f"stack-{address}", standing, "exists", outputs=outputs, declared=declared)


def report(*parts: Part) -> StackReport:
    return StackReport(
        stack="team-1-weather-stats-demo",
        prefix="team-1",
        region="us-west-2",
        account="123456789012",
        profile="original",
        tags={"Stack": "team-1-weather-stats-demo"},
        http_endpoint="https://api.cache.example.com",
        topic="team-1-momento-eventbridge-topic",
        parts=parts,
    )


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ([part(), part()], "2 of 2 resources are there, no drift."),
        ([part(), part(Standing.DIFFERS)], "2 of 2 resources are there: 1 differs."),
        (
            [part(), part(Standing.MISSING), part(Standing.MISSING), part(Standing.DIFFERS)],
            "2 of 4 resources are there: 2 are missing, 1 differs.",
        ),
        ([part(), part(Standing.UNREADABLE)], "1 of 2 resources are there: 1 cannot be read."),
        ([part(), part(Standing.PASSING)], "2 of 2 resources are there: 1 is on its way."),
        ([part(), part(Standing.SOMEBODYS)], "1 of 2 resources are there: 1 is somebody else's."),
        (
            [part(), part(Standing.EXTRA, declared=False), part(Standing.EXTRA, declared=False)],
            "1 of 1 resources are there: 2 are not in this profile.",
        ),
        ([part(), part(Standing.UNREADABLE, declared=False)], "1 of 1 resources are there: 1 cannot be read."),
    ],
)
def test_a_summary_counts_what_is_there_and_names_what_is_not_right(parts: list[Part], words: str) -> None:
    assert report(*parts).summary() == words


def test_only_a_stack_that_was_read_whole_is_as_declared() -> None:
    assert report(part(), part()).as_declared
    assert not report(part(), part(Standing.UNREADABLE)).as_declared
    assert not report(part(), part(Standing.EXTRA, declared=False)).as_declared


def test_a_stack_is_absent_when_nothing_of_it_is_there() -> None:
    assert report(part(Standing.MISSING), part(Standing.SOMEBODYS)).absent
    assert not report(part(Standing.MISSING), part()).absent


def test_outputs_are_of_what_is_there_with_topic_and_endpoint() -> None:
    found = report(part(), part(Standing.MISSING, "table"), part(Standing.SOMEBODYS, "role")).outputs()

    assert [(each.label, each.values) for each in found] == [
        ("Queue", ("stack-queue", "arn:queue")),
        ("Momento topic", ("team-1-momento-eventbridge-topic",)),
        ("Momento HTTP endpoint", ("https://api.cache.example.com",)),
    ]
    assert report(part(Standing.MISSING)).outputs() == ()


def test_the_json_has_every_resource_with_its_differences() -> None:
    differs = Part(
        "log-group", "log group", "logs", Standing.DIFFERS, differences=(Difference("RetentionInDays", "90", "7"),)
    )

    data = json.loads(json.dumps(report(part(), differs).data(read_at=1_800_000_000.0)))

    assert data["read_at"] == "2027-01-15T08:00:00+00:00"
    assert data["compared_with"] == "original"
    assert [each["standing"] for each in data["resources"]] == ["as declared", "differs"]
    assert data["resources"][1]["differences"] == [{"path": "RetentionInDays", "declared": "90", "observed": "7"}]


@pytest.mark.parametrize("prefix", ["", "team-1"])
def test_the_commands_name_prefix_and_profile_and_are_ones_that_exist(prefix: str) -> None:
    offered = commands(prefix, "production")

    for command in offered:
        words = command.line.split()
        assert words[:3] == ["python", "-m", "provision"]
        taken = parser(None).parse_args(words[3:])
        assert taken.prefix == (prefix or None)
        if taken.command not in ("down", "policy"):
            assert taken.profile == "production"
    assert [command.line.split()[3] for command in offered] == [
        "plan",
        "up",
        "drift",
        "status",
        "doctor",
        "policy",
        "down",
    ]
    assert not any("--yes" in command.line or "--unprotect" in command.line for command in offered)
