"""Where the browser tests get their Chromium from: found on the machine, or installed with apt where that is allowed.

`python -m tests.support.chromium` installs it when it is missing. It ends with 0 either way: a machine without
Chromium still runs all other tests, and the browser tests then fail with the reason that `obstacle` gives.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

CANDIDATES = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)

#: Flags for a headless browser in a container: no sandbox of its own, no GPU, no traffic to anywhere.
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
)


def find_chromium() -> str | None:
    """Path of a Chromium that starts: the one that CHROMIUM names, or else the first of CANDIDATES. None if none does.

    Each is asked for its version: Ubuntu's `chromium-browser` can be a stub that only says "install the snap".
    """
    named = os.environ.get("CHROMIUM")
    for candidate in (named,) if named else CANDIDATES:
        path = shutil.which(candidate)
        if path and _starts(path):
            return path
    return None


def _starts(path: str) -> bool:
    try:
        done = subprocess.run([path, "--version"], capture_output=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def root_prefix() -> list[str] | None:
    """What goes before a command that needs root: nothing, or `sudo -n` where no password is asked; None if neither."""
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo") is None:
        return None
    allowed = subprocess.run(["sudo", "-n", "true"], capture_output=True, check=False).returncode == 0
    return ["sudo", "-n"] if allowed else None


def obstacle() -> str:
    """Why there is no Chromium on this machine, and what to do about it, in one line."""
    named = os.environ.get("CHROMIUM")
    if named:
        return f"CHROMIUM names {named}, which does not start. Correct it, or run: make test BROWSER=0"
    if shutil.which("apt-get") is None:
        hint = "there is no apt-get to install it with. Install Chromium or Chrome, or name one in CHROMIUM"
    elif root_prefix() is None:
        hint = "apt-get needs root and sudo asks for a password. Run: sudo apt-get install chromium"
    else:
        hint = "it has not been installed. Run: python -m tests.support.chromium"
    looked_for = ", ".join(CANDIDATES)
    return f"No Chromium was found ({looked_for}), and {hint}. To leave these tests out: make test BROWSER=0"


def install() -> bool:
    """Install Debian's Chromium; False where apt is missing, not allowed, or fails (its output is shown)."""
    prefix = root_prefix()
    if shutil.which("apt-get") is None or prefix is None:
        return False
    apt = [*prefix, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get"]
    _say("Installing Chromium with apt-get")
    for command in ([*apt, "update", "-q"], [*apt, "install", "-y", "-q", "--no-install-recommends", "chromium"]):
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        if done.returncode != 0:
            _say(f"{' '.join(command)} failed:\n{done.stdout[-2000:]}")
            return False
    return True


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> None:
    """Make sure there is a Chromium, and say in one line which, or why not."""
    path = find_chromium()
    if path is None and not os.environ.get("CHROMIUM") and install():
        path = find_chromium()
    _say(f"Browser tests use {path}" if path else f"Browser tests will fail. {obstacle()}")


if __name__ == "__main__":
    main()
