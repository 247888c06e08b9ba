"""The signature that the AWS port makes anew is the one that botocore makes, and nothing else passes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.aws.refusals import INCOMPLETE, MISSING, UNKNOWN_KEY, WRONG_SIGNATURE, Reason, Refused
from sandbox.aws.signature import Request, check_claims, check_signature, pairs_of, read_signature
from tests.support.signed_requests import KEY_ID, SECRET, Sent, json_call, presigned, signed

_TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=20)
_SAFE = st.text("abcXYZ019-_.~ /:%+*'()!@=&?#ü", max_size=30)


def verify(sent: Sent, now: datetime | None = None) -> None:
    """What the door does to a request. Raises Refused."""
    path, _, query = sent.target.partition("?")
    headers = {name.lower().encode(): value.encode() for name, value in sent.headers}
    request = Request(sent.method.encode(), path.encode(), pairs_of(query.encode()), headers)
    signature = read_signature(request)
    check_claims(signature, request, KEY_ID.encode(), now or datetime.now(UTC))
    check_signature(signature, request, SECRET, sent.body)


def refused(sent: Sent, now: datetime | None = None) -> Reason:
    """Why a request is refused."""
    with pytest.raises(Refused) as caught:
        verify(sent, now or SIGNED_AT)
    return caught.value.reason


def encoded(query: list[tuple[str, str]]) -> str:
    """A query as AWS's clients write it."""
    return "&".join(f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}" for name, value in query)


@given(
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE"]),
    path=st.lists(_SAFE, max_size=4),
    query=st.lists(st.tuples(_SAFE, _SAFE), max_size=4),
    header=_TEXT.map(lambda text: " ".join(text.split())),
    body=st.binary(max_size=200),
    region=st.sampled_from(["us-west-2", "eu-central-1", "us-gov-west-1"]),
)
def test_what_botocore_signs_in_the_header_is_verified(
    method: str, path: list[str], query: list[tuple[str, str]], header: str, body: bytes, region: str
) -> None:
    target = "/" + "/".join(quote(part, safe="") for part in path)
    if query:
        target += f"?{encoded(query)}"
    verify(signed("pipes", method, target, body, {"X-Amz-Note": header}, region=region))


@given(query=st.lists(st.tuples(_SAFE.filter(lambda name: not name.lower().startswith("x-amz")), _SAFE), max_size=4))
def test_what_botocore_signs_in_the_query_is_verified(query: list[tuple[str, str]]) -> None:
    verify(presigned("sts", f"/?{encoded(list(dict(query).items()))}"))


#: When the requests below were signed: some minutes may pass until a test takes one.
SIGNED_AT = datetime.now(UTC)
GOOD = json_call("dynamodb", "DynamoDB_20120810.ListTables", b'{"Limit": 1}')
AUTHORIZATION = dict(GOOD.headers)["Authorization"]
PRESIGNED = presigned("sts", "/?Action=GetCallerIdentity&Version=2011-06-15")


def with_authorization(old: str, new: str) -> Sent:
    """A good request with a piece of its Authorization header changed."""
    assert old in AUTHORIZATION
    return GOOD.replaced("Authorization", AUTHORIZATION.replace(old, new))


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (Sent("POST", "/", [("Host", "127.0.0.1")]), MISSING),
        (GOOD.replaced("Authorization", ""), MISSING),
        (GOOD.replaced("Authorization", "Bearer token"), INCOMPLETE),
        (GOOD.replaced("Authorization", "AWS4-HMAC-SHA256"), INCOMPLETE),
        (with_authorization("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256"), INCOMPLETE),
        (with_authorization("Signature=", "Signature=0"), INCOMPLETE),
        (with_authorization("SignedHeaders=", "SignedHeaders=host, SignedHeaders="), INCOMPLETE),
        (with_authorization("host;x-amz-date;x-amz-target", "x-amz-date;host;x-amz-target"), INCOMPLETE),
        (with_authorization("aws4_request", "aws4_requests"), INCOMPLETE),
        (with_authorization(KEY_ID, "123456789012"), UNKNOWN_KEY),
        (with_authorization(KEY_ID, KEY_ID.lower()), UNKNOWN_KEY),
        (with_authorization("us-west-2", "us-east-1"), WRONG_SIGNATURE),
        (with_authorization("/dynamodb/", "/sqs/"), WRONG_SIGNATURE),
        (with_authorization("host;x-amz-date;x-amz-target", "host;x-amz-date"), WRONG_SIGNATURE),
        (with_authorization("host;x-amz-date;x-amz-target", "x-amz-date;x-amz-target"), WRONG_SIGNATURE),
        (
            with_authorization("host;x-amz-date;x-amz-target", "host;x-amz-absent;x-amz-date;x-amz-target"),
            WRONG_SIGNATURE,
        ),
        (GOOD.replaced("X-Amz-Target", "DynamoDB_20120810.DeleteTable"), WRONG_SIGNATURE),
        (GOOD.replaced("Host", "localhost:4566"), WRONG_SIGNATURE),
        (GOOD.replaced("X-Amz-Date", "20200101T000000Z"), WRONG_SIGNATURE),
        (GOOD.replaced("X-Amz-Date", "yesterday"), INCOMPLETE),
        (GOOD.replaced("X-Amz-Security-Token", "t"), UNKNOWN_KEY),
        (Sent("PUT", GOOD.target, GOOD.headers, GOOD.body), WRONG_SIGNATURE),
        (Sent("POST", "/?a=b", GOOD.headers, GOOD.body), WRONG_SIGNATURE),
        (Sent("POST", "/a", GOOD.headers, GOOD.body), WRONG_SIGNATURE),
        (Sent("POST", "/", GOOD.headers, b"{}"), WRONG_SIGNATURE),
        (Sent("POST", PRESIGNED.target, GOOD.headers, GOOD.body), INCOMPLETE),
        (signed("dynamodb", body=b"{}", headers={"X-Amz-Content-SHA256": "UNSIGNED-PAYLOAD"}), WRONG_SIGNATURE),
        (json_call("dynamodb", "DynamoDB_20120810.ListTables", secret="another"), WRONG_SIGNATURE),
        (Sent("GET", PRESIGNED.target.replace("GetCallerIdentity", "AssumeRole"), PRESIGNED.headers), WRONG_SIGNATURE),
        (Sent("GET", PRESIGNED.target.replace("X-Amz-", "x-amz-"), PRESIGNED.headers), INCOMPLETE),
        (Sent("GET", PRESIGNED.target + "&X-Amz-Expires=60", PRESIGNED.headers), INCOMPLETE),
        (Sent("GET", PRESIGNED.target + "&%58-Amz-Signature=0", PRESIGNED.headers), INCOMPLETE),
        (Sent("GET", PRESIGNED.target + "&X-Amz-Security-Token=t", PRESIGNED.headers), UNKNOWN_KEY),
        (presigned("sts", "/?Action=GetCallerIdentity", expires=0), INCOMPLETE),
        (presigned("sts", "/?Action=GetCallerIdentity", expires=604_801), INCOMPLETE),
    ],
)
def test_whatever_is_changed_after_signing_is_refused(sent: Sent, reason: Reason) -> None:
    assert refused(sent) == reason


@pytest.mark.parametrize(("sent", "seconds"), [(GOOD, 300), (PRESIGNED, 60)])
def test_a_clock_may_be_off_as_far_as_awss(sent: Sent, seconds: int) -> None:
    verify(sent, SIGNED_AT - timedelta(seconds=290))
    verify(sent, SIGNED_AT + timedelta(seconds=seconds - 30))
    with pytest.raises(Refused, match="not yet current"):
        verify(sent, SIGNED_AT - timedelta(seconds=330))
    with pytest.raises(Refused, match="expired"):
        verify(sent, SIGNED_AT + timedelta(seconds=seconds + 30))
