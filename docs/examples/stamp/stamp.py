"""Puts a line on top of each message that says how it came in: a plugin in a single file."""

from __future__ import annotations

from pydantic import Field

from postroom import Client, Verdict, hookimpl
from postroom.config.schema import PluginSettings
from postroom.context import Context
from postroom.mail.message import Message


class Settings(PluginSettings):
    """The section ``stamp``."""

    header: str = Field("X-Arrival", pattern=r"^[A-Za-z][A-Za-z0-9-]{0,60}$", description="The name of the line.")


class Plugin:
    """Answers one hook."""

    def __init__(self, context: Context, settings: Settings) -> None:
        self.header = settings.header

    @hookimpl
    def check_message(self, client: Client, message: Message) -> Verdict:
        """Accept, and say by which service and how protected."""
        protection = client.tls.version if client.tls else "plain"
        line = f"{self.header}: {client.service_name} {protection} {message.size} bytes"
        return Verdict.accept(line.encode("ascii", "replace"))
