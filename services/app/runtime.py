"""What the process owns for as long as it lives: the configuration, the sandbox child, and the pipeline's connections.

The app's lifespan starts and closes it. Without a lifespan (a plain AppTest run) the first page starts it.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import types
from typing import Any

from core import aws, config, names, sandbox_process
from core.config import Config, Target
from core.environment import read_environment
from core.errors import NotConfigured, SandboxNotRunning
from core.mishaps import Net
from core.redaction import guard_logs
from core.sandbox_process import SandboxInfo, SandboxProcess
from services.app.pipeline import Pipeline
from services.app.sandbox_admin import SandboxAdmin, SandboxSeen
from services.jobs.cached_read import Shared
from services.jobs.jobs import Jobs

logger = logging.getLogger(__name__)

#: Seconds between two looks at the sandbox's admin port.
SANDBOX_EVERY_S = 0.2

#: Seconds between two tries to connect while the credentials cannot be used.
_TRY_AGAIN_S = 5.0


class Runtime:
    """The one per process. Its methods may be called by any thread."""

    def __init__(self, configuration: Config) -> None:
        self.config = configuration
        self.sandbox = SandboxProcess(configuration.stack.prefix)
        #: Not the pipeline's: a job is still to be seen when the sandbox that it worked on is gone.
        self.jobs = Jobs()
        #: Of the admin port alone: they are to be had when AWS and Momento do not answer.
        self.sandbox_seen: Shared[SandboxSeen] = Shared(lambda: self.admin().seen(), SANDBOX_EVERY_S)
        self.sandbox_ledger: Shared[dict[str, Any]] = Shared(lambda: self.admin().ledger(), SANDBOX_EVERY_S)
        self._lock = threading.Lock()
        self._pipeline: Pipeline | None = None
        self._instance = ""
        self._closed = threading.Event()

    @property
    def target(self) -> Target:
        """What the dashboard looks at."""
        return self.config.target

    def start(self) -> None:
        """Starts the sandbox if it is the target; returns before it is ready."""
        if self.target is Target.SANDBOX:
            _keep_loopback_off_proxies()
            self.sandbox.ensure()

    def pipeline(self) -> Pipeline:
        """The connected pipeline; a sandbox that was started anew is connected to anew.

        Raises SandboxNotRunning while there is none, and once this is closed; another DashboardError where AWS's
        credentials cannot be used at the moment.
        """
        if self._closed.is_set():
            raise SandboxNotRunning("The dashboard is ending.", "Start it again.")
        if self.config.aws is not None:
            known = self._pipeline
            if known is not None:
                return known
            with self._lock:
                if self._pipeline is None:
                    found = self.config.aws
                    self._pipeline = Pipeline(
                        found.aws,
                        found.momento,
                        self.config.topic,
                        watch_stream=self.config.watch_stream,
                        api_key=found.momento_api_key,
                    )
                return self._pipeline
        return self._sandbox_pipeline(self.sandbox.ready())

    def connect_when_ready(self) -> None:
        """Waits for the pipeline to be there and connects to it, so that no viewer has to. Returns when closed, too."""
        known: set[str] = set()
        while not self._closed.wait(0.1):
            with Net(logger, "Connecting to the pipeline", known) as net:
                self.pipeline()
            if net.error is None or (isinstance(net.error, SandboxNotRunning) and not self.sandbox.starting):
                return
            if not isinstance(net.error, SandboxNotRunning):
                # A page says why; a credential process may be well again in a minute.
                self._closed.wait(_TRY_AGAIN_S)

    def _sandbox_pipeline(self, info: SandboxInfo) -> Pipeline:
        assert info.momento is not None, "a ready sandbox has its Momento port in the state file"
        # Without the lock: whoever connects anew must not hold up those who look at what is there.
        known, instance = self._pipeline, self._instance
        if known is not None and instance == info.instance:
            return known
        with self._lock:
            if self._pipeline is None or self._instance != info.instance:
                canary_s = None
                if self._pipeline is not None:
                    canary_s = self._pipeline.canary.status().interval_s
                    # What it waits for is gone; nobody has to wait for that.
                    threading.Thread(target=self._pipeline.close, name="close a pipeline", daemon=True).start()
                self._pipeline = Pipeline(
                    info.aws, info.momento, self.config.topic, info.instance, self.config.watch_stream
                )
                self._instance = info.instance
                if canary_s is not None:
                    # Whoever started it wants to hear of the pipeline, also after it came back.
                    self._pipeline.canary.start(canary_s)
            return self._pipeline

    def admin(self) -> SandboxAdmin:
        """The sandbox's admin port. Raises SandboxNotRunning."""
        ready = self.sandbox.ready()
        return SandboxAdmin(ready.admin_url, ready.admin_token)

    def close(self) -> None:
        """Ends the jobs, closes the connections, and stops the sandbox if this process started it."""
        self._closed.set()
        self.jobs.close()
        with self._lock:
            if self._pipeline is not None:
                self._pipeline.close()
                self._pipeline = None
        self.sandbox.stop()


def _keep_loopback_off_proxies() -> None:
    """boto3 takes a proxy from the environment; the sandbox is on this machine, where no proxy leads."""
    for name in ("NO_PROXY", "no_proxy"):
        hosts = [host for host in os.environ.get(name, "").split(",") if host]
        if "127.0.0.1" not in hosts:
            os.environ[name] = ",".join([*hosts, "127.0.0.1"])


def create() -> Runtime:
    """A runtime for the environment; the process then speaks of the stack that it names. Raises NotConfigured."""
    guard_logs()
    configuration = config.load(read_environment(), aws.default_chain, sandbox_process.folder())
    names.choose(configuration.stack)
    return Runtime(configuration)


class Registry:
    """Holds the process's runtime, or the reason why there is none."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._runtime: Runtime | None = None
        self._refusal: NotConfigured | None = None

    def current(self) -> Runtime:
        """The runtime, started if it is not yet. Raises NotConfigured, each time until the process is restarted."""
        with self._lock:
            if self._refusal is not None:
                raise self._refusal.with_traceback(None)
            if self._runtime is None:
                try:
                    self._runtime = create()
                except NotConfigured as error:
                    self._refusal = error
                    raise
                self._runtime.start()
            return self._runtime

    def close(self) -> None:
        """Closes the runtime; the next `current` starts another."""
        with self._lock:
            runtime, self._runtime, self._refusal = self._runtime, None, None
        if runtime is not None:
            runtime.close()


def registry() -> Registry:
    """The process's registry.

    It lives in a module of its own that has no file: a reload of ours by Streamlit's watcher, or a viewer's
    "clear cache", must not make a second subscription (facts/streamlit.md, section 2.5).
    """
    holder = sys.modules.setdefault("_pipeline_dashboard_registry", types.ModuleType("_pipeline_dashboard_registry"))
    found: Registry = holder.__dict__.setdefault("registry", Registry())
    return found
