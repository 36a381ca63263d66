"""Settings from file, environment and flags."""

from pathlib import Path
from typing import Any

import pytest

from control.config import (
    ConfigError,
    Settings,
    environment_name,
    load_settings,
    without_our_variables,
)

EVERY_KEY = [
    (section, key)
    for section, field in Settings.model_fields.items()
    if field.annotation is not None
    for key in field.annotation.model_fields
]


def write(directory: Path, text: str) -> Path:
    """A settings file."""
    file = directory / "seawall.toml"
    file.write_text(text)
    return file


def faults(
    file: Path | None, environ: dict[str, str], flags: dict[str, Any] | None = None
) -> list[str]:
    """The lines of the refusal, without its headline."""
    with pytest.raises(ConfigError) as refused:
        load_settings(file, environ, flags)
    return [line.strip() for line in str(refused.value).splitlines()[1:]]


def test_nothing_given_is_all_defaults() -> None:
    """Seawall runs without a file, a variable or a flag."""
    assert load_settings(None, {"PATH": "/bin", "HOME": "/"}) == Settings()


def test_the_environment_beats_the_file_and_flags_beat_both(tmp_path: Path) -> None:
    """Of three values the flag counts, of two the environment; sources mix key by key."""
    file = write(
        tmp_path,
        '[gateway]\nhttp = "127.0.0.1:1"\nworkers = 2\ntimeout_s = 5\n[log]\nlevel = "debug"\n',
    )
    environ = {"SEAWALL_GATEWAY_HTTP": "127.0.0.1:2", "SEAWALL_GATEWAY_WORKERS": "3"}
    settings = load_settings(file, environ, {"gateway.http": "127.0.0.1:3"})
    assert settings.gateway.http == "127.0.0.1:3"
    assert settings.gateway.workers == 3
    assert settings.gateway.timeout_s == 5.0
    assert settings.log.level == "debug"


def test_a_flag_that_was_not_given_changes_nothing() -> None:
    """None is no value: what the environment says stays."""
    environ = {"SEAWALL_STATE_DIR": "/elsewhere"}
    assert load_settings(None, environ, {"state.dir": None}).state.dir == Path("/elsewhere")


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    """Whoever mends a configuration mends it once: each fault has its key and what was got."""
    file = write(
        tmp_path,
        '[gateway]\nworkers = 0\nworker = 2\n[log]\nlevel = "loud"\n[nonsense]\na = 1\n',
    )
    environ = {"SEAWALL_GATEWAY_TIMEOUT_S": "soon", "SEAWALL_GATEWAY_SPEED": "9"}
    found = faults(file, environ, {"gateway.http": "unix:/s"})
    keys = {line.split(":")[0] for line in found}
    assert keys == {
        "SEAWALL_GATEWAY_SPEED",
        "gateway.http",
        "gateway.timeout_s",
        "gateway.worker",
        "gateway.workers",
        "log.level",
        "nonsense",
    }
    assert len(found) == len(keys)
    (workers,) = (line for line in found if line.startswith("gateway.workers:"))
    assert "greater than or equal to 1" in workers
    assert "(got 0)" in workers


@pytest.mark.parametrize(
    "text", ["gateway = 3\n", 'gateway = "127.0.0.1:8000"\n', "gateway = []\n"]
)
@pytest.mark.parametrize(
    ("environ", "flags"),
    [
        ({}, {}),
        ({"SEAWALL_GATEWAY_WORKERS": "2"}, {}),
        ({}, {"gateway.workers": 2}),
    ],
)
def test_a_section_that_is_no_table_is_a_fault(
    tmp_path: Path, text: str, environ: dict[str, str], flags: dict[str, Any]
) -> None:
    """A value where a section belongs is told as a fault, whatever else sets keys in it."""
    (fault,) = faults(write(tmp_path, text), environ, flags)
    assert fault.startswith("gateway: ")


@pytest.mark.parametrize(
    "name",
    ["SEAWALL_", "SEAWALL_GATEWAY", "SEAWALL_GATEWAY_", "SEAWALL_HTTP", "SEAWALL_gateway_http"],
)
def test_an_unknown_variable_is_a_fault(name: str) -> None:
    """A typing error in the environment must not leave a default standing unseen."""
    assert faults(None, {name: "1"}) == [f"{name}: no such setting"]


def test_variables_of_others_are_none_of_ours() -> None:
    """Only what begins with SEAWALL_ is looked at."""
    assert load_settings(None, {"SEAWALLPAPER": "1", "GATEWAY_HTTP": "x"}) == Settings()


@pytest.mark.parametrize(("section", "key"), EVERY_KEY)
def test_every_setting_has_a_variable(section: str, key: str) -> None:
    """What a file can set, the environment can set: its default, written out, is accepted."""
    default = getattr(getattr(Settings(), section), key)
    text = "" if default in {None, ()} else str(default)
    environ = {environment_name(section, key): text}
    assert load_settings(None, environ) == Settings()


def test_no_two_settings_share_a_variable() -> None:
    """A variable means one setting."""
    assert len({environment_name(section, key) for section, key in EVERY_KEY}) == len(EVERY_KEY)


@pytest.mark.parametrize("key", ["gateway.http", "metrics.http", "admin.http"])
@pytest.mark.parametrize(
    "address", ["", "8000", "localhost", "unix:/run/s", "a:b", "a:70000", "[::1", "ftp://a:1"]
)
def test_a_listening_address_is_host_and_port(key: str, address: str) -> None:
    """An address that cannot be listened on is refused at the start, with its key."""
    (fault,) = faults(None, {}, {key: address})
    assert fault.startswith(f"{key}: ")
    assert repr(address) in fault


@pytest.mark.parametrize(
    "address", ["127.0.0.1:8000", "[::1]:8000", "localhost:1", "0.0.0.0:65535"]
)
def test_addresses_of_both_internet_families_are_taken(address: str) -> None:
    """IPv4, IPv6 in brackets, and names."""
    assert load_settings(None, {}, {"gateway.http": address}).gateway.http == address


def test_an_upstream_may_be_a_socket_or_nothing() -> None:
    """Triton may listen on a path; no address at all means the embedded one."""
    settings = load_settings(None, {}, {"triton.http_url": "unix:/t", "triton.grpc_url": ""})
    assert (settings.triton.http_url, settings.triton.grpc_url) == ("unix:/t", "")
    (fault,) = faults(None, {}, {"triton.http_url": "unix:t"})
    assert "absolute path" in fault


def test_a_missing_file_is_told_by_its_name(tmp_path: Path) -> None:
    """A file that was named must be there."""
    with pytest.raises(ConfigError, match=r"absent\.toml.*No such file"):
        load_settings(tmp_path / "absent.toml", {})


@pytest.mark.parametrize("content", [b"[gateway", b"workers = \n", b"\xff\xfe", b"a = 1\na = 2\n"])
def test_a_file_that_is_not_toml_is_told_as_that(tmp_path: Path, content: bytes) -> None:
    """What cannot be parsed names the file, not a line of our code."""
    file = tmp_path / "seawall.toml"
    file.write_bytes(content)
    with pytest.raises(ConfigError, match=r"seawall\.toml.*is not TOML"):
        load_settings(file, {})


def test_settings_never_change() -> None:
    """What was checked at the start is what runs."""
    with pytest.raises(ValueError, match="frozen"):
        Settings().gateway.workers = 2  # type: ignore[misc]


def test_a_setting_may_have_a_second_name_in_the_environment() -> None:
    """SEAWALL_DATABASE_URL is what other programs would call it; the regular name wins."""
    url, other = "sqlite:////var/lib/seawall.db", "postgresql://u:p@db/seawall"
    assert load_settings(None, {"SEAWALL_DATABASE_URL": url}).state.database_url == url
    both = {"SEAWALL_STATE_DATABASE_URL": other, "SEAWALL_DATABASE_URL": url}
    assert load_settings(None, both).state.database_url == other
    assert load_settings(None, dict(reversed(both.items()))).state.database_url == other


@pytest.mark.parametrize(
    "url",
    ["postgres://u:geheim@db/x", "mysql://u:geheim@db/x", "geheim", "sqlite://", "sqlite:///"],
)
def test_a_database_is_sqlite_or_postgresql(url: str) -> None:
    """Another one is refused at the start, without showing its password."""
    (fault,) = faults(None, {}, {"state.database_url": url})
    assert fault.startswith("state.database_url: ")
    assert "postgresql://USER:PASSWORD@HOST/NAME" in fault
    assert "geheim" not in fault


def test_secrets_are_not_shown() -> None:
    """Neither a fault nor the settings' own text repeats a token or a password."""
    (fault,) = faults(None, {}, {"admin.token": ["geheim"]})
    assert fault.startswith("admin.token: ")
    assert "geheim" not in fault
    flags = {"admin.token": "geheim", "state.database_url": "postgresql://u:geheim@db/x"}
    assert "geheim" not in repr(load_settings(None, {}, flags))


def test_a_list_is_written_with_commas_in_the_environment(tmp_path: Path) -> None:
    """A file has a list for it; both mean the same, and reach the children as they are."""
    environ = {"SEAWALL_WEBHOOKS_EVENT": "http://a/x, https://b/y?z=1,"}
    file = write(tmp_path, '[webhooks]\nevent = ["http://a/x", "https://b/y?z=1"]\n')
    settings = load_settings(None, environ)
    assert settings.webhooks.event == ("http://a/x", "https://b/y?z=1")
    assert load_settings(file, {}) == settings
    assert Settings.model_validate_json(settings.model_dump_json()) == settings


@pytest.mark.parametrize(
    "text", ["geheim", "ftp://a/geheim", "http:///geheim", "http://a/geheim x", "http://a:geheim"]
)
def test_a_webhook_is_a_web_address(tmp_path: Path, text: str) -> None:
    """Another one is refused at the start; the fault says which, and nothing of what it holds."""
    (fault,) = faults(None, {"SEAWALL_WEBHOOKS_ROLLBACK": f"http://a,{text}"})
    assert fault.startswith("webhooks.rollback: ")
    assert "URL 2 of 2 cannot be used" in fault
    assert "geheim" not in fault
    listed = write(tmp_path, f'[webhooks]\nevent = [["{text}"]]\nsecret = ["geheim"]\n')
    assert "geheim" not in "".join(faults(listed, {}))


def test_webhooks_are_limited() -> None:
    """Each is asked at each step."""
    (fault,) = faults(None, {"SEAWALL_WEBHOOKS_ROLLOUT": ",".join(["http://geheim"] * 17)})
    assert "at most 16" in fault
    assert "geheim" not in fault


def test_webhooks_are_not_shown() -> None:
    """Their addresses may hold keys."""
    names = ("PRE_ROLLOUT", "ROLLOUT", "ROLLBACK", "EVENT", "SECRET")
    environ = {f"SEAWALL_WEBHOOKS_{name}": "http://a/geheim" for name in names}
    assert "geheim" not in repr(load_settings(None, environ))


def test_children_get_none_of_our_variables() -> None:
    """They get settings from the launcher; a token in the environment would reach every model."""
    environ = {"PATH": "/bin", "SEAWALL_ADMIN_TOKEN": "geheim", "SEAWALLPAPER": "1"}
    assert without_our_variables(environ) == {"PATH": "/bin", "SEAWALLPAPER": "1"}
