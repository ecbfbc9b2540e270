"""The plugin smtp_relay: one sender for each relay of its section."""

from __future__ import annotations

from collections.abc import Sequence

from postroom.clients.smtp.connect import Dialer
from postroom.context import Context
from postroom.hookspecs import hookimpl
from postroom.provided import Sender

from .sender import RelaySender
from .settings import Settings

__all__ = ["Plugin", "Settings"]


class Plugin:
    """Registers the relays and closes their connections when the worker stops."""

    def __init__(self, context: Context, settings: Settings) -> None:
        hostname = context.config.server.hostname
        dialer = Dialer(context.dns.addresses)
        self.senders = [RelaySender(relay, hostname, dialer) for relay in settings.all_senders()]

    @hookimpl
    def register_senders(self) -> Sequence[Sender]:
        """Each relay is a sender."""
        return self.senders

    @hookimpl
    def worker_stopping(self) -> None:
        """Say QUIT everywhere."""
        for sender in self.senders:
            sender.close()
