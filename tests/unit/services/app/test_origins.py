"""Whose page an Origin is, by the Host that was asked."""

from __future__ import annotations

import pytest

from services.app.origins import is_address, same_origin


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("http://127.0.0.1:8501", "127.0.0.1:8501"),
        ("http://LocalHost:8501", "localhost:8501"),
        ("http://localhost", "localhost:80"),
        ("http://localhost:80", "localhost"),
        # Behind a proxy that ends TLS.
        ("https://ops.example.com", "ops.example.com"),
        ("https://ops.example.com", "ops.example.com:443"),
        ("http://[::1]:8501", "[::1]:8501"),
        ("http://[::1]:8501", "[0:0:0:0:0:0:0:1]:8501"),
        ("http://localhost.:8501", "localhost.:8501"),
    ],
)
def test_the_dashboards_own_page_is_known(origin: str, host: str) -> None:
    assert same_origin(origin, host, secure=False)


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("http://127.0.0.1:8502", "127.0.0.1:8501"),
        ("http://localhost:8501", "127.0.0.1:8501"),
        ("http://localhost", "localhost:8501"),
        ("https://localhost", "localhost:80"),
        ("http://localhost.:8501", "localhost:8501"),
        ("http://localhost:8501.evil.example", "localhost:8501"),
        ("http://evil.example:8501", "localhost:8501"),
        ("http://user@localhost:8501", "localhost:8501"),
        ("http://localhost:8501@evil.example", "localhost:8501"),
        ("http://localhost:8501/", "localhost:8501"),
        ("http://localhost:8501\n", "localhost:8501"),
        ("http://localhost:8501, http://localhost:8501", "localhost:8501"),
        ("http://loca\u017fhost:8501", "localhost:8501"),
        ("http://[::2]:8501", "[::1]:8501"),
        ("http://[1.2]:8501", "[1.2]:8501"),
        ("ftp://localhost:8501", "localhost:8501"),
        ("file://", "localhost:8501"),
        ("null", "null"),
        ("", ""),
    ],
)
def test_every_other_page_is_foreign(origin: str, host: str) -> None:
    assert not same_origin(origin, host, secure=False)


def test_where_https_is_known_a_page_of_http_is_foreign() -> None:
    assert same_origin("https://ops.example.com", "ops.example.com", secure=True)
    assert not same_origin("http://ops.example.com", "ops.example.com", secure=True)


def test_an_address_is_no_name() -> None:
    assert all(map(is_address, ("10.0.0.5", "10.0.0.5:8501", "[fd00::1]:8501")))
    assert not any(map(is_address, ("", "localhost", "10.0.0.5.evil.example", "10.0.0", "[x]", "10.0.0.5:80@evil")))
