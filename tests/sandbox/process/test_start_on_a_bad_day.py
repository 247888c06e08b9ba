"""What keeps the sandbox from starting is said in one line, with no traceback, and nothing stays behind (issue 11)."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.stack import ROOT, child_environment
from core import sandbox_process
from core.errors import SandboxNotRunning
from core.sandbox_process import SandboxProcess
from sandbox import command_line, lock, state
from tests.conftest import wait_until
from tests.unit.core.test_private_files import foreign_folder


def spawn(folder: Path, *arguments: str, module: str = "sandbox", **more: Any) -> subprocess.Popen[str]:
    """`python -m` with this folder for the sandbox's state."""
    return subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        env=child_environment(folder),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        **more,
    )


def output_of(folder: Path, *arguments: str, **more: Any) -> tuple[int, list[str]]:
    """Exit code and lines of a command that ends by itself."""
    with spawn(folder, *arguments, **more) as process:
        output, _ = process.communicate(timeout=60)
    assert "Traceback" not in output
    return process.returncode, output.splitlines()


def a_file(folder: Path) -> Path:
    folder.write_text("")
    return folder


def a_dangling_link(folder: Path) -> Path:
    folder.symlink_to(folder.with_name("nowhere"))
    return folder


def below_a_file(folder: Path) -> Path:
    return a_file(folder) / "below"


def a_lock_that_is_a_folder(folder: Path) -> Path:
    (folder / "lock").mkdir(parents=True)
    return folder


def a_lock_that_is_a_link(folder: Path) -> Path:
    folder.mkdir()
    (folder / "lock").symlink_to(folder.with_name("victim"))
    return folder


BAD_FOLDERS: dict[str, Callable[[Path], Path]] = {
    "is a file and no folder": a_file,
    "is a link that leads nowhere": a_dangling_link,
    "Not a directory": below_a_file,
    "belongs to another user": lambda folder: foreign_folder(folder.parent),
    "No such file or directory": lambda _: Path("/proc/none"),
    "lock: Is a directory": a_lock_that_is_a_folder,
    "lock is a link": a_lock_that_is_a_link,
}


@pytest.mark.parametrize(("why", "make"), BAD_FOLDERS.items(), ids=BAD_FOLDERS)
def test_a_folder_that_cannot_be_used_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, why: str, make: Callable[[Path], Path]
) -> None:
    folder = make(tmp_path / "folder")
    code, lines = output_of(folder)
    assert (code, len(lines)) == (1, 1), lines
    assert lines[0].startswith(f"{command_line.ENDED}SANDBOX_DIR {folder} cannot be used: ")
    assert why in lines[0]

    monkeypatch.setenv("SANDBOX_DIR", str(folder))
    child = SandboxProcess()
    child.ensure()
    with pytest.raises(SandboxNotRunning, match="SANDBOX_DIR .* cannot be used"):
        child.ready()
    assert child.starting is False


@pytest.mark.parametrize("module", ["sandbox", "sandbox.traffic"])
def test_commands_that_look_for_a_sandbox_say_what_is_wrong(tmp_path: Path, module: str) -> None:
    folder = a_lock_that_is_a_folder(tmp_path / "folder")
    code, lines = output_of(folder, *(["env"] if module == "sandbox" else []), module=module)
    assert (code != 0, len(lines)) == (True, 1), lines
    assert "SANDBOX_DIR" in lines[0]


ARGUMENTS = {
    "--aws-port 99999": "argument --aws-port: '99999' is no port",
    "--momento-port -1": "argument --momento-port: '-1' is no port",
    "--momento-http-port 65536": "argument --momento-http-port: '65536' is no port",
    "--admin-port x": "argument --admin-port: 'x' is no port",
    "--aws-port 8123 --admin-port 8123": "--aws-port and --admin-port are both 8123",
    "--region=": "argument --region: '' is no region",
    "--region mars": "argument --region: 'mars' is no region",
    "--prefix=/": "argument --prefix",
}


@pytest.mark.parametrize(("arguments", "why"), ARGUMENTS.items(), ids=ARGUMENTS)
def test_arguments_are_checked_before_anything_starts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: str, why: str
) -> None:
    with pytest.raises(SystemExit) as left:
        command_line.main(arguments.split())
    last = capsys.readouterr().err.splitlines()[-1]
    assert left.value.code == 2
    assert last.startswith(command_line.ENDED + why)


def no_room() -> None:
    """As on a full disk: no file may grow."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


@pytest.mark.parametrize("arguments", [(), ("--persist", "kept")])
def test_a_full_disk_is_said_in_one_line(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    where = [str(tmp_path / each) if each == "kept" else each for each in arguments]
    code, lines = output_of(tmp_path / "state", *where, preexec_fn=no_room)
    assert (code, len(lines)) == (1, 1), lines
    assert lines[0].startswith(command_line.ENDED)
    assert str(tmp_path) in lines[0]
    assert not (tmp_path / "state" / "state.json").exists()


@pytest.mark.parametrize(("number", "after_s"), [(signal.SIGINT, 0.0), (signal.SIGTERM, 0.5), (signal.SIGINT, 1.0)])
def test_a_start_is_stopped_at_any_moment_with_one_line(tmp_path: Path, number: int, after_s: float) -> None:
    with spawn(tmp_path) as process:
        # Before that it is Python that starts, which knows nothing of us.
        wait_until((tmp_path / "lock").exists, what="the lock")
        time.sleep(after_s)
        process.send_signal(number)
        output, _ = process.communicate(timeout=30)
    assert "Traceback" not in output
    if "Ctrl-C stops it" in output:
        assert process.returncode == 0
    else:
        assert process.returncode == 128 + number
        assert output == f"{command_line.ENDED}it was stopped before it had started.\n"
    assert not lock.is_held(tmp_path)


def written(folder: Path, **changes: Any) -> bytes:
    """A state file that says ready, with some members changed."""
    known = state.SandboxState(1, "i", "2026-01-01", "us-west-2", "1", ready=True)
    raw = {**json.loads(json.dumps(state.asdict(known))), **changes}
    return json.dumps(raw).encode()


BAD_STATES: dict[str, Callable[[Path], bytes]] = {
    "not UTF-8": lambda _: b"\xff\xfe{}",
    "not JSON": lambda _: b"{half",
    "a list": lambda _: b"[1, 2]",
    "members missing": lambda _: b"{}",
    "a member of another version": lambda folder: written(folder, unknown=1),
    "pid as text": lambda folder: written(folder, pid="1"),
    "parts no list": lambda folder: written(folder, parts=7),
    "a part without a name": lambda folder: written(folder, parts=[{}]),
    "deep": lambda _: b"[" * 200_000,
}


@pytest.mark.parametrize("make", BAD_STATES.values(), ids=BAD_STATES)
def test_a_state_file_that_cannot_be_understood_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[Path], bytes]
) -> None:
    monkeypatch.setenv("SANDBOX_DIR", str(tmp_path))
    (tmp_path / "state.json").write_bytes(make(tmp_path))
    assert state.read() is None
    with lock.hold(tmp_path):
        with pytest.raises(SandboxNotRunning, match="cannot be understood"):
            SandboxProcess().ready()
        assert command_line.main(["env"]) == 1


def test_after_a_kill_the_cause_is_the_signal_and_no_line_of_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SANDBOX_DIR", str(tmp_path))
    for name in ("AWS_REGION", "STACK_PREFIX"):
        monkeypatch.delenv(name, raising=False)
    child = SandboxProcess()
    child.ensure()
    try:
        found = wait_until(child.info, 60, "the state file")
        with child.log_path.open("ab") as log:
            log.write(b"E0000 00:00:00 chttp2_transport.cc:1 gRPC chatter\n")
        os.kill(found.pid, signal.SIGKILL)
        wait_until(lambda: not sandbox_process.running(), 30, "the end")
        with pytest.raises(SandboxNotRunning) as caught:
            wait_until(lambda: None if child.starting else child.ready(), 30, "the cause")
    finally:
        child.stop()
    assert str(caught.value).startswith("The sandbox is not running. It was ended by signal 9 (SIGKILL).")
    assert "chatter" not in str(caught.value)
    assert sandbox_process._ENDED == command_line.ENDED


def test_a_child_that_says_it_is_still_ending_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SANDBOX_DIR", str(tmp_path))
    monkeypatch.setattr(sandbox_process, "_STOP_WITHIN_S", 1.0)
    (tmp_path / "state.json").write_text("{}")
    beat = "import os, time\nfor _ in range(6):\n    time.sleep(0.3)\n    os.utime('state.json')"
    with subprocess.Popen([sys.executable, "-c", beat], cwd=tmp_path) as child:
        assert sandbox_process._ends_by_itself(child)
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], cwd=tmp_path) as hung:
        assert not sandbox_process._ends_by_itself(hung)
        hung.kill()
