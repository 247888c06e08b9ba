"""Known secrets, in good forms and bad, are in nothing that the app and the commands show, print or log.

Everything that comes out is searched for every piece of eight characters of each secret.
"""

from __future__ import annotations

import base64
import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.support.screen import navigation, ran, words

ROOT = Path(__file__).resolve().parent.parent.parent
CLAIMS = base64.urlsafe_b64encode(json.dumps({"t": "g", "jti": "Qz7momentoJti"}).encode()).decode().rstrip("=")
MOMENTO = f"eyJhbGciOiJIUzI1NiJ9.{CLAIMS}.Zk3vQx8LmN0pRt5wYb2dFg7hJk9sAe4u"
KEY = "AKIAQ4ZX7PLMNB2VTR5Y"
SECRET = "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"
TOKEN = "FwoGZXIvYXdzEJrDp3sLmV8Qx2Zt7nRcK1AbCdEfGhIjKlMnOpQrStUvWxYz0123456789=="
PASSWORD = "pr0xyPassw0rd"
LONG = "Ab1" * 3000
FORMS = [
    form
    for secret in (MOMENTO, KEY, SECRET, TOKEN, PASSWORD, LONG)
    for form in (secret, quote(secret, safe=""), base64.b64encode(secret.encode()).decode())
]
PIECES = {form[at : at + 8] for form in FORMS for at in range(len(form) - 7)}

GOOD = {
    "TARGET": "aws",
    "MOMENTO_API_KEY": MOMENTO,
    "MOMENTO_ENDPOINT": "momento.invalid",
    "AWS_ACCESS_KEY_ID": KEY,
    "AWS_SECRET_ACCESS_KEY": SECRET,
    "AWS_SESSION_TOKEN": TOKEN,
    "AWS_REGION": "us-west-2",
}
KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")


def pieces_in(text: str) -> list[str]:
    return sorted({text[at : at + 8] for at in range(len(text) - 7)} & PIECES)


class _Echo(BaseHTTPRequestHandler):
    """Answers with the headers of the request, as HTML or as an error of AWS's, whichever its server was made for."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        said = "\n".join(f"{name}: {value}" for name, value in self.headers.items())
        kind = self.server.kind  # type: ignore[attr-defined]
        body = (
            f"<html>{said}</html>" if kind == "text/html" else json.dumps({"__type": "X", "message": said})
        ).encode()
        self.send_response(400)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_CONNECT = do_POST

    def log_message(self, *_: object) -> None:
        """Says nothing."""


def _echo(kind: str) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Echo) as server:
        server.kind = kind  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")
def html() -> Iterator[str]:
    yield from _echo("text/html")


@pytest.fixture(scope="module")
def echoing() -> Iterator[str]:
    yield from _echo("application/json")


def in_files(folder: Path, config: str = "", credentials: str = "") -> dict[str, str]:
    """An environment whose AWS keys come from files."""
    (folder / "config").write_text(config)
    (folder / "credentials").write_text(credentials)
    kept = {name: value for name, value in GOOD.items() if name not in KEYS}
    return {
        **kept,
        "AWS_CONFIG_FILE": str(folder / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(folder / "credentials"),
    }


def from_process(folder: Path, script: str) -> dict[str, str]:
    """An environment whose AWS keys come from a program."""
    program = folder / "program"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o700)
    return in_files(folder, f"[default]\ncredential_process = {program}\n")


def environment(case: str, folder: Path, html: str, echoing: str) -> dict[str, str]:
    """The environment of a case, by its name."""
    token = json.dumps(
        {"Version": 1, "AccessKeyId": KEY, "SecretAccessKey": SECRET, "SessionToken": f"{TOKEN}\n{TOKEN}"}
    )
    made = {
        "web page": lambda: {**GOOD, "AWS_ENDPOINT_URL": html},
        "echo": lambda: {**GOOD, "AWS_ENDPOINT_URL": echoing},
        "long token": lambda: {**GOOD, "AWS_SESSION_TOKEN": LONG, "AWS_ENDPOINT_URL": echoing},
        "token with a line break": lambda: {**GOOD, "AWS_SESSION_TOKEN": f"{TOKEN}\n{TOKEN}"},
        "secret in the place of a name": lambda: {**GOOD, "AWS_REGION": SECRET, "TARGET": "aws"},
        "process fails": lambda: from_process(folder, f"echo '{SECRET}'; echo 'no {TOKEN}' >&2; exit 1"),
        "process talks": lambda: from_process(folder, f"echo 'sign in with {SECRET}'"),
        "process with a bad token": lambda: from_process(folder, f"cat <<'X'\n{token}\nX"),
        "broken file": lambda: in_files(folder, credentials=f"[default]\naws_secret_access_key {SECRET}\n{TOKEN}\n"),
        "token of two lines": lambda: in_files(
            folder,
            credentials=f"[default]\naws_access_key_id={KEY}\naws_secret_access_key={SECRET}\n"
            f"aws_session_token={TOKEN}\n  {TOKEN}\n",
        ),
    }
    return made[case]()


CASES = (
    "web page",
    "echo",
    "long token",
    "token with a line break",
    "secret in the place of a name",
    "process fails",
    "process talks",
    "process with a bad token",
    "broken file",
    "token of two lines",
)


@pytest.mark.parametrize("case", CASES)
def test_no_command_prints_a_piece_of_a_secret(case: str, tmp_path: Path, html: str, echoing: str) -> None:
    chosen = {**environment(case, tmp_path, html, echoing), "SANDBOX_DIR": str(tmp_path), "NO_PROXY": "127.0.0.1"}
    commands = (["-m", "services.dead_letters", "list"], ["-m", "provision", "doctor"], ["-m", "sandbox.traffic"])
    running = [
        subprocess.Popen(
            [sys.executable, *command],
            cwd=ROOT,
            env={**os.environ, **chosen},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        for command in commands
    ]
    said = [process.communicate(timeout=120)[0].decode(errors="replace") for process in running]

    assert [process.returncode != 0 for process in running] == [True, True, True]
    for text in said:
        assert text.strip()
        assert not pieces_in(text)
        assert "Traceback" not in text


def everything_in(part: Any) -> str:
    """Every message to the browser that a part of the screen is made of, seen or not."""
    inner = (everything_in(child) for child in getattr(part, "children", {}).values())
    return f"{getattr(part, 'proto', '')} {' '.join(inner)}"


#: What a page says in each case, so that the search is known to have looked at what it says.
SAID = {
    "echo": "(secret)",
    "token with a line break": "AWS_SESSION_TOKEN has a line break",
    "process fails": "there are no usable AWS credentials",
    "broken file": "cannot be read (line 2)",
}


@pytest.mark.parametrize("case", SAID)
def test_no_page_shows_or_logs_a_piece_of_a_secret(
    case: str,
    tmp_path: Path,
    html: str,
    echoing: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    for name, value in environment(case, tmp_path, html, echoing).items():
        monkeypatch.setenv(name, value)
    with caplog.at_level(logging.DEBUG):
        app = ran(navigation())

    shown = f"{words(app)} {everything_in(app._tree)}"
    assert SAID[case] in shown
    printed = capfd.readouterr()
    assert not pieces_in(f"{shown} {caplog.text} {printed.out} {printed.err}")
