"""`python -m provision plan|up|status|drift|down|outputs|doctor|verify|policy`: the stack on the configured target.

The target is the dashboard's own: `aws` with the settings of `.env`, or the sandbox that runs. On `aws` the profile is
`production` unless --profile names the other; on the sandbox it is `original`.

Exit codes: 0 done, or nothing to do; 1 failed, refused or not configured; 2 there are changes (plan, drift --fail).
"""

from __future__ import annotations

import gc
import os
import sys

from provision.arguments import FAILED, parser


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; see the module's text for the exit codes."""
    options = parser(__doc__).parse_args(arguments)
    try:
        # Imported late: the help needs none of it, and whoever presses Ctrl-C meanwhile wants no traceback.
        from provision import command_line

        code = command_line.run(options)
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return FAILED
    except BrokenPipeError:
        # Whoever read it has read enough, as `head` does. Python would write to it once more when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED


if __name__ == "__main__":
    # An eighth of a plan's work was looking for garbage, of which a process that ends so soon leaves little.
    gc.disable()
    sys.exit(main())
