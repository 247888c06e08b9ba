"""Lookup: reading through the cache, what that saves, how it does under load, and whether the two sides agree."""

from __future__ import annotations

import streamlit as st

from pages import lookup_agreement, lookup_load, lookup_numbers, lookup_one

#: The tabs, in their order; the address names the open one.
_TABS = {
    "One record": lookup_one.show,
    "Hits and misses": lookup_numbers.show,
    "Load test": lookup_load.show,
    "Agreement": lookup_agreement.show,
}

st.title("Lookup")
for tab, show in zip(
    st.tabs(list(_TABS), key="tab", on_change="rerun", bind="query-params"), _TABS.values(), strict=True
):
    with tab:
        if tab.open:
            show()
