"""The plugin smtp_relay: one sender for each relay of its section."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from postroom.clients.oauth import TokenSource
from postroom.clients.smtp.connect import Dialer
from postroom.clients.smtp.ears import Ears
from postroom.clients.smtp.shortages import Shortages
from postroom.config.rules import sending_rules
from postroom.context import Context
from postroom.credentials import Vault
from postroom.hookspecs import hookimpl
from postroom.provided import Sender

from .fallback import Fallback
from .refresh_token import RefreshToken
from .sender import RelaySender
from .settings import RelaySettings, Settings

__all__ = ["Plugin", "Settings"]


class Plugin:
    """Registers the relays and closes their connections when the worker stops."""

    def __init__(self, context: Context, settings: Settings) -> None:
        hostname = context.config.server.hostname
        dialer = Dialer(context.dns.addresses)
        self.context = context
        self._all: dict[str, Sender] = {}
        self.senders = [
            RelaySender(
                relay,
                hostname,
                dialer,
                self._tokens(relay),
                rules=sending_rules(relay, context.config.queue),
                fallback=Fallback(relay.name, relay.fallback, self._every_sender) if relay.fallback else None,
                ears=Ears(context.ask, relay.name),
                shortages=Shortages(context.log, relay.name),
            )
            for relay in settings.all_senders()
        ]

    @hookimpl
    def register_senders(self) -> Sequence[Sender]:
        """Each relay is a sender."""
        return self.senders

    def _every_sender(self) -> Mapping[str, Sender]:
        """All senders of all plugins, asked for when the first fallback is needed: they are all there by then."""
        if not self._all:
            self._all = {sender.name: sender for sender in self.context.ask.collect("register_senders")}
        return self._all

    def _tokens(self, relay: RelaySettings) -> TokenSource | None:
        """The access tokens of a relay that wants some; all workers share the refresh token behind them."""
        oauth = relay.oauth
        if oauth is None or oauth.refresh_token is None:
            return TokenSource(oauth, time.monotonic) if oauth else None
        context = self.context
        shared = RefreshToken(context.db, Vault(context.config.server.data_dir), context.log, relay.name, oauth)
        return TokenSource(oauth, time.monotonic, shared.keep, kept=shared.kept)

    @hookimpl
    def worker_stopping(self) -> None:
        """Say QUIT everywhere."""
        for sender in self.senders:
            sender.close()
