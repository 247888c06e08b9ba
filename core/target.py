"""What a command line works on: the same target as the dashboard's, from the same settings."""

from __future__ import annotations

from core import aws, config, names
from core.config import AwsAccess, Target
from core.environment import read_environment
from core.momento_keys import MomentoAddress
from core.redaction import guard_logs
from core.sandbox_process import SandboxProcess


def of_environment() -> tuple[Target, AwsAccess, MomentoAddress]:
    """The target with its AWS access and Momento address; the process then speaks of the stack that is configured.

    Raises NotConfigured, and SandboxNotRunning.
    """
    guard_logs()
    configuration = config.load(read_environment(), aws.default_chain)
    names.choose(configuration.stack)
    if configuration.aws is not None:
        return Target.AWS, configuration.aws.aws, configuration.aws.momento
    info = SandboxProcess().ready()
    assert info.momento is not None, "a ready sandbox has its Momento port in the state file"
    return Target.SANDBOX, info.aws, info.momento
