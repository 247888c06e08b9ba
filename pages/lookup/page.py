"""Lookup: reading through the cache, what that saves, how it does under load, and whether the two sides agree."""

from __future__ import annotations

import streamlit as st

from pages.lookup import load_test, numbers, one, table_check

#: The tabs, in their order; the address names the open one.
_TABS = {
    "One record": one.show,
    "Hits and misses": numbers.show,
    "Load test": load_test.show,
    "Agreement": table_check.show,
}

st.title("Lookup")
for tab, show in zip(
    st.tabs(list(_TABS), key="tab", on_change="rerun", bind="query-params"), _TABS.values(), strict=True
):
    with tab:
        if tab.open:
            show()
