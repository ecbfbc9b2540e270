"""The sections of ``config.yaml`` for the core, each setting with its type, default and meaning."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import tzinfo
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from .addresses import HostName, LocalDomain, NameServer
from .section import Location, Section
from .sending import SurgeSettings, TimeZone
from .time_zone import of_system
from .types import (
    ConfigPath,
    DatabaseUrl,
    Duration,
    ExistingFile,
    FolderName,
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
    local: list[LocalDomain] = Field(["example.test"], description="Domains of this server; *.domain and single addresses are allowed.")


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
