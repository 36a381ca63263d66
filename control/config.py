"""One typed settings tree, from ``seawall.toml``, ``SEAWALL_*`` and flags, in rising priority.

The only module that reads the environment. Every fault is reported at once, with its key.
"""

import ipaddress
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError

from control.config_section import Section
from control.triton.address import parse_address
from control.webhook_settings import WebhookSettings

_ENV_PREFIX = "SEAWALL_"
_STORAGE_URL = r"^(async\+(redis|valkey)s?(\+(unix|cluster|sentinel))?://.+)?$"
#: Further names of settings in the environment; the regular name wins.
_ALIASES: Final = {"SEAWALL_DATABASE_URL": ("state", "database_url")}
#: Settings, and sections, whose values no message repeats.
_SECRET: Final = frozenset({"admin.token", "quotas.storage_url", "state.database_url", "webhooks"})
_DATABASE_URL: Final = re.compile(r"sqlite:///.+|postgresql(\+psycopg)?://.+")


class ConfigError(Exception):
    """The configuration cannot be used; the message lists every fault."""


def _check_address(text: str) -> str:
    if text:
        parse_address(text)
    return text


def _check_listen(text: str) -> str:
    if parse_address(text).unix_path:
        message = f"'{text}' is not host:port"
        raise ValueError(message)
    return text


def _check_database_url(text: str) -> str:
    if text and not _DATABASE_URL.fullmatch(text):
        message = "it is neither sqlite:///FILE nor postgresql://USER:PASSWORD@HOST/NAME"
        raise ValueError(message)
    return text


def _none_if_empty(value: object) -> object:
    return None if value == "" else value


UpstreamUrl = Annotated[str, AfterValidator(_check_address)]
ListenAddress = Annotated[str, AfterValidator(_check_listen)]
DatabaseUrl = Annotated[str, AfterValidator(_check_database_url)]
OptionalPath = Annotated[Path | None, BeforeValidator(_none_if_empty)]


class GatewaySettings(Section):
    """The data plane."""

    http: ListenAddress = "127.0.0.1:8000"
    """Where clients reach the KServe v2 HTTP endpoints."""
    workers: int = Field(1, ge=1, le=64)
    """Gateway processes that share the address."""
    express_lane: bool = True
    """Hand inference routes straight to the pipeline; off sends everything through Flask."""
    flask_threads: int = Field(16, ge=1, le=256)
    """Threads for everything that is not on the express lane."""
    timeout_s: float = Field(60.0, gt=0.0, le=86_400.0)
    """Seconds from a request to its answer, at most; contracts and clients may give less."""
    hold_timeout_s: float = Field(30.0, ge=0.0, le=3600.0)
    """Seconds a request waits for a Triton that has died before it is answered with 503."""
    max_held: int = Field(1024, ge=0, le=1_000_000)
    """Requests that may wait for a dead Triton at once, per worker."""
    max_body_bytes: int = Field(64 * 1024 * 1024, ge=1024, le=2**31)
    """Largest request body, before and after decompression."""
    max_held_body_bytes: int = Field(1024 * 1024 * 1024, ge=1024, le=2**45)
    """Bytes of request bodies held at once per worker; beyond it, requests get 503."""
    max_json_bytes: int = Field(16 * 1024 * 1024, ge=1024, le=2**30)
    """Largest JSON part of a request; larger tensors travel in the binary form."""
    cache_bytes: int = Field(64 * 1024 * 1024, ge=0, le=2**40)
    """Bytes of answers kept per worker, of models whose contracts allow it; 0 keeps none."""
    max_connections: int = Field(4096, ge=1, le=1_000_000)
    """Open client connections per worker."""
    stall_timeout_s: float = Field(10.0, gt=0.0, le=3600.0)
    """Seconds without a byte after which an unfinished request is given up (less in a crowd)."""
    drain_timeout_s: float = Field(20.0, ge=0.0, le=3600.0)
    """Seconds that requests under way get to finish when Seawall ends."""


class IdentitySettings(Section):
    """Who may send requests."""

    required: Literal["auto", "always", "never"] = "auto"
    """Whether the data plane asks for a token; auto asks unless `gateway.http` is loopback."""
    jwks_file: OptionalPath = None
    """JSON Web Key Set whose keys may sign JWTs, watched for changes; empty accepts no JWT."""
    jwt_issuer: str = ""
    """What a JWT's `iss` must be; empty takes any."""
    jwt_audience: str = ""
    """What a JWT's `aud` must be or contain; empty takes any."""
    jwt_tenant_claim: str = Field("tenant", min_length=1)
    """The claim that names a JWT's tenant; without it, `sub` does."""


class MetricsSettings(Section):
    """The Prometheus endpoint."""

    http: ListenAddress = "127.0.0.1:8002"
    """Where ``/metrics`` is: Seawall's series, with Triton's own behind them."""


class AdminSettings(Section):
    """The control plane's HTTP side."""

    http: ListenAddress = "127.0.0.1:8080"
    """Where the admin API is."""
    token: str = Field("", repr=False)
    """What the command line shows there; empty takes the operator token in the state directory."""


class QuotaSettings(Section):
    """Where the quotas of tokens and tenants are counted."""

    storage_url: str = Field("", pattern=_STORAGE_URL, repr=False)
    """Server that several hosts count in (async+redis://host:6379); empty counts on each host."""


class TritonSettings(Section):
    """The tritonserver behind Seawall."""

    repository: Path = Path("model_repository")
    """Model repository; the embedded tritonserver serves copies of what is in it."""
    http_url: UpstreamUrl = ""
    """HTTP address of an external Triton (unix:/path, host:port); empty starts the embedded one."""
    grpc_url: UpstreamUrl = ""
    """gRPC address of an external Triton; empty manages it over HTTP."""
    metrics_url: UpstreamUrl = ""
    """Metrics address of an external Triton; empty leaves its series out."""
    start_timeout_s: float = Field(120.0, gt=0.0, le=86_400.0)
    """Seconds without a model coming up that fail a start; a longer load_timeout_s goes before."""
    exit_timeout_s: int = Field(10, ge=1, le=3600)
    """Seconds the embedded tritonserver may take to end before it is killed."""


class RepositorySettings(Section):
    """How drops into the embedded tritonserver's model repository are noticed."""

    settle_s: float = Field(2.0, ge=0.1, le=3600.0)
    """Seconds a dropped folder must be still, unless it is renamed in or carries checksums."""
    poll_s: float = Field(1.0, ge=0.05, le=3600.0)
    """Seconds between two looks at the repository; where the kernel notifies, looks come sooner."""


class StateSettings(Section):
    """Where Seawall keeps what outlives a process."""

    dir: Path = Path("var")
    """State directory."""
    database_url: DatabaseUrl = Field("", repr=False)
    """Where state is kept (also `SEAWALL_DATABASE_URL`); empty is SQLite in the directory."""


class WeightsSettings(Section):
    """Weights of the example models."""

    cache_dir: OptionalPath = None
    """Where fetched weights are kept; empty is the user's cache directory."""


class LogSettings(Section):
    """Logs, on stderr."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """Least severity that is written."""
    format: Literal["auto", "json", "console"] = "auto"
    """JSON lines, readable lines, or readable on a terminal only."""
    access: Literal["all", "failures", "none"] = "failures"
    """Which inference requests get a log line."""


class Settings(Section):
    """All settings."""

    gateway: GatewaySettings = GatewaySettings()
    identity: IdentitySettings = IdentitySettings()
    metrics: MetricsSettings = MetricsSettings()
    admin: AdminSettings = AdminSettings()
    quotas: QuotaSettings = QuotaSettings()
    triton: TritonSettings = TritonSettings()
    repository: RepositorySettings = RepositorySettings()
    webhooks: WebhookSettings = WebhookSettings()
    state: StateSettings = StateSettings()
    weights: WeightsSettings = WeightsSettings()
    log: LogSettings = LogSettings()

    def asks_for_identity(self) -> bool:
        """Whether the data plane asks for a token."""
        if self.identity.required == "auto":
            return not _is_loopback(parse_address(self.gateway.http).host)
        return self.identity.required == "always"


def load_settings(
    file: Path | None, environ: Mapping[str, str], flags: Mapping[str, Any] | None = None
) -> Settings:
    """Merge file, environment and flags (``section.key`` names); raises ConfigError."""
    faults: list[str] = []
    tree = _read_file(file) if file is not None else {}
    for name in sorted(environ, key=lambda name: name not in _ALIASES):  # so that these lose
        if name.startswith(_ENV_PREFIX):
            _put_environment(tree, name, environ[name], faults)
    for dotted, value in (flags or {}).items():
        if value is not None:
            section, key = dotted.split(".")
            _put(tree, section, key, value)
    try:
        settings = Settings.model_validate(tree)
    except ValidationError as error:
        faults += [_describe(fault) for fault in error.errors()]
    if faults:
        raise ConfigError("configuration cannot be used:\n" + "\n".join(f"  {f}" for f in faults))
    return settings


def environment_name(section: str, key: str) -> str:
    """Give the environment variable of a setting."""
    return f"{_ENV_PREFIX}{section}_{key}".upper()


def without_our_variables(environ: Mapping[str, str]) -> dict[str, str]:
    """Give the environment for children: they get settings by the launcher, and need no secrets."""
    return {name: text for name, text in environ.items() if not name.startswith(_ENV_PREFIX)}


def _read_file(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        message = f"configuration file '{file}' cannot be read: {error.strerror}"
        raise ConfigError(message) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        message = f"configuration file '{file}' is not TOML: {error}"
        raise ConfigError(message) from error


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _put_environment(tree: dict[str, Any], name: str, text: str, faults: list[str]) -> None:
    if name in _ALIASES:
        _put(tree, *_ALIASES[name], text)
        return
    for section, field in Settings.model_fields.items():
        known = field.annotation.model_fields if field.annotation else {}
        for key in known:
            if environment_name(section, key) == name:
                _put(tree, section, key, text)
                return
    faults.append(f"{name}: no such setting")


def _put(tree: dict[str, Any], section: str, key: str, value: object) -> None:
    values = tree.setdefault(section, {})
    if isinstance(values, dict):  # else the file is wrong there, which validation will say
        values[key] = value


def _describe(fault: Any) -> str:  # noqa: ANN401 - pydantic's own record of a fault
    key = ".".join(str(part) for part in fault["loc"])
    is_secret = not _SECRET.isdisjoint({key, fault["loc"][0]})
    got = "" if is_secret else f" (got {fault['input']!r})"
    return f"{key}: {fault['msg']}{got}"
