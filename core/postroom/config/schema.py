"""The sections of ``config.yaml``, each setting with its type, default and meaning; the reference in docs/ is made from this."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from datetime import tzinfo
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BeforeValidator, Field, PrivateAttr

from .addresses import HostName, ListenAddress, NameServer
from .reports import ReportSettings
from .section import Location, Section
from .senders import SenderSettings
from .sending import ScheduleSettings, SurgeSettings, TimeZone
from .time_zone import of_system
from .types import (
    ConfigPath,
    DatabaseUrl,
    Duration,
    ExistingFile,
    ExistingFolder,
    FolderName,
    Name,
    Network,
    Retention,
    RetrySchedule,
    Size,
    Sources,
    SystemUser,
    Workers,
    parse_schedule,
    processors,
    text_of,
)

Encryption = Literal["none", "starttls", "starttls-required", "tls"]
Part = TypeVar("Part", bound=Section)


class ServerSettings(Section):
    """The machine and its processes."""

    hostname: HostName = Field("mail.example.test", description="The name in banners, HELO and Message-ID; others should resolve it.")
    data_dir: ConfigPath = Field(
        Path("data"), validate_default=True, description="Database, keys and self-signed certificate; relative to this file."
    )
    workers: Workers = Field(
        default_factory=processors, description="Worker processes; auto is one for each CPU.", json_schema_extra={"default": "auto"}
    )
    run_as: SystemUser | None = Field(None, description="user[:group] to become after the ports are open.")
    hook_deadline: Duration = Field(10.0, description="How long one plugin may think about one hook call.")
    drain: Duration = Field(3600.0, description="How long open sessions may go on after a reload.")
    stop_timeout: Duration = Field(10.0, description="How long open sessions and deliveries may go on after a stop has begun.")
    time_zone: TimeZone | None = Field(None, description="Of the times in the schedule, such as Europe/Berlin; null takes the system's.")

    @property
    def zone(self) -> tzinfo:
        """The time zone of schedules."""
        return self.time_zone or of_system()

    @property
    def run_dir(self) -> Path:
        """Where sockets between the processes live."""
        return self.data_dir / "run"


class DatabaseSettings(Section):
    """Where mail and state are kept."""

    url: DatabaseUrl = Field(
        "sqlite:///./data/postroom.db",
        description="sqlite:///PATH (relative to this file) or postgresql://user:password@host:5432/name; several hosts allowed.",
        repr=False,  # it may hold a password
    )
    pool: int = Field(20, ge=1, le=1000, description="Connections of each worker at most (PostgreSQL).")


class FolderSettings(Section):
    """One folder of every new account."""

    name: FolderName = Field(description="Its path, with / between the levels.")
    use: Literal["drafts", "sent", "junk", "trash", "archive"] | None = Field(
        None, description="What mail clients use it for (RFC 6154 special use); null is an ordinary folder."
    )

    @property
    def special(self) -> str:
        """The attribute that stands for the use, '' for an ordinary folder."""
        return f"\\{self.use.capitalize()}" if self.use else ""


class StoreSettings(Section):
    """How mail is kept in mailboxes."""

    keep_deleted: Retention = Field(
        72 * 3600.0, description="How long deleted messages can be had back (`postroom user undelete`); 0s: not at all."
    )
    folders: list[FolderSettings] = Field(
        [FolderSettings(name=use.capitalize(), use=use) for use in ("drafts", "sent", "junk", "trash", "archive")],
        description="Folders of a new account beside INBOX. Quarantined mail goes to Junk, which is made when it is missing.",
    )

    def checks(self) -> Iterator[tuple[Location, str]]:
        """Each name once, each use once, and INBOX is there anyway."""
        seen: dict[tuple[str, str], str] = {}
        for index, folder in enumerate(self.folders):
            if folder.name.lower() == "inbox":
                yield ("folders", index, "name"), "every account has INBOX anyway"
            for key, value in (("name", folder.name), ("use", folder.use or "")):
                first = seen.setdefault((key, value.lower()), f"folders[{index}]")
                if value and first != f"folders[{index}]":
                    yield ("folders", index, key), f"{value} is the {key} of two folders (first at {first})"

    @property
    def new_folders(self) -> dict[str, str]:
        """The folders of a new account with their special uses."""
        return {"INBOX": ""} | {folder.name: folder.special for folder in self.folders}


class SniSettings(Section):
    """A further certificate, for clients that ask for this name."""

    name: str = Field(description="Host name, or *.domain.")
    certificate: ExistingFile = Field(description="PEM file, the whole chain.")
    key: ExistingFile = Field(description="PEM file of the private key.")


class TlsSettings(Section):
    """The server's certificates."""

    certificate: ExistingFile | None = Field(None, description="PEM file, the whole chain; null makes a self-signed one in data_dir.")
    key: ExistingFile | None = Field(None, description="PEM file of the private key.")
    sni: list[SniSettings] = Field([], description="More certificates, chosen by the name that the client asks for.")

    def checks(self) -> Iterator[tuple[Location, str]]:
        """A certificate needs its key, and the other way round."""
        if (self.certificate is None) != (self.key is None):
            there, missing = ("key", "certificate") if self.certificate is None else ("certificate", "key")
            yield (there,), f"{missing} is needed as well (or leave out both for a self-signed certificate)"


class DomainSettings(Section):
    """Whose mail this server keeps."""

    default: HostName = Field("example.test", description="Completes bare names; the sender domain of automatic mail.")
    local: list[Annotated[str, Field(min_length=1, max_length=320)]] = Field(
        ["example.test"], description="Domains of this server; *.domain and single addresses are allowed."
    )


class AccessRule(Section):
    """One access rule; the first that matches decides, and without a match access is denied."""

    allow: Sources | None = Field(None, description="loopback, local_networks, routers, any, an IP address, a network, or a list of these.")
    deny: Sources | None = Field(None, description="The same, for those who are kept out.")
    no_auth: bool = Field(False, description="May send anywhere without a login, where the service says auth: optional.")
    users: list[str] = Field([], description="Only these users may log in from there; empty means all.")

    def checks(self) -> Iterator[tuple[Location, str]]:
        """Exactly one of allow and deny, and nothing beside it that would not hold."""
        if (self.allow is None) == (self.deny is None):
            yield (), "exactly one of allow and deny is expected"
        elif self.deny is not None:
            for key, value in (("no_auth", self.no_auth), ("users", self.users)):
                if value:
                    yield (key,), "goes with allow, not with deny"
        elif self.no_auth and self.users:
            yield ("users",), "not together with no_auth, which lets everybody send from there without a login"


class DnsSettings(Section):
    """Name resolution."""

    servers: list[NameServer] | None = Field(None, description="Addresses of DNS servers, ip or ip:port; null takes the system's.")
    cache_size: int = Field(10_000, ge=100, description="Answers of the DNS that a worker keeps until they expire.")
    trust_ad: Literal["auto", True, False] = Field(
        "auto",
        description="Whether a server's word that it has validated an answer by DNSSEC is believed, which DANE needs. auto: of servers on "
        "this machine, and where /etc/resolv.conf says trust-ad; true: of all, if nobody on the way to them can forge answers.",
    )


class LuaSettings(Section):
    """The scripts at the Lua hook points."""

    directory: ConfigPath = Field(Path("lua_scripts"), validate_default=True, description="Where the scripts are.")
    version: Annotated[Literal["5.1", "5.2", "5.3", "5.4"], BeforeValidator(text_of)] = Field("5.2", description="The language.")
    max_memory: Size = Field(16 << 20, description="Memory of one script at most.")
    max_instructions: int = Field(50_000_000, ge=1000, description="Lua instructions of one call at most.")
    deadline: Duration = Field(5.0, description="Wall-clock time of one call at most.")


class QueueSettings(Section):
    """Mail on its way to other servers."""

    retry: RetrySchedule = Field(
        parse_schedule("1m, 5m*2, 15m, 1h*6, 4h"),
        description="Waiting times between attempts; the last repeats until give_up.",
    )
    warn_after: Duration = Field(4 * 3600.0, description="The sender hears of a delay after this time.")
    give_up: Duration = Field(5 * 86400.0, description="The sender gets the message back after this time.")
    surge: SurgeSettings = Field(
        default_factory=SurgeSettings,
        description="When a logged-in account suddenly sends far more than it ever did: its mail is held until `postroom user release`.",
    )


class LogSettings(Section):
    """What is written to standard error."""

    level: Literal["debug", "info", "warning", "error"] = Field("info", description="The least important events to write.")
    format: Literal["auto", "text", "json"] = Field("auto", description="auto is text on a terminal and json elsewhere.")


class ConnectionSettings(Section):
    """One way to the outside; at most one run of it is under way at any time."""

    name: Name = Field(description="Your name for it; the schedule and commands use it.")
    sender: str | None = Field(None, description="The sender that mail leaves by, named in a plugin's section; null sends nothing.")
    collectors: list[str] = Field([], description="Collectors to run, in order.")
    collect_timeout: Duration = Field(
        1800.0, gt=0, description="How long each collector may take; then it is broken off, and the next runs."
    )
    default: bool = Field(False, description="One of those that `default` means in the schedule and in commands; asked for mail first.")
    immediate: bool = Field(False, description="A permanent line: mail leaves as soon as it is queued; else it waits for the schedule.")
    when_queued: int | None = Field(None, ge=1, description="Run it once so many messages wait; null waits for the schedule.")
    when_urgent: bool = Field(False, description="Run it when a message is queued whose header says that it is urgent.")
    before: str | None = Field(None, min_length=1, description="A command to run before (dial); when it fails, the connection is not run.")
    after: str | None = Field(None, min_length=1, description="A command to run after (hang up), also when something failed.")
    dial_timeout: Duration = Field(120.0, gt=0, description="How long each of the two commands may take.")
    dial_retries: int = Field(2, ge=0, le=100, description="How often a failed command before is tried again.")
    dial_interval: Duration = Field(30.0, description="The time between two tries of the command before.")

    def checks(self) -> Iterator[tuple[Location, str]]:
        """What goes together, and commands that can be run."""
        if self.immediate:
            for key in ("when_queued", "when_urgent", "before", "after"):
                if getattr(self, key):
                    yield (key,), "goes with immediate: false: mail leaves at once on a permanent line"
        for key in ("immediate", "when_queued", "when_urgent") if self.sender is None else ():
            if getattr(self, key):
                yield (key,), "goes with a sender: without one no mail leaves by this connection"
        for key in ("before", "after"):
            try:
                shlex.split(getattr(self, key) or "")
            except ValueError as error:
                yield (key,), f"cannot be read as a command: {error}"


class ServiceSettings(Section):
    """One listening service of a protocol plugin; plugins add their own settings to it."""

    id: int = Field(ge=1, le=9999, description="Number of the service, unique within the protocol; scripts and rules refer to it.")
    name: Name = Field(description="Your name for it, in logs and statistics.")
    listen: list[ListenAddress] = Field(min_length=1, description="host:port, [v6]:port or unix:PATH; port 0 picks a free one.")
    encryption: Encryption = Field("starttls", description="none, starttls (offered), starttls-required, or tls (from the first byte).")
    auth: Literal["off", "optional", "required"] = Field("optional", description="Whether clients may or must log in.")
    allow_plaintext_auth: bool = Field(False, description="Accept plain passwords without encryption; loopback always may.")
    proxy_from: list[Network] = Field([], description="Proxies whose PROXY protocol header (v1, v2) is believed and demanded.")
    max_connections: int = Field(10_000, ge=1, description="Open connections at most, over all workers.")
    max_connections_per_address: int = Field(50, ge=1, description="The same for one client address; loopback and no_auth are exempt.")


class PluginSettings(Section):
    """The base of every plugin's ``Settings``."""

    enabled: bool = Field(True, description="false switches the plugin off and keeps its section.")

    def listening(self) -> list[str]:
        """The addresses that the supervisor opens for this plugin; by default those of all services."""
        return [address for _, service in self.parts(ServiceSettings) for address in service.listen]

    def sender_names(self) -> list[str]:
        """The senders that this plugin registers, so that connections can be checked; by default all ``SenderSettings``."""
        return [sender.name for _, sender in self.parts(SenderSettings)]

    def senders_named(self) -> Iterator[tuple[Location, str]]:
        """The senders, perhaps of other plugins, that these settings refer to, each with its place; by default none."""
        yield from ()

    def collector_names(self) -> list[str]:
        """The collectors that this plugin registers, so that connections can be checked; by default none."""
        return []

    def parts(self, kind: type[Part]) -> Iterator[tuple[Location, Part]]:
        """Everything of that kind in the lists of these settings, with its place."""
        for name in type(self).model_fields:
            value: Any = self.__dict__[name]
            for index, item in enumerate(value if isinstance(value, list | tuple) else ()):
                if isinstance(item, kind):
                    yield (name, index), item

    def checks(self) -> Iterator[tuple[Location, str]]:
        """The ids and names of services must be unique within a plugin."""
        seen: dict[tuple[str, object], str] = {}
        for place, service in self.parts(ServiceSettings):
            for key, value in (("id", service.id), ("name", service.name)):
                if (key, value) in seen:
                    yield (*place, key), f"{value} is the {key} of two services (first at {seen[key, value]}); each needs its own"
                seen.setdefault((key, value), f"{place[0]}[{place[1]}]")


class Config(Section):
    """All of ``config.yaml``. The sections of plugins are checked by the plugins' own ``Settings``."""

    server: ServerSettings = Field(default_factory=ServerSettings)
    database: DatabaseSettings = Field(default_factory=DatabaseSettings)
    store: StoreSettings = Field(default_factory=StoreSettings)
    tls: TlsSettings = Field(default_factory=TlsSettings)
    domains: DomainSettings = Field(default_factory=DomainSettings)
    access: list[AccessRule] = Field(
        [AccessRule(allow=("loopback",), no_auth=True), AccessRule(allow=("local_networks",))],
        description="Global access rules; the first that matches decides, and without a match access is denied.",
    )
    dns: DnsSettings = Field(default_factory=DnsSettings)
    lua: LuaSettings = Field(default_factory=LuaSettings)
    queue: QueueSettings = Field(default_factory=QueueSettings)
    reports: ReportSettings = Field(default_factory=ReportSettings)
    log: LogSettings = Field(default_factory=LogSettings)
    plugin_dirs: list[ExistingFolder] = Field([], description="Folders with plugins that are single files.")
    plugins: dict[str, dict[str, Any] | None] = Field({}, description="The plugins that are on; their order is the order of calls.")
    connections: list[ConnectionSettings] = Field([], description="How mail leaves and is fetched.")
    schedule: list[ScheduleSettings] = Field([], description="When connections run by themselves.")

    _base: Path = PrivateAttr(default_factory=Path.cwd)

    def model_post_init(self, context: Any, /) -> None:
        """Remember the folder of the file, from which relative paths count."""
        if context:
            self._base = context["base"]

    @property
    def base(self) -> Path:
        """The folder of the configuration file."""
        return self._base
