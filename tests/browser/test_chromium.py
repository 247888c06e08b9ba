"""Finding Chromium: the one that is named, else the first that starts, else a reason that says what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import chromium


def program(folder: Path, name: str, exit_code: int) -> Path:
    path = folder / name
    path.write_text(f"#!/bin/sh\nexit {exit_code}\n")
    path.chmod(0o755)
    return path


@pytest.fixture(autouse=True)
def only_these_programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CHROMIUM", raising=False)
    monkeypatch.setattr(chromium, "CANDIDATES", chromium.CANDIDATES[:4])


def test_the_first_that_starts_is_taken(tmp_path: Path) -> None:
    program(tmp_path, "chromium-browser", exit_code=1)
    chrome = program(tmp_path, "google-chrome", exit_code=0)

    assert chromium.find_chromium() == str(chrome)


def test_the_named_one_is_taken_before_any_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path, "chromium", exit_code=0)
    mine = program(tmp_path, "my-chromium", exit_code=0)
    monkeypatch.setenv("CHROMIUM", str(mine))

    assert chromium.find_chromium() == str(mine)


def test_a_named_one_that_does_not_start_is_not_replaced_silently(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path, "chromium", exit_code=0)
    monkeypatch.setenv("CHROMIUM", str(tmp_path / "missing"))

    assert chromium.find_chromium() is None
    assert str(tmp_path / "missing") in chromium.obstacle()


def test_without_any_the_reason_says_what_to_do() -> None:
    assert chromium.find_chromium() is None
    assert "no apt-get" in chromium.obstacle()
    assert "BROWSER=0" in chromium.obstacle()


def test_a_failed_installation_is_said_and_is_no_exception(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(chromium, "root_prefix", list)
    (tmp_path / "apt-get").touch(mode=0o755)
    env = tmp_path / "env"
    env.write_text("#!/bin/sh\necho no route to the mirror\nexit 100\n")
    env.chmod(0o755)

    chromium.main()

    said = capsys.readouterr().out
    assert "no route to the mirror" in said
    assert "Browser tests will fail" in said
