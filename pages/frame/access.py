"""Whether the person at this page may change things. Asked where a change is offered, and again where it is made:
a disabled button is no protection against a browser that sends its click all the same.
"""

from __future__ import annotations

import time

import streamlit as st

from core.errors import NotPermitted
from core.names import LOOPBACK
from pages.frame import context, doors
from services.app import access
from services.app.access import Person, Role, Served

#: Settings of Streamlit that only make sense where a proxy, or a page of another origin, stands before the dashboard.
_FOR_PROXIES = ("server.baseUrlPath", "browser.serverAddress", "server.corsAllowedOrigins", "server.trustedUserHeaders")


def signed_in() -> bool:
    """Whether the viewer signed in with the identity provider."""
    return bool(st.user.get("is_logged_in"))


def sign_in_offered() -> bool:
    """Whether an identity provider is configured, in [auth] of .streamlit/secrets.toml."""
    # Streamlit gives the key `is_logged_in` only where there is one.
    return "is_logged_in" in st.user


def person() -> Person:
    """Who looks at this page."""
    if signed_in():
        return access.signed_in_person(st.user.to_dict(), context.runtime().config.operators, time.time())
    if sign_in_offered():
        return access.NOBODY
    headers = st.context.headers
    if doors.in_use and not headers:
        # The connection ended while its last click is worked on: who made it cannot be told any more.
        return access.NOBODY
    return access.local_person(_served(), headers)


def _served() -> Served:
    return Served(
        st.get_option("server.address"),
        st.get_option("server.allowedHosts") or (),
        context.runtime().config.local_operator,
        next((name for name in _FOR_PROXIES if _is_for_proxy(st.get_option(name))), ""),
    )


def _is_for_proxy(value: object) -> bool:
    return bool(value) and value not in LOOPBACK


def is_operator() -> bool:
    """Whether to offer what only operators may do."""
    return person().role is Role.OPERATOR


def require_operator(act: str) -> Person:
    """The operator who does `act`, such as "Deleting a record". Raises NotPermitted for everybody else."""
    someone = person()
    if someone.role is not Role.OPERATOR:
        raise NotPermitted(f"{act} is for operators only: {someone.reason}.", "Ask an operator, or sign in as one.")
    return someone
