"""Why a call failed, by what really happens on a socket: each kind has its own sentence, and none quotes anything."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from botocore import exceptions
from botocore.config import Config

from core import failures
from core.aws import session, translated
from core.config import AwsAccess
from core.errors import DashboardError, NotAuthorized, NotConfigured, ServiceFailed, Unreachable
from provision.http_check import ask
from provision.secret_text import SecretText

SAID = "hunter2hunter2"
PAGE = f"<html>{SAID}</html>".encode()
QUICK = Config(connect_timeout=2, read_timeout=0.5, retries={"total_max_attempts": 1})


def http(status: str, body: bytes, kind: str = "application/json") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    return head.encode() + body


@contextmanager
def answering(answer: bytes | None, context: ssl.SSLContext | None = None) -> Iterator[int]:
    """A port that answers every connection with these bytes; with None it accepts and says nothing."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(2)
                try:
                    wire = context.wrap_socket(connection, server_side=True) if context else connection
                    wire.recv(65536)
                    while answer is None and wire.recv(65536):
                        pass
                    if answer is None:
                        continue
                    wire.sendall(answer)
                    wire.close()
                except OSError:
                    pass

    threading.Thread(target=serve, daemon=True).start()
    with closing(listener):
        yield listener.getsockname()[1]


def ask_aws(access: AwsAccess, endpoint: str, service: str) -> None:
    with translated("Asking"):
        make: Any = session(access).client
        with closing(make(service, endpoint_url=endpoint, config=QUICK)) as client:
            client.list_tables()["TableNames"] if service == "dynamodb" else client.get_caller_identity()


def told(endpoint: str, service: str = "dynamodb", token: str = "") -> DashboardError:
    """What one call to an endpoint ends with."""
    access = AwsAccess("us-west-2", access_key_id="AKIAEXAMPLE", secret_access_key="secret", session_token=token)
    with pytest.raises(DashboardError) as caught:
        ask_aws(access, endpoint, service)
    assert SAID not in f"{caught.value}"
    assert caught.value.__cause__ is None or isinstance(caught.value.__cause__, exceptions.ClientError)
    return caught.value


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.mark.parametrize(
    ("answer", "service", "kind", "words"),
    [
        (http("200 OK", PAGE, "text/html"), "dynamodb", ServiceFailed, "a web page came back"),
        (http("200 OK", PAGE, "text/html"), "sts", ServiceFailed, "a web page came back"),
        (http("403 Forbidden", PAGE, "text/html"), "dynamodb", ServiceFailed, "a web page came back"),
        (http("502 Bad Gateway", PAGE, "text/html"), "sts", ServiceFailed, "a web page came back"),
        (http("400 Bad", b"[1]"), "dynamodb", ServiceFailed, "none of AWS's"),
        (http("200 OK", b"\xff\xfe" + PAGE), "dynamodb", ServiceFailed, "none of AWS's"),
        (http("200 OK", b"\xff\xfe" + PAGE), "sts", ServiceFailed, "none of AWS's"),
        (http("200 OK", b"{}"), "dynamodb", ServiceFailed, "lacks what AWS always sends (KeyError in test_failures"),
        (http("200 OK", PAGE)[:-5], "dynamodb", Unreachable, "cut the connection"),
        (b"", "dynamodb", Unreachable, "cut the connection"),
        (None, "dynamodb", Unreachable, "in time"),
    ],
)
def test_an_answer_that_is_none_is_told_by_its_kind(
    answer: bytes | None, service: str, kind: type[DashboardError], words: str
) -> None:
    with answering(answer) as port:
        error = told(f"http://127.0.0.1:{port}", service)

    assert type(error) is kind
    assert words in error.what
    assert error.advice or kind is ServiceFailed


def test_names_that_do_not_resolve_and_ports_that_refuse_are_told_apart() -> None:
    assert "does not resolve" in told("http://nowhere.invalid").what
    assert "the connection is refused" in told("http://127.0.0.1:1").what


def test_a_failing_proxy_is_no_failing_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(http("407 Proxy Authentication Required", PAGE, "text/html")) as port:
        monkeypatch.setenv("HTTPS_PROXY", f"http://user:{SAID}@127.0.0.1:{port}")
        error = told("https://dynamodb.example.com")

    assert "the proxy refuses" in error.what
    assert "HTTPS_PROXY" in error.advice


@pytest.fixture(scope="module")
def untrusted(tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    """A server with a certificate that nobody trusts."""
    if shutil.which("openssl") is None:
        pytest.skip("without openssl no certificate can be made")
    folder = tmp_path_factory.mktemp("certificate")
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
        + ["-keyout", key, "-out", certificate, "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


def test_an_untrusted_certificate_names_the_setting_that_helps(untrusted: ssl.SSLContext) -> None:
    with answering(b"", untrusted) as port:
        error = told(f"https://localhost:{port}")

    assert f"the certificate of https://localhost:{port} is not trusted: it is signed by itself" in error.what
    assert "AWS_CA_BUNDLE" in error.advice


def test_what_does_not_speak_tls_and_a_bad_bundle_are_other_sentences(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with answering(http("200 OK", PAGE)) as port:
        assert "does not speak TLS" in told(f"https://127.0.0.1:{port}").what
        (tmp_path / "junk.pem").write_text(SAID)
        for bundle in (tmp_path / "missing.pem", tmp_path / "junk.pem"):
            monkeypatch.setenv("AWS_CA_BUNDLE", str(bundle))
            error = told(f"https://127.0.0.1:{port}")
            assert isinstance(error, NotConfigured)
            assert "AWS_CA_BUNDLE" in error.advice


@pytest.mark.parametrize("token", [f"{SAID}\nmore", f"{SAID}\r\nX-Other: header"])
def test_a_header_that_cannot_be_sent_is_a_matter_of_the_keys_and_never_quoted(token: str) -> None:
    error = told("http://127.0.0.1:1", token=token)

    assert isinstance(error, NotAuthorized)
    assert "cannot be sent" in error.what


@pytest.mark.parametrize("endpoint", ["localhost:4566", f"ftp//{SAID}", "http://exa mple"])
def test_an_endpoint_that_is_none_names_its_setting(endpoint: str) -> None:
    assert "AWS_ENDPOINT_URL" in told(endpoint).what


def test_an_address_is_shown_without_its_user_and_its_path() -> None:
    assert failures.endpoint_of(f"https://user:{SAID}@example.com:8443/{SAID}?{SAID}") == "https://example.com:8443"
    assert failures.endpoint_of("http://[::1]:80/x") == "http://[::1]:80"
    assert failures.endpoint_of("http://[") == ""


def botocores_own() -> Iterator[type[exceptions.BotoCoreError]]:
    for each in vars(exceptions).values():
        if isinstance(each, type) and issubclass(each, exceptions.BotoCoreError):
            yield each


class _Anything(dict[str, Any]):
    """Fills every place of a text."""

    def __missing__(self, key: str) -> str:
        return SAID


@pytest.mark.parametrize("kind", list(botocores_own()), ids=lambda kind: str(kind.__name__))
def test_no_exception_of_botocore_is_ever_quoted(kind: type[exceptions.BotoCoreError]) -> None:
    error = kind.__new__(kind)
    Exception.__init__(error, kind.fmt.format_map(_Anything()))
    error.kwargs = _Anything()

    failure = failures.of(error)

    assert failure is not None
    # The path of a file is the one thing that is: it says where to look.
    assert SAID not in f"{failure.said} {failure.advice}" or kind is exceptions.ConfigParseError


def test_what_is_no_fault_of_a_call_is_not_explained_away() -> None:
    assert failures.of(ZeroDivisionError()) is None
    assert failures.of(BrokenPipeError()) is None
    assert failures.of(FileNotFoundError("plan.json")) is None


def test_the_key_does_not_follow_a_redirect() -> None:
    with answering(http("200 OK", b"")) as elsewhere:
        away = f"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:{elsewhere}/\r\nContent-Length: 0\r\n\r\n".encode()
        with answering(away) as port:
            good, said = ask(f"http://127.0.0.1:{port}", "cache", SecretText(SAID))

    assert (good, said) == (
        False,
        f"http://127.0.0.1:{port} answers 302. Ask again; if it stays, look at Momento's status page",
    )


@pytest.mark.parametrize(
    ("url", "words"),
    [("http://127.0.0.1:1", "refused"), ("http://nowhere.invalid", "does not resolve")],
)
def test_why_momentos_endpoint_cannot_be_reached_is_said_in_our_words(url: str, words: str) -> None:
    good, said = ask(url, "cache", SecretText(SAID))

    assert good is False
    assert words in said
    assert "urlopen" not in said
    assert "Errno" not in said
