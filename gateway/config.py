"""gateway.yaml → frozen `Settings`, and the files that it names → rules and trackers.

The only place that reads configuration from disk and environment. The models mirror the YAML; every key has a default
but `routes[].upstream`. Unknown keys stop the start: a switch that is silently ignored fails open. Secrets are named
(`env:NAME`, `file:path`), never written inline, and never part of a message.
"""

from __future__ import annotations

import importlib.resources
import json
import os
import re
import secrets
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path, PurePath
from typing import Annotated, Any, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    PlainValidator,
    StrictBool,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from gateway import secret
from gateway.core.errors import UserError
from gateway.core.limits import Limits
from gateway.core.region import check_region, known_place
from gateway.core.yaml import (
    SIZE_LIMIT,
    FileErrors,
    Source,
    Strict,
    Table,
    Text,
    Texts,
    Where,
    choose,
    kind_of,
    one_line,
    parse,
    quoted,
    read_model,
)
from gateway.keyring import KeyRing, load_ring, read_ring
from gateway.policy.choice import Choice
from gateway.policy.consent import READERS, of_names
from gateway.policy.signals import OptOut
from gateway.policy.wording import Effects, Notices
from gateway.ruleset.keys import Keys
from gateway.ruleset.loading import load_rules
from gateway.ruleset.schema import Known, RuleFile
from gateway.secret import Secret
from gateway.trackers.loading import load_trackers
from gateway.trackers.schema import TrackerFile

FILE_NAME: Final = "gateway.yaml"
AUTO: Final = "auto"
KEY_SIZE: Final = 32
SHORTEST_SECRET: Final = 6  # characters: less is a port, a name, a number
_LIMITS: Final = Limits()

_UNITS: Final[Mapping[str, int]] = {"": 1, "B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}
_SECONDS: Final[Mapping[str, float]] = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_QUANTITY: Final = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,6})?) ?([A-Za-z]*)\Z", re.ASCII)
_PERCENT: Final = re.compile(r"(\d+(?:\.\d+)?)%\Z", re.ASCII)
_VARIABLE: Final = re.compile(r"\$\$\{|\$\{([^}]*)(\}?)")
_VARIABLE_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z", re.ASCII)
_HOST: Final = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)(?:\.(?!-)[a-z0-9-]{1,63}(?<!-))*\Z", re.ASCII)
_PATH: Final = re.compile(r"/(?:[A-Za-z0-9._~!$&'()*+,;=:@-]+/)*\Z", re.ASCII)
_COOKIE: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")  # RFC 6265 section 4.1.1: a token
_LANGUAGE: Final = re.compile(r"[a-z]{2,8}\Z", re.ASCII)
_LOOPBACK_NAMES: Final = frozenset({"localhost", "localhost."})

Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Address:
    """Where a listener binds. Port 0: any free one."""

    host: str
    port: int

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        return _is_loopback(self.host)

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a configuration is read in: the directory of relative paths, and the names of trackers."""

    base: Path = Path()
    trackers: frozenset[str] | None = None  # None: not checked


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host in _LOOPBACK_NAMES


def _address(value: Any) -> Address:
    if isinstance(value, Address):
        return value
    host, colon, port = value.rpartition(":") if isinstance(value, str) else ("", "", "")
    if not colon or not re.fullmatch(r"[0-9]{1,5}", port, re.ASCII) or int(port) > 65535:
        raise ValueError("an address and a port are wanted here, as in 0.0.0.0:8443 or [::1]:8443")
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    try:
        ip_address(bare)
    except ValueError:
        if bare not in _LOOPBACK_NAMES:
            raise ValueError(f"{quoted(host)} is no IP address: listen on one, or on localhost") from None
    if (":" in bare) is not host.startswith("["):
        raise ValueError("write an IPv6 address in brackets, as in [::1]:8443")
    return Address(bare, int(port))


def _size(value: Any) -> int:
    match = _QUANTITY.match(str(value)) if isinstance(value, (str, int)) and not isinstance(value, bool) else None
    if match is None or match[2] not in _UNITS:
        raise ValueError("a size is wanted here, as in 20MiB")
    return round(float(match[1]) * _UNITS[match[2]])


def _duration(value: Any) -> float:
    if isinstance(value, float):
        return value
    match = _QUANTITY.match(value) if isinstance(value, str) else None
    if match is None or match[2] not in _SECONDS:
        raise ValueError("a time with its unit is wanted here, as in 2s or 500ms")
    return float(match[1]) * _SECONDS[match[2]]


def age(text: str) -> float:
    """Seconds of an age such as `24h`, from a command line."""
    try:
        return _duration(text)
    except ValueError as error:
        raise UserError(str(error)) from None


def _count(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"a whole number is wanted here, not {kind_of(value)}")  # noqa: TRY004 - pydantic's
    return value


def _within[N: (int, float)](low: N, high: N, told: str) -> Callable[[N], N]:
    def check(value: N) -> N:
        if not low <= value <= high:
            raise ValueError(f"must be {told}")
        return value

    return check


def _share(value: Any) -> float:
    match = _PERCENT.match(value) if isinstance(value, str) else None
    if match is None or not 0 < float(match[1]) <= 100:
        raise ValueError("a share above 0% and up to 100% is wanted here, as in 1% or 0.1%")
    return float(match[1]) / 100


def _network(value: Any) -> Network:
    if isinstance(value, (IPv4Network, IPv6Network)):
        return value
    try:
        return ip_network(value if isinstance(value, str) else "")
    except ValueError as error:
        if isinstance(value, str) and "host bits" in str(error):
            meant = ip_network(value, strict=False)
            raise ValueError(f"{quoted(value)} is an address within a network: write {meant}") from None
        raise ValueError("a network is wanted here, as in 10.0.0.0/8") from None


def _switch(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if value not in {"on", "off"}:
        raise ValueError("on or off is wanted here")
    return bool(value == "on")


def _path(value: Any, info: ValidationInfo) -> Path | None:
    if value is None or isinstance(value, Path):
        return value
    if not isinstance(value, str) or not value.strip() or "\0" in value:
        raise ValueError("a file's path is wanted here")
    base = info.context.base if isinstance(info.context, Surroundings) else Path()
    return Path(base, value)


def _secret(value: Any, info: ValidationInfo) -> Secret:
    if isinstance(value, Secret):
        return value
    base = info.context.base if isinstance(info.context, Surroundings) else Path()
    if isinstance(value, Mapping):
        words = value.get("command")
        if set(value) != {"command"} or not isinstance(words, list) or not words:
            raise ValueError("a command is a list of words, as in {command: [vault, read, -field=key, secret/gateway]}")
        if not all(isinstance(word, str) and word and "\0" not in word for word in words):
            raise ValueError("each word of a command is a text: quote numbers")
        return Secret(command=tuple(words))
    found = secret.named(value, base) if isinstance(value, str) else None
    if found is None:
        raise ValueError("name where the secret is, as in env:NAME or file:path; never write it here")
    return found


def _upstream(value: str) -> str:
    """An https origin with an optional base path, without a slash at its end."""
    example = "as in https://eu.i.example.com"
    if not re.fullmatch(r"[!-~]+", value) or "\\" in value:
        raise ValueError(f"a URL without spaces or special characters is wanted here, {example}")
    try:
        parts = urlsplit(value)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise ValueError(f"{quoted(value)} is no URL: write one {example}") from None
    if parts.username is not None or parts.password is not None or "@" in parts.netloc:
        raise ValueError("a URL here must not hold credentials: remove everything before the @")
    if parts.query or parts.fragment or "?" in value or "#" in value:
        raise ValueError("a URL here must not hold a query or fragment: remove what follows ? or #")
    if parts.scheme not in {"https", "http"} or not host:
        raise ValueError(f"{quoted(value)} is no https:// URL: write one {example}")
    if parts.scheme == "http" and not _is_loopback(host):
        raise ValueError(f"{quoted(value)} would send in the clear: use https:// (http:// is for loopback addresses)")
    if port == 0 or parts.netloc.endswith(":") or not _is_host(host):
        raise ValueError(f"{quoted(parts.netloc)} is no host: write a URL {example}")
    if "//" in parts.path or {".", ".."} & set(parts.path.split("/")):
        raise ValueError("the path of a URL here must not hold //, . or ..")
    return f"{parts.scheme}://{parts.netloc.lower()}{parts.path}".rstrip("/")


def _proxy(value: str) -> str:
    """An http or https origin."""
    example = "as in http://proxy.example:3128"
    try:
        parts = urlsplit(value)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise ValueError(f"{quoted(value)} is no URL: write one {example}") from None
    if "@" in parts.netloc:
        raise ValueError("a URL here must not hold credentials: name them under `credentials`, as in env:NAME")
    if parts.scheme not in {"http", "https"} or not host or not _is_host(host) or port == 0:
        raise ValueError(f"{quoted(value)} is no proxy: write a URL {example}")
    if parts.path not in {"", "/"} or parts.query or parts.fragment:
        raise ValueError(f"a proxy has no path: write {parts.scheme}://{parts.netloc}")
    return f"{parts.scheme}://{parts.netloc.lower()}"


def _servers(value: Any) -> tuple[str, ...]:
    """URLs of NATS servers: one scheme, then hosts with ports, apart by commas."""
    example = "as in tls://10.0.0.1:4222,10.0.0.2:4222,10.0.0.3:4222"
    scheme, colon, rest = value.partition("://") if isinstance(value, str) else ("", "", "")
    if not colon or scheme not in {"tls", "nats"}:
        raise ValueError(f"addresses of NATS servers are wanted here, {example}")
    if "@" in rest:
        raise ValueError("a URL here must not hold credentials: write login: env:NATS_LOGIN")
    urls = []
    for one in rest.split(","):
        host, colon, port = one.strip().rpartition(":")
        if not colon:
            host, port = port, "4222"
        if not _is_host(host.strip("[]").lower()) or not (port.isdecimal() and 0 < int(port) < 65536):
            raise ValueError(f"{quoted(one.strip())} is no host with a port: write {example.removeprefix('as in ')}")
        if scheme == "nats" and not _is_loopback(host.strip("[]").lower()):
            raise ValueError(
                f"nats:// would send in the clear to {host}: use tls:// (nats:// is for loopback addresses)"
            )
        urls.append(f"{scheme}://{host}:{port}")
    return tuple(urls)


def _is_host(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return len(host) <= 253 and _HOST.match(host) is not None
    return True


def _host(value: str) -> str:
    host = value.lower()
    if host and not _is_host(host.strip("[]")):
        raise ValueError(f"{quoted(value)} is no host name: write it without scheme, port and path")
    return host


def _prefix(value: str) -> str:
    if not _PATH.match(value) or {".", ".."} & set(value.split("/")):
        begun = value if value.startswith("/") else f"/{value}"
        better = begun if begun.endswith("/") else f"{begun}/"
        hint = f"; did you mean {quoted(better)}?" if _PATH.match(better) and better != value else ""
        raise ValueError(f"{quoted(value)} is no path prefix: it begins and ends with /{hint}")
    return value


def _cookie(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if not _COOKIE.match(name):
            raise ValueError(f"{quoted(name)} is no cookie name")
    return names


def _digests(told: tuple[str, ...]) -> tuple[str, ...]:
    for digest in told:
        if not re.fullmatch(r"[0-9a-f]{12,64}", digest, re.ASCII):
            raise ValueError(f"{quoted(digest)} is no digest of rules: write what `gateway run` says at its start")
    return told


_TEXT: Final = WithJsonSchema({"type": "string"})
_TEXT_OR_NUMBER: Final = WithJsonSchema({"type": ["string", "integer"]})
Listen = Annotated[Address, PlainValidator(_address), PlainSerializer(str), _TEXT]
Size = Annotated[
    int, PlainValidator(_size), AfterValidator(_within(1024, 1 << 30, "from 1KiB to 1GiB")), _TEXT_OR_NUMBER
]
Duration = Annotated[float, PlainValidator(_duration), AfterValidator(_within(0.01, 60.0, "from 10ms to 60s")), _TEXT]
Room = Annotated[
    int, PlainValidator(_size), AfterValidator(_within(1 << 16, 1 << 40, "from 64KiB to 1TiB")), _TEXT_OR_NUMBER
]
Age = Annotated[float, PlainValidator(_duration), AfterValidator(_within(1.0, 90 * 86400.0, "from 1s to 90d")), _TEXT]
Share = Annotated[float, PlainValidator(_share), PlainSerializer(lambda share: f"{share * 100:.12g}%"), _TEXT]
Idle = Annotated[float, PlainValidator(_duration), AfterValidator(_within(60.0, 86400.0, "from 1m to 24h")), _TEXT]
Many = Annotated[int, BeforeValidator(_count), AfterValidator(_within(1, 100_000_000, "from 1 to 100000000"))]
Layers = Annotated[int, BeforeValidator(_count), AfterValidator(_within(1, 64, "from 1 to 64"))]
Depth = Annotated[int, BeforeValidator(_count), AfterValidator(_within(8, 1024, "from 8 to 1024"))]
Workers = Annotated[int, BeforeValidator(_count), AfterValidator(_within(1, 64, "from 1 to 64"))]
Connections = Annotated[int, BeforeValidator(_count), AfterValidator(_within(8, 1_000_000, "from 8 to 1000000"))]
NetworkText = Annotated[Network, PlainValidator(_network), PlainSerializer(str), _TEXT]
Switch = Annotated[bool, PlainValidator(_switch), WithJsonSchema({"enum": ["on", "off", True, False]})]
FilePath = Annotated[Path, PlainValidator(_path), PlainSerializer(str), _TEXT]
MaybeFile = Annotated[
    Path | None, PlainValidator(_path), PlainSerializer(str), WithJsonSchema({"type": ["string", "null"]})
]
_SECRET: Final = {
    "anyOf": [
        {"type": "string", "pattern": "^(env|file):"},
        {
            "type": "object",
            "properties": {"command": {"type": "array", "items": {"type": "string"}, "minItems": 1}},
            "required": ["command"],
            "additionalProperties": False,
        },
    ]
}
SecretName = Annotated[Secret, PlainValidator(_secret), PlainSerializer(str), WithJsonSchema(_SECRET)]
MaybeSecret = Annotated[
    Secret | None,
    PlainValidator(lambda value, info: None if value is None else _secret(value, info)),
    PlainSerializer(str),
    WithJsonSchema({"anyOf": [*_SECRET["anyOf"], {"type": "null"}]}),
]


class TlsSettings(Strict):
    """How the listener speaks. `client_ca`: a file turns on mutual TLS."""

    mode: Literal["serve", "behind_proxy", "off"] = "serve"
    certificate: FilePath = Field(default="certs/gateway.pem", validate_default=True)  # type: ignore[assignment]
    key: FilePath = Field(default="certs/gateway.key", validate_default=True)  # type: ignore[assignment]
    minimum: Literal["TLSv1.2", "TLSv1.3"] = "TLSv1.2"
    client_ca: MaybeFile = None
    redirect_http: Listen | None = None

    @model_validator(mode="after")
    def _serve_what_is_asked(self) -> Self:
        if self.mode != "serve":
            for name in ("client_ca", "redirect_http"):
                if getattr(self, name) is not None:
                    raise ValueError(f"{name} needs mode: serve (here it would do nothing)")
        return self


class LimitSettings(Strict):
    """How much one request may cost, and how many connections an address may have open."""

    body: Size = _LIMITS.body
    decoded: Size = _LIMITS.decoded
    layers: Layers = _LIMITS.layers
    depth: Depth = _LIMITS.depth
    time: Duration = _LIMITS.time
    connections: Connections = 1000

    def as_limits(self) -> Limits:
        """What the pipeline takes."""
        return Limits(self.body, self.decoded, self.layers, self.depth, self.time)


class SessionSettings(Strict):
    """How much of visitors' sessions a route keeps in memory; past it, the least recently used go first."""

    most: Many = 10_000
    nodes: Many = 5_000_000  # of recorded pages
    secrets: Many = 2_000_000  # fingerprints
    idle: Idle = 3600.0


class EgressSettings(Strict):
    """The HTTP proxy through which backends are reached. Nothing is taken from HTTP_PROXY and the like."""

    url: Annotated[Text, AfterValidator(_proxy)]
    credentials: MaybeSecret = None  # user:password


class ConsoleTls(Strict):
    """The console's certificate."""

    certificate: FilePath
    key: FilePath


class ConsoleSettings(Strict):
    """Where the process shows itself: /live, /ready, /metrics; with a key, pages and an API behind accounts.

    `hosts`: names by which browsers may call it, besides addresses of this machine. `idle`, `longest`: a log-in's life.
    """

    listen: Listen
    tls: ConsoleTls | None = None
    hosts: tuple[Annotated[Text, AfterValidator(_host)], ...] = ()
    path: FilePath = Field(default="var/console.db", validate_default=True)  # type: ignore[assignment]  # as YAML has it
    key: SecretName | None = None
    debug: StrictBool = False  # keeps requests as they came, in memory, to be looked at
    idle: Age = 1800.0
    longest: Age = 12 * 3600.0
    where: Where = ""

    @model_validator(mode="after")
    def _show_nothing_to_strangers(self) -> Self:
        if not self.listen.is_loopback:
            if self.tls is None:
                raise ValueError(
                    f"the console would speak in the clear on {self.listen}: add `tls: {{certificate: …, key: …}}`, or "
                    "listen on a loopback address, as in 127.0.0.1:9090"
                )
            if self.key is None:
                raise ValueError(
                    f"the console on {self.listen} needs accounts: add `key: env:GATEWAY_CONSOLE_KEY`, or listen on a "
                    "loopback address, as in 127.0.0.1:9090"
                )
        return self


class RouteSettings(Strict):
    """A host and/or path prefix in front of one backend."""

    name: str = ""
    host: Annotated[str, AfterValidator(_host)] = ""
    path: Annotated[Text, AfterValidator(_prefix)] = "/"
    tracker: Texts = (AUTO,)
    upstream: Annotated[Text, AfterValidator(_upstream)]
    upstream_ca: MaybeFile = None
    egress_proxy: EgressSettings | None = None  # null: none, whatever is said for all routes
    unreadable: Literal["refuse", "quarantine"] = "refuse"
    unrecognised: Literal["mask_all", "detect", "refuse"] = "detect"
    delivery: Literal["inline", "queued"] = "inline"
    record: Switch = True
    where: Where = ""

    @field_validator("tracker")
    @classmethod
    def _know_trackers(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if value == (AUTO,):
            return value
        if not value:
            raise ValueError("name a tracker, or write auto")
        if AUTO in value:
            raise ValueError("auto stands alone: it tries every tracker")
        trackers = info.context.trackers if isinstance(info.context, Surroundings) else None
        for name in value if trackers is not None else ():
            choose(name, [*_selectable(trackers or ()), AUTO], "tracker")
        return value

    @property
    def label(self) -> str:
        """Its name, or what it stands in front of."""
        return self.name or f"{self.host}{self.path}"

    @property
    def is_local(self) -> bool:
        """Whether its backend is on this machine: never behind a proxy."""
        return _is_loopback(urlsplit(self.upstream).hostname or "")

    @property
    def is_auto(self) -> bool:
        """Whether every tracker is tried."""
        return self.tracker == (AUTO,)


def _selectable(trackers: Iterable[str]) -> list[str]:
    return [name for name in trackers if not name.startswith("_")]


class OptOutSettings(Strict):
    """What counts as a visitor's no, and the page where it is said: files of your own, or the packaged ones."""

    cookies: Annotated[Texts, AfterValidator(_cookie)] = ("gateway_opt_out",)
    gpc: StrictBool = True
    dnt: StrictBool = True
    page: MaybeFile = None
    texts: MaybeFile = None


class OptOutWords(Strict):
    """The opt-out page in one language."""

    title: Text
    on: Text
    off: Text
    gpc: Text
    dnt: Text
    mobile: Text
    record_off: Text
    no_consent: Text
    consent_refused: Text
    refuse: Text
    allow: Text
    cookie: Text


class OptOutTexts(Strict):
    """rules/visitors/opt_out.yaml."""

    languages: Mapping[Text, OptOutWords]

    @field_validator("languages")
    @classmethod
    def _name_languages(cls, value: Mapping[str, OptOutWords]) -> Mapping[str, OptOutWords]:
        for language in value:
            if not _LANGUAGE.match(language):
                raise ValueError(f"{quoted(language)} is no language: write the code, as in en or de")
        if not value:
            raise ValueError("at least one language is wanted here")
        return value


def _consent_tools(value: tuple[str, ...]) -> tuple[str, ...]:
    of_names(value)
    return value


def _field_name(value: str) -> str:
    if value and not _COOKIE.match(value):
        raise ValueError(f"{quoted(value)} is no header name")
    return value


class ConsentSettings(Strict):
    """Where consent is required before anything is recorded, and where it is read."""

    required_in: Annotated[Texts, AfterValidator(lambda names: tuple(check_region(name) for name in names))] = (
        "gdpr",
        "uk",
        "ch",
    )
    cookies: Annotated[Texts, AfterValidator(_consent_tools)] = tuple(READERS)
    tcf_purposes: tuple[
        Annotated[int, BeforeValidator(_count), AfterValidator(_within(1, 24, "from 1 to 24"))], ...
    ] = (1, 8)


class RegionSettings(Strict):
    """How a visitor's country is found. Headers count from `trusted_proxies` only."""

    header: Annotated[str, AfterValidator(_field_name)] = ""
    state_header: Annotated[str, AfterValidator(_field_name)] = ""
    database: MaybeFile = None  # of MaxMind's format; the embedded one unless told
    unknown: str = "strictest"

    @field_validator("unknown")
    @classmethod
    def _be_somewhere(cls, value: str) -> str:
        if value != "strictest" and known_place(value) != value:
            raise ValueError(f"{quoted(value)} is no country: write strictest, or a code such as US or US-CA")
        return value


class VisitorSettings(Strict):
    """Who is recorded at all."""

    opt_out: OptOutSettings = OptOutSettings()
    consent: ConsentSettings | None = None
    region: RegionSettings = RegionSettings()


class PseudonymSettings(Strict):
    """When pseudonyms change, and whether two sites share them. A session keeps those it began with."""

    rotate: Literal["never", "daily", "weekly"] = "never"
    per_site: Switch = False


class QuarantineSettings(Strict):
    """Where a route says `unreadable: quarantine`: how long and how much of what could not be read is kept, sealed."""

    keep: Age = 86400.0
    limit: Room = 256 << 20


class SpoolSettings(Strict):
    """Where accepted events wait for a backend that is down. `revoked`: digests of programs, at least 12 digits of each."""

    path: FilePath = Field(default="var/spool.db", validate_default=True)  # type: ignore[assignment]
    key: SecretName = Field(default="env:GATEWAY_KEY", validate_default=True)  # type: ignore[assignment]
    limit: Room = 2 << 30
    keep: Age = 72 * 3600.0
    revoked: Annotated[Texts, AfterValidator(_digests)] = ()
    quarantine: QuarantineSettings = QuarantineSettings()
    where: Where = ""


class BackupSettings(Strict):
    """Encrypted copies of state. `keep`: how many."""

    folder: FilePath = Field(default="var/backup", validate_default=True)  # type: ignore[assignment]
    key: SecretName = Field(default="env:GATEWAY_BACKUP_KEY", validate_default=True)  # type: ignore[assignment]
    daily: Switch = True
    keep: Annotated[int, BeforeValidator(_count), AfterValidator(_within(1, 1000, "from 1 to 1000"))] = 14


class ClusterSettings(Strict):
    """The NATS servers that several gateways share: `servers` alone may stand in the place of this mapping.

    `login` names where `user:password` or a token is. Off loopback the servers are spoken to by TLS.
    """

    servers: Annotated[tuple[str, ...], PlainValidator(_servers), _TEXT]
    replicas: Annotated[int, BeforeValidator(_count), AfterValidator(_within(1, 5, "from 1 to 5"))] = 3
    login: SecretName | None = None
    ca: MaybeFile = None
    certificate: MaybeFile = None
    key: MaybeFile = None
    where: Where = ""

    @model_validator(mode="after")
    def _be_whole(self) -> Self:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate and key belong together: name both, or none")
        return self


class MonitorSettings(Strict):
    """A second reading of what leaves. `sample`: the share of requests; `learn`: how long all fields are taken as known."""

    sample: Share = Field(default="1%", validate_default=True)  # type: ignore[assignment]  # as YAML has it
    learn: Age = 3600.0
    where: Where = ""


class TracingSettings(Strict):
    """Where traces go: a collector's URL for OTLP over HTTP. `sample`: the share of requests that are traced."""

    endpoint: Annotated[Text, AfterValidator(_upstream)]
    sample: Share = Field(default="100%", validate_default=True)  # type: ignore[assignment]  # as YAML has it
    where: Where = ""


class Settings(Strict):
    """gateway.yaml."""

    listen: Listen = Address("0.0.0.0", 8443)  # noqa: S104 - the contract's default, TLS only
    tls: TlsSettings = Field(default={}, validate_default=True)  # type: ignore[assignment]
    trusted_proxies: tuple[NetworkText, ...] = ()
    limits: LimitSettings = LimitSettings()
    sessions: SessionSettings = SessionSettings()
    egress_proxy: EgressSettings | None = None
    routes: tuple[RouteSettings, ...]
    rules: Texts = ("default",)
    trackers: tuple[FilePath, ...] = ()  # files beside the packaged ones
    visitors: VisitorSettings = VisitorSettings()
    spool: SpoolSettings | None = None
    console: ConsoleSettings | None = None
    cluster: Annotated[
        ClusterSettings | None, BeforeValidator(lambda value: {"servers": value} if isinstance(value, str) else value)
    ] = Field(default=None, json_schema_extra={"type": ["string", "object", "null"]})
    monitor: Annotated[
        MonitorSettings | None,
        BeforeValidator(lambda value: {"on": {}, "off": None}.get(value, value) if isinstance(value, str) else value),
    ] = Field(default=None, json_schema_extra={"type": ["string", "object", "null"]})
    tracing: TracingSettings | None = None
    workers: Workers = 1
    masking_key: SecretName = Field(default="file:var/masking.key", validate_default=True)  # type: ignore[assignment]
    pseudonyms: PseudonymSettings = PseudonymSettings()
    backup: BackupSettings | None = None
    encryption_keys: Annotated[Path, PlainValidator(_path), WithJsonSchema({"type": "string"})] = Field(
        default="var/encryption-keys.json", validate_default=True
    )  # type: ignore[assignment]
    where: Where = ""

    @field_validator("routes")
    @classmethod
    def _lead_somewhere_once(cls, value: tuple[RouteSettings, ...]) -> tuple[RouteSettings, ...]:
        if not value:
            raise ValueError("at least one route is wanted here")
        for attribute in ("label", "host and path"):
            seen: dict[object, str] = {}
            for route in value:
                key = route.label if attribute == "label" else (route.host, route.path)
                if key in seen:
                    lines = " and ".join(where.rpartition(":")[2] for where in (seen[key], route.where))
                    raise ValueError(f"two routes have the same {attribute.replace('label', 'name')}, on lines {lines}")
                seen[key] = route.where
        return value

    @model_validator(mode="after")
    def _keep_what_is_to_be_kept(self) -> Self:
        for route in self.routes if self.spool is None else ():
            for key, word in (("delivery", "queued"), ("unreadable", "quarantine")):
                if getattr(route, key) == word:
                    line = route.where.rpartition(":")[2]
                    raise ValueError(
                        f"{key}: {word} (line {line}) needs a spool: add `spool: {{key: env:GATEWAY_KEY}}`"
                    )
        if self.cluster is not None and self.spool is None:
            raise ValueError("cluster seals what it shares with the spool's key: add `spool: {key: env:GATEWAY_KEY}`")
        return self

    @model_validator(mode="after")
    def _say_nothing_in_the_clear(self) -> Self:
        if self.tls.mode == "off" and not self.listen.is_loopback:
            raise ValueError("tls: mode off is for loopback addresses: listen on 127.0.0.1, or write mode: serve")
        if self.tls.mode == "behind_proxy" and not self.trusted_proxies:
            raise ValueError("tls: mode behind_proxy needs trusted_proxies: name the network of the proxy in front")
        if self.visitors.region.header and not self.trusted_proxies:
            raise ValueError(
                "visitors.region.header counts from trusted_proxies only: name the network of the proxy in front"
            )
        return self


@dataclass(frozen=True, slots=True)
class Configuration:
    """Everything that a start or a reload needs. `files`: all that were read, for whoever watches them."""

    settings: Settings
    rules: tuple[RuleFile, ...]
    trackers: Mapping[str, TrackerFile]
    choice: Choice
    files: tuple[Path, ...]


def read_text(path: PurePath) -> str:
    """A file's text, or a UserError that says what to do. Reads no more than a configuration may hold."""
    try:
        with Path(path).open("rb") as file:
            data = file.read(SIZE_LIMIT + 1)
    except FileNotFoundError:
        raise UserError("no such file: create it, or correct the path", str(path)) from None
    except OSError as error:
        raise UserError(f"can't be read: {(error.strerror or 'unreadable').lower()}", str(path)) from None
    if len(data) > SIZE_LIMIT:
        raise UserError(f"larger than {SIZE_LIMIT // 1024 // 1024} MiB: split the file", str(path))
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UserError("not valid UTF-8: save the file as UTF-8", f"{path}:{line}") from None


@cache
def rules_directory() -> Path:
    """Where the packaged rules are: inside an installed wheel, or beside the package in a source tree."""
    package = Path(str(importlib.resources.files("gateway")))
    for candidate in (package / "_rules", package.parent / "rules"):
        if candidate.is_dir():
            return candidate
    raise UserError("the packaged rules are missing: install the gateway again", str(package))


def built_in_rules() -> dict[str, PurePath]:
    """The rule files that a name without .yaml means: `default`, `profiles/strict` …"""
    root = rules_directory()
    found = sorted([*root.glob("*.yaml"), *root.glob("profiles/*.yaml")])
    return {path.relative_to(root).with_suffix("").as_posix(): path for path in found}


def tracker_paths() -> list[Path]:
    """The packaged tracker files."""
    return sorted(rules_directory().glob("trackers/*.yaml"))


def known_names(trackers: Iterable[str] = ()) -> Known:
    """What rule files may name: the operators and detectors of this version, and these trackers."""
    from gateway import detectors, operators  # noqa: PLC0415 - `check --help` needs neither

    return Known(
        operators={one.name: one for one in operators.OPERATORS},
        detectors=tuple(one.name for one in detectors.DETECTORS),
        trackers=tuple(_selectable(trackers)),
    )


def substitute(text: str, environ: Mapping[str, str]) -> str:
    """`text` with each `${NAME}` replaced; `$${` stays a plain `${`. ValueError for a variable that isn't set."""

    def value(match: re.Match[str]) -> str:
        if match[0] == "$${":
            return "${"
        name, closed = match[1], match[2]
        if not closed or not _VARIABLE_NAME.match(name):
            raise ValueError("${ begins a variable, as in ${NAME}; write $${ for the characters themselves")
        if name not in environ:
            raise ValueError(f"the environment variable {name} is not set: set it, or write the value here")
        return environ[name]

    return _VARIABLE.sub(value, text)


def load_source(path: Path, environ: Mapping[str, str] | None = None) -> Source:
    """gateway.yaml, parsed, with its variables filled in."""
    variables = os.environ if environ is None else environ
    return parse(read_text(path), str(path), lambda text: substitute(text, variables))


@contextmanager
def _untold(path: Path, environ: Mapping[str, str] | None) -> Iterator[None]:
    """What the environment filled in stands in no message: its variable's name does."""
    try:
        yield
    except FileErrors as errors:
        raise FileErrors(tuple(_by_name(one, path, environ) for one in errors.each)) from None
    except UserError as error:
        raise _by_name(error, path, environ) from None


def _by_name(error: UserError, path: Path, environ: Mapping[str, str] | None) -> UserError:
    variables = os.environ if environ is None else environ
    try:
        names = {match[1] for match in _VARIABLE.finditer(read_text(path)) if match[1]}
    except UserError:
        return error
    message, where = error.message, error.where
    for name in sorted(names, key=lambda one: -len(variables.get(one, ""))):
        value = one_line(variables.get(name, ""))
        if len(value) < SHORTEST_SECRET:
            continue
        message, where = (text.replace(value, f"${{{name}}}") for text in (message, where))
        for end in range(len(value) - 1, 2, -1):  # cut in a quotation
            message = message.replace(f"{value[:end]}…", f"${{{name}}}…")
    return UserError(message, where)


def load_settings(
    path: Path, environ: Mapping[str, str] | None = None, trackers: Iterable[str] | None = None
) -> Settings:
    """gateway.yaml as `Settings`. Relative paths in it are relative to the file.

    `trackers`: the names that there are without the file's own; the packaged ones unless told.
    """
    with _untold(path, environ):
        source = load_source(path, environ)
        names = trackers if trackers is not None else (one.stem for one in tracker_paths())
        return read_model(source, Settings, Surroundings(path.parent, frozenset([*names, *_own_names(source)])))


def _own_names(source: Source) -> list[str]:
    """The names of the tracker files that a configuration lists; what is wrong there is said where it is read."""
    listed = source.data.get("trackers") if isinstance(source.data, Table) else None
    return [PurePath(one).stem for one in listed if isinstance(one, str)] if isinstance(listed, list) else []


def load(path: Path, environ: Mapping[str, str] | None = None, trackers: Sequence[Path] = ()) -> Configuration:
    """gateway.yaml and everything that it names, checked together; the first mistake is a UserError.

    `trackers`: files beside those that it names.
    """
    read: list[Path] = [path]

    def reader(one: PurePath) -> str:
        read.append(Path(one))
        return read_text(one)

    beside = [one.stem for one in (*tracker_paths(), *trackers)]
    settings = load_settings(path, environ, beside)
    with _untold(path, environ):
        found = load_trackers([*tracker_paths(), *settings.trackers, *trackers], reader)
        known = known_names(found)
        rules = load_rules(settings.rules, path.parent, built_in_rules(), reader, known, where=settings.where)
        choice = _choice(settings.visitors.opt_out, reader)
        check_consent(rules, asked=settings.visitors.consent is not None)
    return Configuration(settings, rules, found, choice, tuple(read))


def check_consent(rules: Iterable[RuleFile], *, asked: bool) -> None:
    """UserError where rules speak of visitors without consent, and nobody is asked for it."""
    unasked = [one.where for file in rules for one in file.visitors if one.when.consent is not None]
    if unasked and not asked:
        raise UserError("consent: none means nobody: say in visitors.consent where consent is required", unasked[0])


def _choice(settings: OptOutSettings, reader: Callable[[PurePath], str]) -> Choice:
    """The opt-out page with its words; UserError where a file of it is wrong."""
    packaged = rules_directory() / "visitors"
    page, words = settings.page or packaged / "opt_out.html", settings.texts or packaged / "opt_out.yaml"
    texts = read_model(parse(reader(words), str(words)), OptOutTexts, Surroundings())
    each = {language: told.model_dump(exclude={"where"}) for language, told in texts.languages.items()}
    try:
        return Choice(reader(page), each, OptOut(settings.cookies, settings.gpc, settings.dnt))
    except ValueError as error:
        raise UserError(f"is no page: {error}", str(page)) from None


def masking_keys(settings: Settings, environ: Mapping[str, str] | None = None) -> KeyRing:
    """The keys that pseudonyms are made with. A missing file is created with one, readable by its owner alone.

    Whoever changes the oldest key makes every visitor a new one; whoever has a key can test whose pseudonym one is.
    """
    told = settings.masking_key
    if told.file is not None and not told.file.exists():
        _create_key(told.file)
    text = secret.read(told, "masking_key", environ, settings.where, forbidden=secret.OTHERS_WRITE)
    return read_ring(text, str(told))


def backup_key(settings: BackupSettings, environ: Mapping[str, str] | None = None) -> bytes:
    """The 32 bytes that backups are sealed with. Never made here: a key that only this machine has saves nothing."""
    return key_of(settings.key, "backup.key", environ)


def secret_of(text: str, base: Path) -> Secret:
    """A secret's name as an option gives it (`env:NAME`, `file:path`); UserError where it is none."""
    found = secret.named(text, base)
    if found is None:
        raise UserError(f"{quoted(text)} names no secret: write env:NAME or file:path")
    return found


def key_of(told: Secret, what: str, environ: Mapping[str, str] | None, where: str = "") -> bytes:
    """The key of 64 hexadecimal digits that a secret's name leads to; UserError where there is none."""
    text = secret.read(told, what, environ, where, forbidden=secret.OTHERS_WRITE).strip()
    if not re.fullmatch(r"[0-9A-Fa-f]{64}", text, re.ASCII):
        raise UserError(f"the {what.replace('_', ' ')} must be 64 hexadecimal digits (openssl rand -hex 32)", str(told))
    return bytes.fromhex(text)


def state_files(configuration: Configuration) -> list[Path]:
    """What a backup holds: the files that can't be made again. Some may not be there yet."""
    settings = configuration.settings
    keys = [settings.masking_key.file] if settings.masking_key.file is not None else []
    if settings.spool is not None:  # what is quarantined is wiped after its time, and in no copy
        keys += [settings.spool.path, *([settings.spool.key.file] if settings.spool.key.file is not None else [])]
    if settings.console is not None and settings.console.key is not None:
        keys += [settings.console.path, *([settings.console.key.file] if settings.console.key.file is not None else [])]
    packaged = rules_directory()
    own = [path for path in configuration.files if not path.is_relative_to(packaged)]
    return list(dict.fromkeys([*own, *keys, settings.encryption_keys]))


def proxy_credentials(settings: EgressSettings, environ: Mapping[str, str] | None = None) -> str:
    """The `user:password` for a proxy; empty where it wants none."""
    told = settings.credentials
    if told is None:
        return ""
    text = secret.read(told, "egress_proxy", environ).strip()
    if ":" not in text or not text.isprintable():
        raise UserError("egress_proxy: credentials must be user:password on one line", str(told))
    return text


def seals(rules: Sequence[RuleFile]) -> bool:
    """Whether a rule says `encrypt`."""
    specs = [rule.operator for file in rules for rule in file.mask]
    records = [told for file in rules for told in (file.record, *(one.record for one in file.visitors))]
    specs += [spec for told in records for spec in told.operators.values()]
    return any(spec.name == "encrypt" for spec in specs)


def keys_of(configuration: Configuration, ring: KeyRing) -> Keys:
    """The keys that programs run with; the key ring is read only where a rule seals, and must be there then."""
    settings = configuration.settings
    sealing = load_ring(settings.encryption_keys).sealing if seals(configuration.rules) else None
    oldest, *rest = ring.keys
    return Keys(
        ring.oldest,
        sealing,
        settings.pseudonyms.rotate,
        settings.pseudonyms.per_site,
        active="" if ring.active == oldest else ring.active,
        later={name: ring.keys[name] for name in rest},
    )


def _create_key(path: Path) -> None:
    """Writes a new key beside `path` and links it into place: whoever comes second finds the first one's, whole."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".masking-key-")  # mode 0600
        try:
            with os.fdopen(handle, "w") as file:
                file.write(secrets.token_hex(KEY_SIZE) + "\n")
                file.flush()
                os.fsync(file.fileno())
            os.link(name, path)
        except FileExistsError:
            pass
        finally:
            Path(name).unlink()
    except OSError as error:
        raise UserError(f"can't create the masking key: {(error.strerror or 'failed').lower()}", str(path)) from None


SCHEMAS: Final[Mapping[str, type[Strict]]] = {
    "gateway": Settings,
    "rules": RuleFile,
    "tracker": TrackerFile,
    "opt_out": OptOutTexts,
    "effects": Effects,
    "notice": Notices,
}


def schema_text(name: str) -> str:
    """The JSON Schema of one kind of file, for editors."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **SCHEMAS[name].model_json_schema()}
    return json.dumps(schema, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def write_schemas(directory: Path) -> None:
    """Writes every file kind's schema into `directory`."""
    for name in SCHEMAS:
        (directory / f"{name}.schema.json").write_text(schema_text(name), encoding="utf-8")
