"""What IMAP clients from outside the house get: no password without TLS, fewer capabilities, some folders not shown. In a single file."""

from __future__ import annotations

import ipaddress
from dataclasses import replace

from pydantic import Field

from postroom import Client, ListResult, hookimpl
from postroom.config.schema import PluginSettings
from postroom.config.types import Network
from postroom.context import Context


class Settings(PluginSettings):
    """The section ``outside``."""

    house: list[Network] = Field(["127.0.0.0/8", "192.168.0.0/16"], description="Networks that are not outside.")
    not_offered: list[str] = Field([], description="Capabilities that clients outside do not see.")
    hidden: list[str] = Field([], description="Folders that clients outside do not see.")


class Plugin:
    """Answers three hooks."""

    def __init__(self, context: Context, settings: Settings) -> None:
        self.settings = settings
        self.house = [ipaddress.ip_network(network) for network in settings.house]

    def outside(self, client: Client) -> bool:
        """Whether a client is outside; a Unix socket is not."""
        return client.address != "unix" and not any(ipaddress.ip_address(client.address) in network for network in self.house)

    @hookimpl
    def connection_encryption(self, client: Client, encryption: str) -> str | None:
        """No login before STARTTLS."""
        return "starttls-required" if encryption == "starttls" and self.outside(client) else None

    @hookimpl
    def imap_capabilities(self, client: Client, capabilities: tuple[str, ...]) -> list[str] | None:
        """Leave some out."""
        return [word for word in capabilities if word not in self.settings.not_offered] if self.outside(client) else None

    @hookimpl
    def imap_list_result(self, client: Client, result: ListResult) -> ListResult | None:
        """Hide some."""
        return replace(result, hidden=True) if result.name in self.settings.hidden and self.outside(client) else None
