"""Every error that AWS's models list for the calls that are made here says what to do next."""

from __future__ import annotations

import pickle
from collections.abc import Iterator

import botocore.session
import pytest
from botocore.exceptions import ClientError, CredentialRetrievalError, EndpointConnectionError, NoCredentialsError

from provision.advice import advice_for, explain
from provision.secret_text import SecretText

#: The calls of `provision/kinds`, by service.
CALLS = {
    "dynamodb": "DescribeTable ListTagsOfResource DescribeContinuousBackups CreateTable UpdateTable TagResource "
    "UpdateContinuousBackups DeleteTable",
    "sqs": "GetQueueUrl GetQueueAttributes ListQueueTags CreateQueue TagQueue SetQueueAttributes DeleteQueue",
    "logs": "DescribeLogGroups ListTagsForResource CreateLogGroup PutRetentionPolicy TagResource DeleteLogGroup",
    "secretsmanager": "DescribeSecret GetSecretValue CreateSecret PutSecretValue TagResource RestoreSecret "
    "DeleteSecret",
    "events": "DescribeConnection CreateConnection UpdateConnection DeleteConnection DescribeApiDestination "
    "CreateApiDestination UpdateApiDestination DeleteApiDestination",
    "iam": "GetRole GetRolePolicy CreateRole PutRolePolicy UpdateAssumeRolePolicy TagRole DeleteRolePolicy DeleteRole",
    "pipes": "DescribePipe CreatePipe UpdatePipe TagResource DeletePipe",
    "cloudwatch": "DescribeAlarms PutMetricAlarm DeleteAlarms ListTagsForResource TagResource "
    "GetDashboard PutDashboard DeleteDashboards",
    "sns": "CreateTopic ListTagsForResource TagResource DeleteTopic Subscribe ListSubscriptionsByTopic",
    "sts": "GetCallerIdentity",
}
#: What every service may answer besides (AWS's "common errors").
COMMON = (
    "AccessDeniedException",
    "ExpiredTokenException",
    "IncompleteSignature",
    "InternalFailure",
    "InvalidClientTokenId",
    "NotAuthorized",
    "OptInRequired",
    "RequestExpired",
    "ServiceUnavailable",
    "ThrottlingException",
    "UnrecognizedClientException",
    "ValidationError",
)


def listed() -> Iterator[str]:
    session = botocore.session.get_session()
    for service, calls in CALLS.items():
        model = session.get_service_model(service)
        for call in calls.split():
            for shape in model.operation_model(call).error_shapes:
                yield shape.metadata.get("error", {}).get("code", shape.name)


@pytest.mark.parametrize("code", sorted({*listed(), *COMMON}))
def test_every_listed_error_says_what_to_do_next(code: str) -> None:
    error = ClientError({"Error": {"Code": code, "Message": "As AWS says it."}}, "CreatePipe")

    assert explain(error) == f"CreatePipe: {code}: As AWS says it. {advice_for(code)}"
    assert advice_for(code).endswith(".")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            EndpointConnectionError(endpoint_url="https://pipes.mars-1.amazonaws.com"),
            "Nothing answers at https://pipes",
        ),
        (NoCredentialsError(), "no usable AWS credentials"),
        (CredentialRetrievalError(provider="process", error_msg="token=hunter2"), "no usable AWS credentials"),
        (ValueError("plain"), "plain"),
    ],
)
def test_what_is_no_answer_of_aws_is_a_sentence_too(error: Exception, said: str) -> None:
    assert said in explain(error)
    assert "hunter2" not in explain(error)


def test_a_secret_text_compares_and_says_nothing() -> None:
    secret = SecretText("hunter2")

    assert secret == SecretText("hunter2") != SecretText("hunter3")
    assert secret != "hunter2"
    assert "hunter2" not in f"{secret} {secret!r} {[secret]}"
    assert secret.reveal() == "hunter2"
    with pytest.raises(TypeError, match="not stored"):
        pickle.dumps(secret)
