"""The script that Streamlit runs for every viewer and every page: the frame, the sidebar, and then the page."""

from __future__ import annotations

import logging
from pathlib import Path

import streamlit as st

from components.boxes import error_box
from core.config import Target
from core.errors import DashboardError, NotConfigured, SandboxNotRunning
from core.mishaps import Net
from pages.frame import context, sidebar, start

logger = logging.getLogger("dashboard")

st.set_page_config(
    page_title="Weather pipeline",
    page_icon=str(Path(__file__).parent.parent / "components" / "icon.png"),
    layout="wide",
)

try:
    runtime = context.runtime()
except NotConfigured as error:
    st.title("The dashboard did not start")
    error_box(error)
    st.stop()

pages = [
    st.Page("overview/page.py", title="Overview", icon=":material/dashboard:", default=True),
    st.Page("weather/page.py", title="Weather", icon=":material/partly_cloudy_day:", url_path="weather"),
    st.Page("lookup/page.py", title="Lookup", icon=":material/search:", url_path="lookup"),
    st.Page("live_topic/page.py", title="Live topic", icon=":material/sensors:", url_path="live-topic"),
    st.Page("pipes/page.py", title="Pipes", icon=":material/valve:", url_path="pipes"),
    st.Page("logs/page.py", title="Logs", icon=":material/list_alt:", url_path="logs"),
    st.Page("dead_letters/page.py", title="Dead letters", icon=":material/inbox:", url_path="dead-letters"),
    st.Page("checks/page.py", title="Checks", icon=":material/fact_check:", url_path="checks"),
    st.Page("stack/page.py", title="Stack", icon=":material/stacks:", url_path="stack"),
    st.Page("audit/page.py", title="Audit", icon=":material/history_edu:", url_path="audit"),
]
if runtime.target is Target.SANDBOX:
    pages.append(st.Page("sandbox/page.py", title="Sandbox", icon=":material/science:", url_path="sandbox"))
# Streamlit writes white on a filled button whatever its colour, and the dark theme's primary colour is a light one, so
# that open tabs and chosen segments can be read: filled buttons keep the dark tone in both themes.
st.html(
    "<style>[data-testid=stBaseButton-primary],[data-testid=stBaseButton-primaryFormSubmit]"
    "{&:enabled{background-color:#0F766E;border-color:#0F766E}&:enabled:hover{background-color:#115E59}}</style>"
)
page = st.navigation(pages)
st.set_page_config(page_title=f"{page.title} · Weather pipeline")

with Net(logger, "The sidebar"):
    sidebar.show(runtime)
# Again above the page, because a phone hides the sidebar.
sidebar.target_badge(runtime)
with Net(logger, "The page") as net:
    try:
        runtime.pipeline()
    except SandboxNotRunning as error:
        start.show(runtime, error)
    except DashboardError as error:
        st.title(page.title)
        error_box(error)
    else:
        page.run()
if net.error is not None:
    error_box(net.error)
