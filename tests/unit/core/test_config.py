"""Which target an environment asks for, and that half of a configuration is refused by name."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from core import aws, config, environment
from core.config import SETTINGS, AwsConfig, Config, Target, TopicConfig, load
from core.errors import NotConfigured
from services.app import runtime
from tests.unit.core.test_momento_keys import PLACE, V2, v1

SECRET = "a-secret-access-key-nobody-may-see"
TOKEN = "a-session-token-nobody-may-see"
KEYS = {"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": SECRET}
REGION = {"AWS_REGION": "us-west-2"}
MOMENTO = {"MOMENTO_API_KEY": V2, "MOMENTO_ENDPOINT": PLACE}


def no_credentials(profile: str) -> tuple[bool, str]:
    return False, ""


def a_profile(profile: str) -> tuple[bool, str]:
    """A chain that has one profile, named `work`, with a region."""
    return (True, "eu-west-1") if profile == "work" else (False, "")


def refusal(environment: dict[str, str]) -> NotConfigured:
    with pytest.raises(NotConfigured) as refused:
        load(environment, no_credentials)
    return refused.value


def aws_config(config: Config) -> AwsConfig:
    assert config.target is Target.AWS
    assert config.aws is not None
    return config.aws


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"TARGET": ""},
        {"TARGET": "sandbox"},
        {"TARGET": " Sandbox "},
        {"TARGET": "sandbox", **KEYS, **REGION, **MOMENTO},
        {"AWS_ACCESS_KEY_ID": "  ", "MOMENTO_API_KEY": ""},
        REGION,
        {"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "PATH": "/bin"},
    ],
)
def test_without_a_credential_or_when_told_so_the_target_is_the_sandbox(
    environment: dict[str, str], tmp_path: Path
) -> None:
    config = load(environment, no_credentials, tmp_path)

    assert config == Config(Target.SANDBOX, topic=TopicConfig(50_000, tmp_path / "topic-history.db"))


@pytest.mark.parametrize("target", [{}, {"TARGET": "aws"}, {"TARGET": "AWS"}])
def test_with_everything_set_the_target_is_aws(target: dict[str, str]) -> None:
    config = aws_config(load({**target, **KEYS, **REGION, **MOMENTO}, no_credentials))

    assert (config.aws.access_key_id, config.aws.secret_access_key) == ("AKIAEXAMPLE", SECRET)
    assert config.aws.region == "us-west-2"
    assert config.momento.cache_target == f"cache.{PLACE}:443"
    assert config.momento_api_key == V2


ALL_MISSING = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "MOMENTO_API_KEY"]


@pytest.mark.parametrize(
    ("environment", "missing"),
    [
        ({"TARGET": "aws"}, ALL_MISSING),
        ({"TARGET": "aws", **REGION}, ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "MOMENTO_API_KEY"]),
        ({"TARGET": "aws", **KEYS, **REGION}, ["MOMENTO_API_KEY"]),
        ({**KEYS, **REGION}, ["MOMENTO_API_KEY"]),
        ({**KEYS, **MOMENTO}, ["AWS_REGION"]),
        (MOMENTO, ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION"]),
        ({**REGION, **MOMENTO}, ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]),
        ({"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", **REGION, **MOMENTO}, ["AWS_SECRET_ACCESS_KEY"]),
        ({"AWS_SECRET_ACCESS_KEY": SECRET, **REGION, **MOMENTO}, ["AWS_ACCESS_KEY_ID"]),
        ({"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", **MOMENTO}, ["AWS_SECRET_ACCESS_KEY", "AWS_REGION"]),
        ({"AWS_SECRET_ACCESS_KEY": SECRET}, ["AWS_ACCESS_KEY_ID", "AWS_REGION", "MOMENTO_API_KEY"]),
        ({**KEYS, **REGION, "MOMENTO_API_KEY": V2}, ["MOMENTO_ENDPOINT"]),
        ({"MOMENTO_API_KEY": V2}, [*ALL_MISSING[:3], "MOMENTO_ENDPOINT"]),
        ({"MOMENTO_ENDPOINT": PLACE}, [*ALL_MISSING[:3], "MOMENTO_API_KEY"]),
        ({"AWS_PROFILE": "work", **REGION}, ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "MOMENTO_API_KEY"]),
    ],
)
def test_half_a_configuration_is_refused_with_exactly_what_is_missing(
    environment: dict[str, str], missing: list[str]
) -> None:
    error = refusal(environment)

    assert sorted(error.missing) == sorted(missing)
    assert all(name in error.what for name in missing)
    assert error.advice


def test_a_session_token_without_its_keys_is_half_a_configuration_even_where_a_profile_would_do() -> None:
    with pytest.raises(NotConfigured) as refused:
        load({"AWS_SESSION_TOKEN": TOKEN, **REGION, **MOMENTO}, lambda profile: (True, "eu-west-1"))

    assert refused.value.missing == ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")


def test_a_profile_stands_in_for_the_keys_and_brings_its_region() -> None:
    config = aws_config(load({"AWS_PROFILE": "work", **MOMENTO}, a_profile))

    assert (config.aws.profile, config.aws.region, config.aws.access_key_id) == ("work", "eu-west-1", "")


def test_the_environments_region_wins_over_the_profiles() -> None:
    config = aws_config(load({"AWS_PROFILE": "work", "AWS_DEFAULT_REGION": "us-east-1", **MOMENTO}, a_profile))

    assert config.aws.region == "us-east-1"


def test_the_default_chain_counts_when_the_target_is_named() -> None:
    config = aws_config(load({"TARGET": "aws", **MOMENTO}, lambda profile: (profile == "", "eu-west-1")))

    assert (config.aws.profile, config.aws.access_key_id, config.aws.region) == ("", "", "eu-west-1")


def test_a_session_token_travels_with_its_keys() -> None:
    config = aws_config(load({**KEYS, "AWS_SESSION_TOKEN": TOKEN, **REGION, **MOMENTO}, no_credentials))

    assert config.aws.session_token == TOKEN


def test_a_v1_key_brings_its_endpoint() -> None:
    config = aws_config(load({**KEYS, **REGION, "MOMENTO_API_KEY": v1(api_key="inner")}, no_credentials))

    assert config.momento.cache_target == f"cache.{PLACE}:443"
    assert config.momento.token == "inner"
    assert config.momento_api_key == v1(api_key="inner"), "the connection gets the key as it was given"


def test_the_http_endpoint_of_the_original_demo_stands_in_for_the_endpoint() -> None:
    environment = {**KEYS, **REGION, "MOMENTO_API_KEY": V2, "MOMENTO_API_ENDPOINT": f"https://api.cache.{PLACE}/"}

    config = aws_config(load(environment, no_credentials))

    assert config.momento.cache_target == f"cache.{PLACE}:443"
    assert config.momento.http_endpoint == f"https://api.cache.{PLACE}"


@pytest.mark.parametrize("wanted", ["1000", "1000000", " 50000 "])
def test_the_number_of_events_in_memory_can_be_set(wanted: str) -> None:
    assert load({"TOPIC_EVENTS": wanted}, no_credentials).topic.events == int(wanted)


@pytest.mark.parametrize("wanted", ["999", "1000001", "-5000", "5e4", "50,000", "many", "9" * 5_000, "५००००"])
def test_a_wrong_number_of_events_is_named_and_refused(wanted: str) -> None:
    error = refusal({"TOPIC_EVENTS": wanted})

    assert "TOPIC_EVENTS" in error.what
    assert "1,000 to 1,000,000" in error.what
    assert len(str(error)) < 300


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({}, "here/topic-history.db"),
        ({"TOPIC_HISTORY": "ON"}, "here/topic-history.db"),
        ({"TOPIC_HISTORY": "off"}, None),
        ({"TOPIC_HISTORY": "/var/lib/dashboard/events"}, "/var/lib/dashboard/events"),
        ({"TOPIC_HISTORY": "events.db"}, "events.db"),
        ({**KEYS, **REGION, **MOMENTO}, None),
        ({**KEYS, **REGION, **MOMENTO, "TOPIC_HISTORY": "on"}, "here/topic-history.db"),
    ],
)
def test_the_history_is_on_for_the_sandbox_and_off_for_aws_unless_asked(
    wanted: dict[str, str], expected: str | None
) -> None:
    history = load(wanted, no_credentials, Path("here")).topic.history

    assert history == (None if expected is None else Path(expected))


@pytest.mark.parametrize("wanted", ["true", "yes", "1", "none"])
def test_a_mistyped_history_switch_is_refused_and_not_taken_for_a_file(wanted: str) -> None:
    assert "TOPIC_HISTORY" in refusal({"TOPIC_HISTORY": wanted}).what


@pytest.mark.parametrize("garbage", ["production", "aws,sandbox", "1"])
def test_a_target_that_does_not_exist_is_refused(garbage: str) -> None:
    error = refusal({"TARGET": garbage, **KEYS, **REGION, **MOMENTO})

    assert "TARGET" in error.what
    assert "sandbox" in error.what
    assert "aws" in error.what


@pytest.mark.parametrize(
    "environment",
    [
        {"AWS_SECRET_ACCESS_KEY": SECRET, "AWS_SESSION_TOKEN": TOKEN, "MOMENTO_API_KEY": V2},
        {**KEYS, **REGION, "MOMENTO_API_KEY": SECRET},
        {**KEYS, **REGION, "MOMENTO_API_KEY": V2, "MOMENTO_ENDPOINT": SECRET},
        {**KEYS, **REGION, **MOMENTO, "MOMENTO_API_KEY": v1("other.momentohq.com", TOKEN)},
    ],
)
def test_a_refusal_shows_no_secret(environment: dict[str, str]) -> None:
    error = refusal(environment)

    for shown in (str(error), repr(error), error.advice):
        assert not any(secret in shown for secret in (SECRET, TOKEN, V2))


BAD = [
    "{} {}",
    "{}\n{}",
    "{}\t{}",
    "{}\r\nX: {}",
    "{}\0{}",
    "{}\x1b{}",
    "{}\u00a0{}",
    "{}é{}",
    '"{}{}"',
    "'{}{}'",
    "{}\u2028{}",
]


@pytest.mark.parametrize("form", BAD)
@pytest.mark.parametrize("name", ["MOMENTO_API_KEY", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"])
def test_a_key_with_what_no_key_has_is_refused_by_name_and_not_shown(name: str, form: str) -> None:
    everything = {**KEYS, "AWS_SESSION_TOKEN": TOKEN, **REGION, **MOMENTO}
    key = everything[name]

    error = refusal({**everything, name: form.format(key[:9], key[9:])})

    assert error.what.startswith(f"{name} has ")
    assert "\n" not in str(error)
    assert not any(key[at : at + 8] in str(error) for at in range(len(key) - 7))


@pytest.mark.parametrize("around", ["{}\n", "{}\r\n", " {} ", "\t{}"])
def test_what_a_file_puts_around_a_key_is_taken_off(around: str) -> None:
    config = aws_config(load({**KEYS, "AWS_SESSION_TOKEN": around.format(TOKEN), **REGION, **MOMENTO}, no_credentials))

    assert config.aws.session_token == TOKEN


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("AWS_REGION", "us-west-2# Oregon"),
        ("AWS_REGION", '"us-west-2"'),
        ("AWS_DEFAULT_REGION", "us west"),
        ("AWS_ENDPOINT_URL", "localhost:4566"),
        ("AWS_ENDPOINT_URL_SQS", '"http://127.0.0.1:4566"'),
    ],
)
def test_a_region_or_an_endpoint_that_cannot_be_one_is_named(setting: str, value: str) -> None:
    region = {} if "REGION" in setting else REGION

    error = refusal({**KEYS, **MOMENTO, **region, setting: value})

    assert setting in error.what
    assert value not in str(error)


@pytest.mark.parametrize("setting", ["TARGET", "TOPIC_EVENTS", "TOPIC_HISTORY", "STREAM_WATCH", "MOMENTO_ENDPOINT"])
def test_a_secret_in_the_wrong_place_is_not_shown(setting: str) -> None:
    error = refusal({**KEYS, **REGION, **MOMENTO, setting: SECRET})

    assert SECRET[:16] not in str(error)


def test_a_configuration_shows_no_secret() -> None:
    config = load({**KEYS, "AWS_SESSION_TOKEN": TOKEN, **REGION, **MOMENTO}, no_credentials)

    assert not any(secret in repr(config) for secret in (SECRET, TOKEN, V2))


@pytest.mark.parametrize(("setting", "watched"), [("", True), ("on", True), ("off", False), (" OFF ", False)])
def test_the_stream_is_watched_unless_it_is_switched_off(setting: str, watched: bool) -> None:
    assert load({"STREAM_WATCH": setting}, no_credentials).watch_stream is watched
    everything = {**KEYS, **REGION, **MOMENTO, "STREAM_WATCH": setting}
    assert load(everything, no_credentials).watch_stream is watched


def test_a_setting_of_the_watch_that_is_neither_is_refused() -> None:
    with pytest.raises(NotConfigured, match="STREAM_WATCH is 'no'"):
        load({"STREAM_WATCH": "no"}, no_credentials)


@pytest.mark.parametrize(
    ("target", "setting", "local"),
    [
        ({}, "", True),
        ({}, "off", False),
        (KEYS | REGION | MOMENTO, "", False),
        (KEYS | REGION | MOMENTO, "On", True),
        (KEYS | REGION | MOMENTO, "off", False),
    ],
)
def test_without_a_sign_in_a_real_stack_is_changed_only_where_that_is_set(
    target: dict[str, str], setting: str, local: bool
) -> None:
    assert load(target | {"LOCAL_OPERATOR": setting}, no_credentials).local_operator is local


@pytest.mark.parametrize("setting", [{"LOCAL_OPERATOR": "yes"}, {"OPERATORS": "*"}])
def test_who_may_change_things_is_never_guessed(setting: dict[str, str]) -> None:
    with pytest.raises(NotConfigured, match=next(iter(setting))):
        load(setting, no_credentials)


def test_the_example_file_names_every_setting() -> None:
    example = (Path(config.__file__).parent.parent / ".env.example").read_text(encoding="utf-8")

    assert [setting.name for setting in SETTINGS if setting.name not in example] == []


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project folder of its own, and an environment without credentials."""
    monkeypatch.setattr(environment, "_PROJECT", tmp_path)
    for setting in SETTINGS:
        monkeypatch.delenv(setting.name, raising=False)
    return tmp_path


def test_the_env_file_counts_and_the_environment_wins_over_it(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / ".env").write_text(f"# a comment\nAWS_REGION=eu-west-1\nMOMENTO_API_KEY='{V2}'\nAWS_PROFILE=\n")
    monkeypatch.setenv("AWS_REGION", "us-east-1")

    read = environment.read_environment()

    assert read["AWS_REGION"] == "us-east-1"
    assert read["MOMENTO_API_KEY"] == V2
    assert read["AWS_PROFILE"] == ""


def test_without_an_env_file_the_environment_is_all_there_is(project: Path) -> None:
    assert runtime.create().target is Target.SANDBOX


def test_a_half_filled_env_file_is_refused(project: Path) -> None:
    (project / ".env").write_text("AWS_ACCESS_KEY_ID=AKIAEXAMPLE\n")

    with pytest.raises(NotConfigured) as refused:
        runtime.create()

    assert set(refused.value.missing) == {"AWS_SECRET_ACCESS_KEY", "AWS_REGION", "MOMENTO_API_KEY"}


def test_half_a_pair_of_keys_in_the_environment_is_refused_by_name(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """boto3's own chain raises at this; its error would hide the other names."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")

    with pytest.raises(NotConfigured) as refused:
        runtime.create()

    assert set(refused.value.missing) == {"AWS_SECRET_ACCESS_KEY", "AWS_REGION", "MOMENTO_API_KEY"}


def write_profiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    credentials, config = tmp_path / "credentials", tmp_path / "config"
    credentials.write_text(f"[work]\naws_access_key_id=AKIAWORK\naws_secret_access_key={SECRET}\n")
    config.write_text("[profile work]\nregion=eu-central-1\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(credentials))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))


def test_boto3s_chain_finds_a_profile_and_its_region(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_profiles(project, monkeypatch)

    assert aws.default_chain("work") == (True, "eu-central-1")
    assert aws.default_chain("")[0] is False


def test_a_profile_that_does_not_exist_is_refused_by_name(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_profiles(project, monkeypatch)

    with pytest.raises(NotConfigured, match="holiday") as refused:
        aws.default_chain("holiday")

    assert "AWS_PROFILE" in refused.value.what


def test_keys_count_even_when_the_shell_names_a_profile_that_does_not_exist(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "holiday")
    config = aws_config(load({**KEYS, **REGION, **MOMENTO, "AWS_PROFILE": "holiday"}, aws.default_chain))

    clients = aws.Aws(config.aws)

    assert clients.endpoint == "https://dynamodb.us-west-2.amazonaws.com"
    clients.close()


@pytest.mark.parametrize("prefix", ["Team", "1team", "team-", "team_1", "a" * 16])
def test_a_prefix_that_no_name_could_carry_is_refused_with_what_is_allowed(prefix: str) -> None:
    refused = refusal({"TARGET": "sandbox", "STACK_PREFIX": prefix})

    assert refused.what == (
        f"STACK_PREFIX: The prefix {prefix!r} does not fit: up to 15 lower-case letters, digits and hyphens, "
        "beginning with a letter and not ending with a hyphen."
    )


@pytest.mark.parametrize("environment", [{"TARGET": "sandbox"}, {**KEYS, **REGION, **MOMENTO}])
def test_a_prefix_counts_for_both_targets(environment: dict[str, str]) -> None:
    assert load({**environment, "STACK_PREFIX": "team-1"}, no_credentials).stack.table == "team-1-weather-stats-demo"
    assert load(environment, no_credentials).stack.table == "weather-stats-demo"


def test_a_v1_key_is_what_its_base64_says() -> None:
    """Guards the helper that these tests borrow."""
    assert json.loads(base64.b64decode(v1()))["endpoint"] == PLACE
