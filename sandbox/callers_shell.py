"""What the shell of whoever starts a command of the sandbox has set for other endpoints than the sandbox's."""

from __future__ import annotations

import os


def keep_the_callers_shell_out() -> None:
    """No profile, file of `~/.aws` or proxy of the caller counts in this process from now on, nor a fault in one."""
    os.environ.pop("AWS_PROFILE", None)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        os.environ[name] = os.devnull
    for name in ("NO_PROXY", "no_proxy"):
        os.environ[name] = ",".join(part for part in (os.environ.get(name, ""), "127.0.0.1") if part)
