"""The house keeps its shape: rooms use the rooms below them, through their faces, and modules stay small.

ROOMS is the plan. A failure names the import and says what to do about it.
"""

from __future__ import annotations

import ast
import statistics
from collections.abc import Iterator, Mapping
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LONGEST = 400
MEDIAN_BELOW = 150

#: What a page may use; never another page.
PAGES = ("components", "services", "pages.frame", "core")
PAGE_FOLDERS = [
    f"pages.{name}"
    for name in (
        *("overview", "weather", "lookup", "live_topic", "pipes", "logs", "dead_letters"),
        *("checks", "stack", "audit", "sandbox"),
    )
]
#: For each room the rooms that it may use. `services` stands for every room in it, and so on. The longest name that
#: fits a module is its room, so a module that a floor of its own room stands on has a line here.
ROOMS: Mapping[str, tuple[str, ...]] = {
    "core": (),
    "provision": ("core",),
    "services.jobs": ("core",),
    "services.audit": ("core",),
    "services.stack": ("core", "provision"),
    "services.logs": ("core", "services.jobs"),
    "services.weather": ("core", "services.jobs", "services.audit"),
    "services.cache": ("core", "services.weather"),
    "services.topic": ("core", "services.weather"),
    "services.live": ("core", "services.topic", "services.weather"),
    "services.pipes": ("core", "services.jobs", "services.logs"),
    "services.checks": ("core", "services.jobs", "services.logs", "services.pipes"),
    "services.dead_letters": (
        "core",
        "services.jobs",
        "services.audit",
        "services.logs",
        "services.weather",
        "services.cache",
    ),
    "services.lookup": (
        "core",
        "services.jobs",
        "services.audit",
        "services.logs",
        "services.weather",
        "services.cache",
        "services.topic",
        "services.dead_letters",
    ),
    "services.tracking": (
        "core",
        "services.jobs",
        "services.logs",
        "services.weather",
        "services.cache",
        "services.topic",
        "services.pipes",
        "services.dead_letters",
    ),
    "services.app": ("core", "services"),
    "components": ("core", "services"),
    "pages.frame": ("core", "services", "components"),
    **dict.fromkeys(PAGE_FOLDERS, PAGES),
    "pages": PAGES,
    "dashboard": (*PAGES, "pages"),
    "sandbox.state": ("core",),
    "sandbox.lock": ("core",),
    "sandbox.http_server": ("core",),
    "sandbox.loopback_only": (),
    "sandbox.bodies": (),
    "sandbox.callers_shell": (),
    "sandbox.garbage": (),
    "sandbox.aws.calls": (),
    "sandbox.aws.json_http": (),
    "sandbox.aws.logs": ("sandbox.aws.calls", "sandbox.aws.json_http"),
    "sandbox.aws.usage": ("sandbox.aws.calls", "sandbox.aws.json_http"),
    "sandbox.aws": (
        "sandbox.bodies",
        "sandbox.aws.calls",
        "sandbox.aws.json_http",
        "sandbox.aws.logs",
        "sandbox.aws.usage",
    ),
    "sandbox.faults": ("sandbox.aws",),
    "sandbox.pipes.syntax": (),
    "sandbox.pipes.log": ("sandbox.aws", "sandbox.pipes.syntax"),
    "sandbox.pipes.stream": ("sandbox.aws",),
    "sandbox.pipes.plan": ("sandbox.pipes.syntax", "sandbox.pipes.log", "sandbox.pipes.stream"),
    "sandbox.pipes.target": ("sandbox.aws", "sandbox.pipes.syntax"),
    "sandbox.pipes.delivery": (
        "sandbox.aws",
        "sandbox.pipes.syntax",
        "sandbox.pipes.log",
        "sandbox.pipes.stream",
        "sandbox.pipes.plan",
        "sandbox.pipes.target",
    ),
    "sandbox.pipes.api": (
        "sandbox.aws",
        "sandbox.pipes.syntax",
        "sandbox.pipes.log",
        "sandbox.pipes.stream",
        "sandbox.pipes.plan",
        "sandbox.pipes.target",
        "sandbox.pipes.delivery",
    ),
    "sandbox.pipes": ("sandbox.aws", "sandbox.pipes"),
    "sandbox.momento": ("core", "sandbox.bodies", "sandbox.http_server", "sandbox.faults", "sandbox.pipes.syntax"),
    "sandbox.ledger": ("sandbox.aws", "sandbox.momento", "sandbox.pipes"),
    "sandbox.persistence": ("core", "sandbox.garbage", "sandbox.aws", "sandbox.http_server", "sandbox.pipes"),
    "sandbox.traffic": ("core", "provision", "sandbox.state", "sandbox.lock", "sandbox.callers_shell"),
    "sandbox": ("core", "provision", "sandbox"),
    "bench": ("core", "provision", "services", "sandbox", "bench"),
}

#: What a room must not import of others: the screen's packages below the screen, and the clients above it.
CLIENTS = ("boto3", "botocore", "grpc", "momento", "momento_wire_types", "aiohttp", "requests", "urllib3")
SCREEN = ("streamlit", "altair")
NOT_THEIRS: Mapping[str, tuple[str, ...]] = {
    "dashboard": CLIENTS,
    "pages": CLIENTS,
    "components": CLIENTS,
    "core": SCREEN,
    "services": SCREEN,
    "provision": SCREEN,
    "sandbox": SCREEN,
    "bench": SCREEN,
    # It speaks Streamlit's protocol to a dashboard of another process.
    "bench.viewers": ("altair",),
}
OURS = {name.split(".")[0] for name in ROOMS}


def within(name: str, prefix: str) -> bool:
    """Whether a dotted name is `prefix` or something inside it."""
    return name == prefix or name.startswith(f"{prefix}.")


def longest(names: Mapping[str, object], module: str) -> str:
    """The longest of the names that a module is inside of, or ""."""
    return max((name for name in names if within(module, name)), key=len, default="")


def imported(source: str, module: str) -> Iterator[str]:
    """Full dotted names of all that a module's source imports, wherever in it: `from a import b` gives `a.b`."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                base = ".".join([*module.split(".")[: -node.level], *([base] if base else [])])
            yield from (f"{base}.{alias.name}" for alias in node.names)


def offences(source: str, module: str) -> list[str]:
    """Each import of a module that goes against the arrows, and what to do about it."""
    own = longest(ROOMS, module)
    theirs = NOT_THEIRS[longest(NOT_THEIRS, module)]
    found = []
    for name in imported(source, module):
        if any(within(name, each) for each in theirs):
            found.append(
                f"{module} imports {name}: {own} does not speak to {name.split('.')[0]}; ask a room that does."
            )
        if name.split(".")[0] not in OURS | {"tests"}:
            continue
        used = longest(ROOMS, name)
        if used != own and not any(within(used, each) and used for each in ROOMS[own]):
            found.append(
                f"{module} imports {name}: {own} may use {', '.join(ROOMS[own]) or 'no other room'}. "
                "Hand the value in, or move what both need to a room below."
            )
    return found


@cache
def product() -> Mapping[str, Path]:
    """Module name → file, for all modules of the product and its measurements."""
    files = [ROOT / "dashboard.py"]
    for room in sorted(OURS - {"dashboard"}):
        files += sorted((ROOT / room).rglob("*.py"))
    names = {}
    for file in files:
        parts = file.relative_to(ROOT).with_suffix("").parts
        names[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return names


@cache
def source_of(module: str) -> str:
    """The text of one of our modules."""
    return product()[module].read_text(encoding="utf-8")


def test_imports_follow_the_arrows() -> None:
    found = [each for module in product() for each in offences(source_of(module), module)]

    assert not found, "\n".join(found)


def test_the_arrows_of_the_plan_make_no_circle() -> None:
    # A room that may use a whole floor, such as `services`, does not use itself.
    graph = {
        room: {other for other in ROOMS for name in used if within(other, name) and other != room}
        for room, used in ROOMS.items()
        if room not in used
    }

    assert list(TopologicalSorter(graph).static_order()), "a CycleError names the circle"


def test_modules_import_each_other_in_no_circle() -> None:
    modules = product()
    graph = {
        module: {found for name in imported(source_of(module), module) if (found := longest(modules, name)) != module}
        for module in modules
    }

    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"These modules import each other in a circle: {' -> '.join(error.args[1])}")


def test_no_module_is_longer_than_one_idea() -> None:
    lengths = {module: len(source_of(module).splitlines()) for module in product()}

    assert {module: lines for module, lines in lengths.items() if lines > LONGEST} == {}
    assert statistics.median(lengths.values()) < MEDIAN_BELOW


def test_every_module_says_what_it_is() -> None:
    silent = [module for module in product() if not ast.get_docstring(ast.parse(source_of(module)))]

    assert silent == [], "each module begins with a docstring: what it is for, in one sentence"


def test_the_first_file_of_a_room_is_a_docstring_alone() -> None:
    rooms = [module for module, file in product().items() if file.name == "__init__.py"]

    assert [room for room in rooms if len(ast.parse(source_of(room)).body) > 1] == []


def test_every_room_of_the_plan_is_there() -> None:
    assert set(ROOMS) - set(product()) == set()


@pytest.mark.parametrize(
    ("module", "source", "offender"),
    [
        ("pages.lookup.page", "import boto3", "boto3"),
        ("pages.lookup.page", "from sandbox import state", "sandbox.state"),
        ("pages.lookup.page", "from pages.weather import form", "pages.weather.form"),
        ("components.badges", "def draw():\n    from botocore.config import Config", "botocore.config.Config"),
        ("components.badges", "import pages.lookup", "pages.lookup"),
        ("core.aws", "from services.audit import log", "services.audit.log"),
        ("services.topic.events", "import streamlit as st", "streamlit"),
        ("services.topic.events", "if True:\n    import sandbox.state", "sandbox.state"),
        ("services.topic.events", "from services.live import messages", "services.live.messages"),
        ("services.logs.store", "from provision import stack", "provision.stack"),
        ("provision.planner", "from services.audit.log import Audit", "services.audit.log.Audit"),
        ("provision.command_line", "from sandbox.state import read", "sandbox.state.read"),
        ("core.names", "from . import aws, text\nfrom services import jobs", "services.jobs"),
        ("sandbox.pipes.syntax.filters", "from ....services.jobs import jobs", "services.jobs.jobs"),
        ("sandbox.pipes.syntax.filters", "from sandbox.pipes.plan import plan", "sandbox.pipes.plan.plan"),
        ("sandbox.server", "from streamlit.web import cli", "streamlit.web.cli"),
        ("sandbox.server", "from tests import conftest", "tests.conftest"),
    ],
)
def test_an_import_against_the_arrows_is_found(module: str, source: str, offender: str) -> None:
    (found,) = offences(source, module)

    assert found.startswith(f"{module} imports {offender}: ")


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("pages.lookup.page", "import streamlit\nfrom components import formats\nfrom core.names import TABLE_KEY"),
        ("pages.lookup.page", "from pages.lookup import one\nfrom pages.frame import context"),
        ("core.aws", "import boto3\nfrom .errors import NotFound"),
        ("services.app.pipeline", "from services.topic import buffer"),
        ("sandbox.server", "import grpc\nfrom provision.executor import Executor\nfrom sandbox.momento import service"),
    ],
)
def test_an_import_along_the_arrows_is_allowed(module: str, source: str) -> None:
    assert offences(source, module) == []
