"""Whether a stack fits into the account: counted over all pages, against the account's own quotas or AWS's defaults."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import boto3
import pytest
from botocore.stub import Stubber

from core import names
from provision import doctor
from provision.clients import Clients
from provision.quotas import Room, rooms


@pytest.fixture
def aws() -> Clients:
    return Clients(boto3.Session("key", "secret", region_name="us-west-2"))


@pytest.fixture
def stubs(aws: Clients) -> Iterator[dict[str, Stubber]]:
    """The services that are asked, all but the counts of pipes answered: two connections, of which one is ours."""
    with ExitStack() as stack:
        found = {
            name: stack.enter_context(Stubber(getattr(aws, name))) for name in ("quotas", "pipes", "events", "iam")
        }
        ours = [{"Name": names.CONNECTION}, {"Name": "another"}]
        found["events"].add_response("list_connections", {"Connections": ours}, {})
        found["events"].add_response("list_api_destinations", {"ApiDestinations": []}, {})
        found["iam"].add_response("get_account_summary", {"SummaryMap": {"Roles": 1000, "RolesQuota": 1000}}, {})
        found["iam"].add_client_error("get_role", "NoSuchEntity", expected_params={"RoleName": names.ROLE})
        yield found


def test_all_pages_are_counted_against_the_accounts_own_quotas(aws: Clients, stubs: dict[str, Stubber]) -> None:
    own = [{"QuotaName": "Pipes", "Value": 5.0}, {"QuotaName": "Something else", "Value": 1.0}]
    stubs["quotas"].add_response("list_service_quotas", {"Quotas": own}, {"ServiceCode": "events"})
    first, second = [{"Name": "one"}, {"Name": names.PIPES[0]}], [{"Name": "two"}, {"Name": "three"}]
    stubs["pipes"].add_response("list_pipes", {"Pipes": first, "NextToken": "more"}, {})
    stubs["pipes"].add_response("list_pipes", {"Pipes": second}, {"NextToken": "more"})

    found = {room.what: room for room in rooms(aws, names.DEFAULT)}

    assert found["pipes"] == Room("pipes", others=3, quota=5, needed=3)
    assert found["connections"] == Room("connections", others=1, quota=3000, needed=1)
    assert found["roles"] == Room("roles", others=1000, quota=1000, needed=1)
    assert {what for what, room in found.items() if not room.enough} == {"pipes", "roles"}
    assert str(found["pipes"]) == "6 of 5 pipes"


def test_what_is_full_is_said_with_what_to_do(aws: Clients, stubs: dict[str, Stubber]) -> None:
    stubs["quotas"].add_client_error("list_service_quotas", "AccessDeniedException")
    stubs["pipes"].add_response("list_pipes", {"Pipes": []}, {})

    good, said = doctor._quotas(aws, names.DEFAULT)

    assert (good, said.split(".")[0]) == (False, "with the stack 1001 of 1000 roles")
    assert "Service Quotas" in said


def test_who_may_not_count_is_told_so(aws: Clients, stubs: dict[str, Stubber]) -> None:
    stubs["quotas"].add_response("list_service_quotas", {"Quotas": []}, {"ServiceCode": "events"})
    stubs["pipes"].add_client_error("list_pipes", "AccessDeniedException")

    assert doctor._quotas(aws, names.DEFAULT) == (None, "these credentials may not count what there is (ListPipes)")
