"""From looks at resources to what the page Stack tells of them: standing, differences, and what was not compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from core import names
from core.config import Target
from core.errors import NotAuthorized
from provision import stack
from provision.clients import Clients
from provision.kinds.registry import kinds
from provision.model import Declared, Observed, Owner
from provision.planner import in_order, resolved
from provision.secret_text import SecretText
from provision.settings import ORIGINAL, PRODUCTION, StackSettings
from services.stack.reader import Look, look, parts, usual_profile
from services.stack.report import Difference, Part, Standing

PLACE = stack.Place("us-west-2", "123456789012", "https://api.cache.example.com")
KEY = SecretText("the-key-nobody-may-see")


def declared(settings: StackSettings = ORIGINAL) -> list[Declared]:
    return in_order(stack.declared(names.DEFAULT, settings, PLACE, KEY))


def observed(settings: StackSettings = ORIGINAL) -> dict[str, Look]:
    """A stack that is as declared, as looks by address."""
    resources = declared(settings)
    outputs = {each.address: {"arn": f"arn:{each.address}", "stream_arn": "arn:stream"} for each in resources}
    return {
        each.address: Look(each, Observed(resolved(each.attributes, outputs), outputs[each.address], state="exists"))
        for each in resources
    }


def changed(seen_as: Look, **attributes: Any) -> Look:
    """The same resource with other attributes observed."""
    assert seen_as.found is not None
    return replace(seen_as, found=replace(seen_as.found, attributes={**seen_as.found.attributes, **attributes}))


def told(looks: Mapping[str, Look], *optional: Look) -> dict[str, Part]:
    return {part.address: part for part in parts(list(looks.values()), optional)}


def test_a_stack_as_declared_has_no_drift_and_no_notes() -> None:
    found = told(observed())

    assert [part.standing for part in found.values()] == [Standing.AS_DECLARED] * 13
    assert not any(part.differences or part.notes for part in found.values())
    assert found["table"].arn == "arn:table"
    order = list(found)
    assert order.index("table") < order.index("role") < order.index("pipe/cache-put")


def test_an_attribute_that_differs_is_told_by_its_path_as_declared_and_as_observed() -> None:
    looks = observed()
    looks["log-group"] = changed(looks["log-group"], RetentionInDays=7)

    part = told(looks)["log-group"]

    assert part.standing is Standing.DIFFERS
    assert part.differences == (Difference("RetentionInDays", declared="90", observed="7"),)


def test_another_key_is_told_and_neither_key_is_shown() -> None:
    looks = observed()
    looks["connection"] = changed(looks["connection"], Key=SecretText("another-key-nobody-may-see"))

    part = told(looks)["connection"]

    assert part.differences == (Difference("Key", declared="(secret)", observed="(secret)"),)
    assert "nobody-may-see" not in repr(part)


def test_what_is_missing_makes_nothing_else_drift() -> None:
    looks = observed()
    looks["destination/cache-put"] = replace(looks["destination/cache-put"], found=None)

    found = told(looks)

    assert found["destination/cache-put"].standing is Standing.MISSING
    assert found["pipe/cache-put"].standing is Standing.AS_DECLARED
    assert found["pipe/cache-put"].notes == (
        "Not compared, because what it refers to is missing or cannot be read: Target.",
    )


def test_one_that_cannot_be_read_says_why_and_hides_no_other() -> None:
    looks = observed()
    refusal = NotAuthorized("Reading queue weather-stats-demo-dlq failed: AccessDenied.", "Check the policy.")
    looks["queue"] = Look(looks["queue"].compared, error=refusal)
    looks["log-group"] = changed(looks["log-group"], RetentionInDays=7)

    found = told(looks)

    assert found["queue"].standing is Standing.UNREADABLE
    assert found["queue"].notes == ("Reading queue weather-stats-demo-dlq failed: AccessDenied. Check the policy.",)
    assert found["log-group"].standing is Standing.DIFFERS
    assert found["role"].standing is Standing.AS_DECLARED
    assert {part.standing for part in found.values()} == {
        Standing.UNREADABLE,
        Standing.DIFFERS,
        Standing.AS_DECLARED,
    }


def test_somebody_elses_is_not_the_stacks_and_one_on_its_way_is_not_drift() -> None:
    looks = observed()
    found = looks["queue"].found
    assert found is not None
    looks["queue"] = replace(looks["queue"], found=replace(found, owner=Owner.SOMEBODY))
    pipe = looks["pipe/cache-put"].found
    assert pipe is not None
    looks["pipe/cache-put"] = replace(looks["pipe/cache-put"], found=replace(pipe, state="UPDATING", passing=True))

    seen = told(looks)

    assert seen["queue"].standing is Standing.SOMEBODYS
    assert "up --adopt takes it over, if it is yours." in seen["queue"].notes[0]
    assert seen["pipe/cache-put"].standing is Standing.PASSING


def test_a_pipe_that_failed_has_its_state_its_reason_and_that_it_is_made_anew() -> None:
    looks = observed()
    said = "CREATE_FAILED: Cannot access stream: no right"
    failed = changed(looks["pipe/cache-put"], Condition=said)
    assert failed.found is not None
    looks["pipe/cache-put"] = replace(failed, found=replace(failed.found, state=said, trouble=said))

    part = told(looks)["pipe/cache-put"]

    assert (part.standing, part.state) == (Standing.DIFFERS, "CREATE_FAILED")
    assert part.reason == "Cannot access stream: no right"
    assert part.notes == (f"It has to be made anew: {said}.",)


def test_of_what_other_profiles_have_only_that_is_told_which_is_the_stacks() -> None:
    alarm, other, absent = [
        each for each in stack.optional(names.DEFAULT, ORIGINAL, PLACE, KEY) if each.kind == "alarm"
    ][:3]

    found = told(
        observed(),
        Look(alarm, Observed({}, {"arn": "arn:alarm"}, state="OK")),
        Look(other, Observed({}, {"arn": "arn:other"}, Owner.SOMEBODY, "OK")),
        Look(absent),
    )

    assert found[alarm.address].standing is Standing.EXTRA
    assert not found[alarm.address].declared
    assert {other.address, absent.address}.isdisjoint(found)


def test_a_stack_of_the_profile_production_is_held_against_all_that_it_declares() -> None:
    found = told(observed(PRODUCTION))

    assert list(found) == [each.address for each in declared(PRODUCTION)]
    assert {part.standing for part in found.values()} == {Standing.AS_DECLARED}


def test_the_profile_is_the_one_that_the_command_line_takes() -> None:
    assert usual_profile(Target.AWS) == "production"
    assert usual_profile(Target.SANDBOX) == "original"


class NoCaches:
    """A Momento that is not asked here."""

    def list_caches(self) -> tuple[str, ...]:
        return ()

    def create_cache(self, cache: str) -> None:
        raise AssertionError(cache)


@pytest.fixture
def aws() -> Clients:
    return Clients(boto3.Session("key", "secret", region_name="us-west-2"))


TAGS = [{"Key": "Project", "Value": names.PROJECT}, {"Key": "Stack", "Value": "weather-stats-demo"}]


def test_a_secret_whose_value_may_not_be_read_is_compared_without_it(aws: Clients) -> None:
    secret = replace(next(each for each in declared() if each.kind == "secret"), after=())
    described = {"ARN": "arn:aws:secretsmanager:us-west-2:1:secret:a", "Tags": TAGS}
    at_work = kinds(aws, NoCaches(), names.DEFAULT, "123456789012")
    with Stubber(aws.secrets) as stub:
        stub.add_response("describe_secret", described, {"SecretId": names.SECRET})
        stub.add_client_error("get_secret_value", "AccessDeniedException", "no right to it")
        stub.add_response("describe_secret", described, {"SecretId": names.SECRET})

        seen_as = look(secret, at_work)

        stub.assert_no_pending_responses()
    (part,) = parts([seen_as], [])
    assert part.standing is Standing.AS_DECLARED
    assert part.notes == ("The Momento key in it may not be read with these rights, so it is not compared.",)


def test_a_resource_without_a_secret_is_asked_for_once_and_says_why_it_cannot_be_read(aws: Clients) -> None:
    role = next(each for each in declared() if each.kind == "role")
    at_work = kinds(aws, NoCaches(), names.DEFAULT, "123456789012")
    with Stubber(aws.iam) as stub:
        stub.add_client_error("get_role", "AccessDenied", "not authorized to perform iam:GetRole")

        seen_as = look(role, at_work)

        stub.assert_no_pending_responses()
    assert isinstance(seen_as.error, NotAuthorized)
    assert "not authorized to perform iam:GetRole" in str(seen_as.error)
