"""The house keeps its shape: imports follow the arrows of the design, modules stay small and say what they are."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LONGEST = 400


@dataclass(frozen=True)
class Room:
    """What the modules of one room may import: of ours (by prefix), and what of others they must not."""

    ours: tuple[str, ...]
    not_theirs: tuple[str, ...] = ()


CLIENTS = ("boto3", "botocore", "grpc", "momento", "momento_wire_types", "aiohttp", "requests", "urllib3")
SCREEN = ("streamlit", "altair")

#: The arrows. The longest name that fits a module rules it.
ROOMS = {
    "core": Room(("core",), CLIENTS + SCREEN),
    "dashboard": Room(("pages", "components", "services", "core.names", "core"), CLIENTS),
    "pages": Room(("pages", "components", "services", "core.names", "core"), CLIENTS),
    "components": Room(("components", "services", "core.names"), CLIENTS),
    # What failed and what must not be shown is told in one way by the dashboard and by provisioning.
    "services": Room(("services", "core.names", "core.failures", "core.redaction", "core.private_files"), SCREEN),
    # It holds the stack against its declaration, the only place that says what ought to be there. It only reads.
    "services.stack.reader": Room(("services", "provision"), SCREEN),
    "provision": Room(("provision",), SCREEN),
    "core.names": Room(()),
    "core.private_files": Room(()),
    # The command line is put together from the rooms, as the dashboard is: it reads the same configuration.
    "provision.command_line": Room(("provision", "services"), SCREEN),
    "provision.stack_at_work": Room(("provision", "services"), SCREEN),
    "sandbox": Room(("sandbox", "provision", "core"), SCREEN),
    # It speaks Streamlit's protocol to a dashboard of another process.
    "bench.viewers": Room(("bench", "sandbox", "services", "core.names"), ("altair",)),
    "bench": Room(("bench", "sandbox", "services", "core.names"), SCREEN),
}
OURS = {name.split(".")[0] for name in ROOMS} | {"tests"}


def within(name: str, prefix: str) -> bool:
    """Whether a dotted name is `prefix` or something inside it."""
    return name == prefix or name.startswith(f"{prefix}.")


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


def room_of(module: str) -> Room:
    """The room that rules a module."""
    return ROOMS[max((name for name in ROOMS if within(module, name)), key=len)]


def offences(source: str, module: str) -> list[str]:
    """Each import of a module that goes against the arrows."""
    room = room_of(module)
    found = []
    for name in imported(source, module):
        if name.split(".")[0] in OURS and not any(within(name, prefix) for prefix in room.ours):
            found.append(f"{module} imports {name}")
        if any(within(name, prefix) for prefix in room.not_theirs):
            found.append(f"{module} imports {name}")
    return found


#: Names of the chosen stack: what a module kept of them at import would be those of the stack without a prefix.
CHOSEN = {"TABLE", "SECRET", "CONNECTION", "QUEUE", "ROLE", "CACHE", "TOPIC", "PIPES", "FLOW_OF"} | {
    "pipe",
    "log_group",
    "audit_log_group",
    "api_destination",
}


def kept_at_import(source: str) -> list[str]:
    """The names of the chosen stack that a module takes when it is imported, not when it runs."""
    found: list[str] = []

    def visit(node: ast.AST) -> None:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            return
        if isinstance(node, ast.ImportFrom) and node.module == "core.names":
            found.extend(alias.name for alias in node.names if alias.name in CHOSEN)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "names":
            found.extend([node.attr] if node.attr in CHOSEN else [])
        for child in ast.iter_child_nodes(node):
            visit(child)

    visit(ast.parse(source))
    return found


def product() -> dict[str, Path]:
    """Module name → file, for all modules of the product and its measurements."""
    files = [ROOT / "dashboard.py"] if (ROOT / "dashboard.py").exists() else []
    for room in sorted(OURS - {"dashboard", "tests"}):
        files += sorted((ROOT / room).rglob("*.py"))
    names = {}
    for file in files:
        parts = file.relative_to(ROOT).with_suffix("").parts
        names[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return names


PRODUCT = product()


@pytest.mark.parametrize("module", PRODUCT)
def test_imports_follow_the_arrows(module: str) -> None:
    assert offences(PRODUCT[module].read_text(encoding="utf-8"), module) == []


@pytest.mark.parametrize("module", PRODUCT)
def test_no_module_is_longer_than_one_idea(module: str) -> None:
    assert len(PRODUCT[module].read_text(encoding="utf-8").splitlines()) <= LONGEST


@pytest.mark.parametrize("module", PRODUCT)
def test_every_module_says_what_it_is(module: str) -> None:
    tree = ast.parse(PRODUCT[module].read_text(encoding="utf-8"))
    assert not tree.body or ast.get_docstring(tree), f"{module} has no docstring"


@pytest.mark.parametrize("module", [each for each in PRODUCT if each.split(".")[0] in ("services", "components")])
def test_names_of_the_stack_are_read_once_it_is_chosen(module: str) -> None:
    assert kept_at_import(PRODUCT[module].read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("source", "kept"),
    [
        ("from core.names import TABLE, TABLE_KEY", ["TABLE"]),
        ("from provision import names\n_TABLE = ('TableName', names.TABLE)", ["TABLE"]),
        ("class A:\n    pipe = names.pipe('x')", ["pipe"]),
        ("from provision import names\ndef table(): return names.TABLE\nKEY = names.TABLE_KEY", []),
    ],
)
def test_a_name_that_is_kept_is_found(source: str, kept: list[str]) -> None:
    assert kept_at_import(source) == kept


def test_every_room_of_the_design_has_modules() -> None:
    rooms = {name.split(".")[0] for name in PRODUCT}

    assert rooms >= {"core", "pages", "components", "services", "provision", "sandbox", "bench"}


@pytest.mark.parametrize(
    ("module", "source", "offender"),
    [
        ("pages.lookup.page", "import boto3", "boto3"),
        ("pages.lookup.page", "from sandbox import state", "sandbox.state"),
        ("pages.lookup.page", "from provision.stack import STACK", "provision.stack.STACK"),
        ("components.badges", "def draw():\n    from botocore.config import Config", "botocore.config.Config"),
        ("components.badges", "import pages.lookup.page", "pages.lookup.page"),
        ("core.aws", "import streamlit as st", "streamlit"),
        ("core.aws", "if True:\n    import sandbox.state", "sandbox.state"),
        ("core.aws", "from provision import apply", "provision.apply"),
        ("services.stack.report", "from provision.model import Plan", "provision.model.Plan"),
        ("provision.apply", "from core.config import Settings", "core.config.Settings"),
        ("provision.apply", "from core.config import load", "core.config.load"),
        ("provision.command_line", "from sandbox.state import read", "sandbox.state.read"),
        ("core.names", "from . import stack", "provision.stack"),
        ("sandbox.pipes.syntax.filters", "from ...services import errors", "core.errors"),
        ("sandbox.server", "from streamlit.web import cli", "streamlit.web.cli"),
        ("sandbox.server", "from tests import conftest", "tests.conftest"),
    ],
)
def test_an_import_against_the_arrows_is_found(module: str, source: str, offender: str) -> None:
    assert offences(source, module) == [f"{module} imports {offender}"]


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("pages.lookup.page", "import streamlit\nfrom components import badges\nfrom core.names import TABLE"),
        ("pages.lookup.page", "from provision import names"),
        ("core.aws", "import boto3\nfrom .errors import NotFound"),
        ("provision.command_line", "from core.config import Settings\nfrom services import aws"),
        ("sandbox.server", "import grpc\nfrom provision.apply import up\nfrom sandbox.momento import service"),
    ],
)
def test_an_import_along_the_arrows_is_allowed(module: str, source: str) -> None:
    assert offences(source, module) == []
