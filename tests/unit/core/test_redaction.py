"""Secrets that the process knows are in no text that it shows or logs, whole or in pieces."""

from __future__ import annotations

import base64
import io
import json
import logging
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from botocore.exceptions import CredentialRetrievalError

from core import redaction
from core.errors import DashboardError
from core.redaction import HIDDEN, guard_logs, redacted, remember

SECRET = "u7Rk2Pq9+Wz/4XcVb6Nm8Lj3Hg5Fd1SaTy0Qe+Ox"


@pytest.fixture(autouse=True)
def secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that knows one secret."""
    monkeypatch.setattr(redaction, "_secrets", redaction._Secrets())
    remember(SECRET)


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What a handler writes while the log is guarded."""
    before, written = logging.getLogRecordFactory(), io.StringIO()
    levels = {name: logging.getLogger(name).level for name in (*redaction._LIBRARIES, *redaction._SERVERS)}
    handler = logging.StreamHandler(written)
    handler.setFormatter(logging.Formatter("%(levelname)s %(name)s %(message)s"))
    logging.getLogger().addHandler(handler)
    guard_logs()
    yield written
    logging.getLogger().removeHandler(handler)
    logging.setLogRecordFactory(before)
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


def pieces_in(text: str) -> set[str]:
    """Pieces of the secret, in any form, of the length from which on they can be recognised."""
    forms = (SECRET, quote(SECRET, safe=""), base64.b64encode(SECRET.encode()).decode())
    return {form[at : at + 8] for form in forms for at in range(len(form) - 7) if form[at : at + 8] in text}


@pytest.mark.parametrize(
    "said",
    [
        SECRET,
        f"a{SECRET}b",
        f"Token {SECRET[5:25]}",
        f"cut {SECRET[:12]}... and {SECRET[-9:]}",
        repr(SECRET.encode()),
        json.dumps({"headers": {"x-amz-security-token": SECRET}}),
        quote(SECRET, safe=""),
        base64.b64encode(SECRET.encode()).decode(),
        f"{SECRET}{SECRET}",
        "\n".join((SECRET[:20], SECRET[20:])),
    ],
)
def test_no_piece_of_a_secret_is_left(said: str) -> None:
    assert pieces_in(said)
    assert not pieces_in(redacted(said))
    assert HIDDEN in redacted(said)


def test_all_around_a_secret_stays() -> None:
    assert redacted(f"<b>{SECRET}</b> and {SECRET[:30]}: no") == f"<b>{HIDDEN}</b> and {HIDDEN}: no"
    assert redacted("Writing Oslo failed.") == "Writing Oslo failed."
    assert redacted("") == ""


def test_the_signature_of_a_request_is_a_secret_for_a_while() -> None:
    assert redacted(f"Credential=X, Signature={'a1' * 32}") == f"Credential=X, Signature={HIDDEN}"


def test_a_word_that_is_too_short_for_a_key_hides_nothing() -> None:
    remember("", "test")

    assert redacted("a test of the tests") == "a test of the tests"


def test_the_oldest_secrets_are_forgotten_when_there_are_too_many() -> None:
    for number in range(100):
        remember(f"session-token-{number:03}-" + "x" * 400)

    assert len(redaction._secrets.pieces) < 100_000
    assert redacted(f"session-token-099-{'x' * 400}") == HIDDEN


def test_an_error_of_the_dashboard_shows_none() -> None:
    error = DashboardError(f"AWS says: {SECRET}.", f"Not {SECRET[:20]}.")

    assert not pieces_in(f"{error} {error!r} {error.what} {error.advice} {error.args}")


def test_the_log_shows_none_in_messages_arguments_and_tracebacks(log: io.StringIO) -> None:
    logger = logging.getLogger("services.anything")

    logger.warning("refused: %s", SECRET)
    try:
        raise ValueError(f"Invalid header value {SECRET.encode()!r}")
    except ValueError:
        logger.exception("it failed")

    assert "refused: (secret)" in log.getvalue()
    assert "ValueError: Invalid header value b'(secret)'" in log.getvalue()
    assert not pieces_in(log.getvalue())


def test_what_a_credential_process_printed_is_in_no_traceback_of_a_library(log: io.StringIO) -> None:
    """botocore logs it with a traceback when it fails to renew credentials that are still good for a while."""
    try:
        raise CredentialRetrievalError(provider="custom-process", error_msg="password is hunter2")
    except CredentialRetrievalError:
        logging.getLogger("botocore.credentials").warning("Refreshing temporary credentials failed", exc_info=True)

    assert "Refreshing temporary credentials failed" in log.getvalue()
    assert "CredentialRetrievalError" in log.getvalue()
    assert "hunter2" not in log.getvalue()


def test_libraries_stay_silent_about_the_wire_when_everything_is_to_be_logged(log: io.StringIO) -> None:
    root = logging.getLogger()
    before = root.level
    root.setLevel(logging.DEBUG)
    try:
        for name in ("botocore.endpoint", "urllib3.connectionpool", "grpc._channel", "aiohttp.client", "uvicorn.error"):
            logging.getLogger(name).debug("headers of somebody else")
        logging.getLogger("services.anything").debug("ours")
    finally:
        root.setLevel(before)

    assert log.getvalue() == "DEBUG services.anything ours\n"


def test_a_record_whose_arguments_do_not_fit_shows_none(log: io.StringIO) -> None:
    logging.getLogger("services.anything").warning("two %s %s", SECRET)

    assert not pieces_in(log.getvalue())
