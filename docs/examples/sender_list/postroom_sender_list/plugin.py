"""Refuses mail from the senders on a list that the administrator keeps in a file."""

from __future__ import annotations

from pydantic import Field

from postroom import Client, Envelope, Verdict, hookimpl
from postroom.config.schema import PluginSettings
from postroom.config.types import ExistingFile
from postroom.context import Context

from .senders import Senders


class Settings(PluginSettings):
    """The section ``sender_list``."""

    file: ExistingFile = Field(description="Addresses and @domains whose mail is refused, one a line.")
    reply: str = Field("We do not take mail from this sender", description="What a refused client is told.")


class Plugin:
    """One object in each worker; every method marked ``hookimpl`` answers the hook of its name."""

    def __init__(self, context: Context, settings: Settings) -> None:
        self.context, self.settings = context, settings
        self.senders = Senders(settings.file)

    @hookimpl
    def check_sender(self, client: Client, envelope: Envelope) -> Verdict | None:
        """Refuse the listed senders, but never our own users."""
        if client.user is None and envelope.sender in self.senders:
            self.context.metrics.count("sender_list_refused")
            return Verdict.reject(self.settings.reply, reason=f"{envelope.sender} is on the list")
        return None
