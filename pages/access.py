"""Whether the person at this page may change things. Asked where a change is offered, and again where it is made:
a disabled button is no protection against a browser that sends its click all the same (facts/streamlit.md, section 5).
"""

from __future__ import annotations

import streamlit as st

from pages import context
from services import access
from services.access import Person, Role
from services.errors import NotPermitted


def person() -> Person:
    """Who looks at this page."""
    email = st.user.get("email") if st.user.get("is_logged_in") else None
    return access.person(
        st.get_option("server.address"),
        st.get_option("server.allowedHosts"),
        None if email is None else str(email),
        context.runtime().config.operators,
    )


def is_operator() -> bool:
    """Whether to offer what only operators may do."""
    return person().role is Role.OPERATOR


def require_operator(act: str) -> Person:
    """The operator who does `act`, such as "Deleting a record". Raises NotPermitted for everybody else."""
    someone = person()
    if someone.role is not Role.OPERATOR:
        raise NotPermitted(f"{act} is for operators only: {someone.reason}.", "Ask an operator, or sign in as one.")
    return someone
