"""All of ``config.yaml``, and what the sections of plugins are made of; the reference in docs/ is made from this."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import Field, PrivateAttr

from .addresses import ListenAddress
from .connections import ConnectionSettings
from .core_sections import (
    AccessRule,
    DatabaseSettings,
    DnsSettings,
    DomainSettings,
    LogSettings,
    LuaSettings,
    QueueSettings,
    ServerSettings,
    StoreSettings,
    TlsSettings,
)
from .reports import ReportSettings
from .section import Location, Section
from .senders import SenderSettings
from .sending import ScheduleSettings
from .types import ExistingFolder, Name, Network

Encryption = Literal["none", "starttls", "starttls-required", "tls"]
Part = TypeVar("Part", bound=Section)


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
