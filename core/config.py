"""Which target the dashboard works on, and with which settings: read once, at start, from the environment and `.env`.

The rule, in one table (`SETTINGS` is the list of names):

    TARGET=sandbox                      the embedded stack, whatever else is set
    TARGET=aws                          AWS and Momento; what is missing is named and the start refused
    no TARGET, no credential set        the embedded stack
    no TARGET, some credential set      as TARGET=aws: a half-configured environment is refused, never guessed at

Values that are secrets never appear in a message or a repr.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from core import key_text, momento_keys
from core.errors import NotConfigured
from core.names import StackNames
from core.operators import operators_of

#: How many messages of the topic are kept in memory unless TOPIC_EVENTS says otherwise.
TOPIC_CAPACITY = 50_000


class Target(Enum):
    """The two things the dashboard can look at."""

    SANDBOX = "sandbox"
    AWS = "aws"


@dataclass(frozen=True)
class Setting:
    """One variable that is read: its name, what it is for, whether it is secret, and whether it picks `aws`."""

    name: str
    purpose: str
    secret: bool = False
    credential: bool = False


SETTINGS: tuple[Setting, ...] = (
    Setting("TARGET", "sandbox or aws; without it, aws if any credential is set, else sandbox"),
    Setting("MOMENTO_API_KEY", "Momento API key, v2 or v1", secret=True, credential=True),
    Setting("MOMENTO_ENDPOINT", "endpoint of a v2 key, as the console shows it", credential=True),
    Setting("MOMENTO_API_ENDPOINT", "base URL of Momento's HTTP API, https://api.cache.<endpoint>", credential=True),
    Setting(
        "AWS_REGION",
        "region of the stack, such as us-west-2; AWS_DEFAULT_REGION and a profile's count too",
    ),
    Setting("AWS_ACCESS_KEY_ID", "AWS access key", secret=True, credential=True),
    Setting("AWS_SECRET_ACCESS_KEY", "its secret", secret=True, credential=True),
    Setting("AWS_SESSION_TOKEN", "for temporary credentials only", secret=True, credential=True),
    Setting("AWS_PROFILE", "a profile of ~/.aws, instead of the two keys", credential=True),
    Setting(
        "STACK_PREFIX", "the stack made with `python -m provision up --prefix`; without it the one without a prefix"
    ),
    Setting("TOPIC_EVENTS", "how many events of the topic are kept in memory: 1,000 to 1,000,000, without it 50,000"),
    Setting("TOPIC_HISTORY", "on, off or a file: events outlive a restart; without it on for sandbox, off for aws"),
    Setting("STREAM_WATCH", "off: do not read the table's stream, and do without waiting records and the ledger"),
    Setting("OPERATORS", "who may change things once they signed in: e-mail addresses or sub:..., with commas between"),
    Setting("LOCAL_OPERATOR", "on or off: whether this machine's own people may change things without a sign-in"),
)


@dataclass(frozen=True)
class AwsAccess:
    """How to reach AWS. Empty keys mean boto3's default credential chain; `profile` may name one of ~/.aws."""

    region: str
    profile: str = ""
    access_key_id: str = field(default="", repr=False)
    secret_access_key: str = field(default="", repr=False)
    session_token: str = field(default="", repr=False)
    endpoint_url: str = ""


@dataclass(frozen=True)
class AwsConfig:
    """Everything the `aws` target needs; `momento_api_key` is the key as given, for the connection."""

    aws: AwsAccess
    momento: momento_keys.MomentoAddress
    momento_api_key: str = field(repr=False)


@dataclass(frozen=True)
class TopicConfig:
    """How many events of the topic are kept in memory, and the file that outlives a restart (None for none)."""

    events: int = TOPIC_CAPACITY
    history: Path | None = None


@dataclass(frozen=True)
class Config:
    """The target, and its settings when it is `aws`; the sandbox brings its own. `operators` are those of OPERATORS.

    `watch_stream` says whether the table's stream is read for the health of the pipes. `stack` names what is
    looked at. `local_operator` says whether who is on this machine may change things without a sign-in.
    """

    target: Target
    aws: AwsConfig | None = None
    operators: frozenset[str] = frozenset()
    topic: TopicConfig = TopicConfig()
    watch_stream: bool = True
    stack: StackNames = StackNames()
    local_operator: bool = True


#: What TOPIC_EVENTS may be.
_FEWEST_EVENTS, _MOST_EVENTS = 1_000, 1_000_000

#: Characters of a wrong value that a message shows; keys have more.
_MOST_SHOWN = 15
#: What botocore takes for a region.
_REGION = re.compile(r"(?![0-9]+$)[a-zA-Z0-9][a-zA-Z0-9-]{0,62}")
_ENDPOINT = re.compile(r"https?://[^\s\"'/]+(/[^\s\"']*)?")

#: Says for a profile ("" for the default) whether boto3's chain finds credentials, and its region ("" for none).
CredentialChain = Callable[[str], tuple[bool, str]]


def load(environment: Mapping[str, str], chain: CredentialChain, folder: Path = Path(".sandbox")) -> Config:
    """The configuration that an environment asks for; `folder` is where a file goes whose place is not set.

    Raises NotConfigured with the names of what is missing or wrong.
    """
    settings = {setting.name: _value(setting, environment) for setting in SETTINGS}
    operators = operators_of(settings["OPERATORS"])
    target = _target(settings)
    topic = TopicConfig(_events(settings["TOPIC_EVENTS"]), _history(settings["TOPIC_HISTORY"], target, folder))
    watch = _watch_stream(settings["STREAM_WATCH"])
    stack = _stack(settings["STACK_PREFIX"])
    on_aws = _aws_config(settings, environment, chain) if target is Target.AWS else None
    return Config(target, on_aws, operators, topic, watch, stack, _local_operator(settings["LOCAL_OPERATOR"], target))


def _value(setting: Setting, environment: Mapping[str, str]) -> str:
    # Of a secret no more is taken off than `.env` files and `$(cat file)` add: anything else is refused.
    text = environment.get(setting.name, "")
    return text.strip(key_text.AROUND) if setting.secret else text.strip()


def shown(text: str) -> str:
    """A setting's value for a message, if it is short: a person may have pasted a key into the wrong place."""
    return repr(text) if len(text) <= _MOST_SHOWN else "set to something long"


def _stack(prefix: str) -> StackNames:
    try:
        return StackNames(prefix)
    except ValueError as error:
        raise NotConfigured(
            f"STACK_PREFIX: {error}",
            "Write it as it was given to `python -m provision up --prefix`, or remove it.",
        ) from error


def _events(wanted: str) -> int:
    if not wanted:
        return TOPIC_CAPACITY
    number = int(wanted) if wanted.isascii() and wanted.isdigit() and len(wanted) <= len(str(_MOST_EVENTS)) else 0
    if not _FEWEST_EVENTS <= number <= _MOST_EVENTS:
        raise NotConfigured(
            f"TOPIC_EVENTS is {shown(wanted)}; it takes a whole number from {_FEWEST_EVENTS:,} to {_MOST_EVENTS:,}.",
            "Write it without separators, such as 50000, or remove it.",
        )
    return number


def _history(wanted: str, target: Target, folder: Path) -> Path | None:
    by_default = "on" if target is Target.SANDBOX else "off"
    switch = wanted.lower() or by_default
    if switch in ("on", "off"):
        return folder / "topic-history.db" if switch == "on" else None
    path = Path(wanted).expanduser()
    # A bare word is a switch that was mistyped ("true", "yes"), far more often than a file.
    if len(path.parts) == 1 and not path.suffix:
        raise NotConfigured(
            f"TOPIC_HISTORY is {shown(wanted)}; it takes on, off, or the path of a file.",
            "Write a path with a folder or an ending, such as ./history.db, or remove the setting.",
        )
    return path


def _watch_stream(setting: str) -> bool:
    if setting.lower() not in ("", "on", "off"):
        raise NotConfigured(
            f"STREAM_WATCH is {shown(setting)}; allowed are on and off.",
            "Set STREAM_WATCH to one of the two, or remove it.",
        )
    return setting.lower() != "off"


def _local_operator(setting: str, target: Target) -> bool:
    """Without the setting only the sandbox is everybody's: what is in it was made up."""
    if setting.lower() not in ("", "on", "off"):
        raise NotConfigured(
            f"LOCAL_OPERATOR is {setting[:40]!r}; allowed are on and off.",
            "Set LOCAL_OPERATOR to one of the two, or remove it.",
        )
    return setting.lower() == "on" or (not setting and target is Target.SANDBOX)


def _target(settings: Mapping[str, str]) -> Target:
    wanted = settings["TARGET"].lower()
    if wanted:
        try:
            return Target(wanted)
        except ValueError:
            raise NotConfigured(
                f"TARGET is {shown(wanted)}; allowed are sandbox and aws.",
                "Set TARGET to one of the two, or remove it.",
            ) from None
    chosen = [setting.name for setting in SETTINGS if setting.credential and settings[setting.name]]
    return Target.AWS if chosen else Target.SANDBOX


def _aws_config(settings: Mapping[str, str], environment: Mapping[str, str], chain: CredentialChain) -> AwsConfig:
    _refuse_what_is_no_key(settings)
    _refuse_what_is_no_endpoint(environment)
    missing, region = _missing_of_aws(settings, environment, chain)
    missing += _missing_of_momento(settings)
    if missing:
        raise NotConfigured(
            f"The target is aws, and these settings are missing: {', '.join(missing)}.",
            "Set them in .env or in the environment (see .env.example), or set TARGET=sandbox for the embedded stack.",
            missing=tuple(missing),
        )
    return AwsConfig(
        aws=AwsAccess(
            region=region,
            profile=settings["AWS_PROFILE"],
            access_key_id=settings["AWS_ACCESS_KEY_ID"],
            secret_access_key=settings["AWS_SECRET_ACCESS_KEY"],
            session_token=settings["AWS_SESSION_TOKEN"],
        ),
        momento=momento_keys.for_service(
            settings["MOMENTO_API_KEY"], settings["MOMENTO_ENDPOINT"] or None, settings["MOMENTO_API_ENDPOINT"] or None
        ),
        momento_api_key=settings["MOMENTO_API_KEY"],
    )


def _refuse_what_is_no_key(settings: Mapping[str, str]) -> None:
    for setting in SETTINGS:
        if setting.secret and (fault := key_text.fault(settings[setting.name])):
            raise NotConfigured(
                f"{setting.name} has {fault} in it, which no key has.",
                "Copy it again where it was made, in one line and without quotation marks.",
            )


def _refuse_what_is_no_endpoint(environment: Mapping[str, str]) -> None:
    """botocore reads these by itself, one for each service and one for all."""
    for name in sorted(environment):
        if name.startswith("AWS_ENDPOINT_URL") and (url := environment[name]) and not _ENDPOINT.fullmatch(url):
            raise NotConfigured(
                f"{name} is not the address of an endpoint.",
                "Write it with its scheme, such as http://127.0.0.1:4566, and without quotation marks; or remove it.",
            )


def _missing_of_aws(
    settings: Mapping[str, str], environment: Mapping[str, str], chain: CredentialChain
) -> tuple[list[str], str]:
    """Names of the missing AWS settings, and the region."""
    key, secret = settings["AWS_ACCESS_KEY_ID"], settings["AWS_SECRET_ACCESS_KEY"]
    region = settings["AWS_REGION"] or environment.get("AWS_DEFAULT_REGION", "").strip()
    missing: list[str] = []
    if key or secret or settings["AWS_SESSION_TOKEN"]:
        missing += [name for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY") if not settings[name]]
    else:
        found, chain_region = chain(settings["AWS_PROFILE"])
        region = region or chain_region
        if not found:
            missing += ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]
    if not region:
        missing.append("AWS_REGION")
    elif not _REGION.fullmatch(region):
        raise NotConfigured(
            "AWS_REGION (or AWS_DEFAULT_REGION, or the profile's region) is not the name of a region.",
            "Write the name alone, such as us-west-2: without quotation marks and without a comment behind it.",
        )
    return missing, region


def _missing_of_momento(settings: Mapping[str, str]) -> list[str]:
    if not settings["MOMENTO_API_KEY"]:
        return ["MOMENTO_API_KEY"]
    needs_endpoint = momento_keys.kind_of_key(settings["MOMENTO_API_KEY"]) is momento_keys.KeyKind.V2
    if needs_endpoint and not (settings["MOMENTO_ENDPOINT"] or settings["MOMENTO_API_ENDPOINT"]):
        return ["MOMENTO_ENDPOINT"]
    return []
