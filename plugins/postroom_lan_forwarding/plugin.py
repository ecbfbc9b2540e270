"""The plugin lan_forwarding: routes by its rules, and provides the sender LAN."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from postroom.clients.smtp.connect import Dialer
from postroom.clients.smtp.ears import Ears
from postroom.clients.smtp.shortages import Shortages
from postroom.config.rules import retry_of
from postroom.credentials import UnreadableSecret, Vault
from postroom.hookspecs import hookimpl
from postroom.mail.delivery import Refuse, Route
from postroom.mail.local_domains import LocalDomains
from postroom.mail.reply import Reply
from postroom.provided import SendingRules
from postroom.sending.lan import LAN
from postroom.sending.lan_rules import LanRules
from postroom.sending.via import Locker

from .forwarding import Forwarding
from .sender import LanSender
from .settings import Settings

if TYPE_CHECKING:
    from postroom.context import Context
    from postroom.mail.envelope import Envelope
    from postroom.provided import Sender

__all__ = ["Plugin", "Settings"]

NO_KEY = Reply(451, "4.3.0", "A password cannot be kept in the queue, try again later")


class Plugin:
    """Stands before local_delivery in the configuration: its rules for single addresses come before users, mappings and lists."""

    def __init__(self, context: Context, settings: Settings) -> None:
        self.context = context
        domains, server = context.config.domains, context.config.server
        rules = [rule.rule() for rule in settings.rules]
        local = LocalDomains(domains.default, domains.local)
        locker = Locker(Vault(server.data_dir))
        self.forwarding = Forwarding(LanRules(rules, local, bare=settings.bare_names), context.ask, locker)
        rules_of_queue = SendingRules(retry=retry_of(settings.retry, context.config.queue))
        self.sender = LanSender(
            settings,
            server.hostname,
            Dialer(context.dns.addresses),
            locker,
            rules_of_queue,
            Ears(context.ask, LAN),
            Shortages(context.log, LAN),
        )

    @hookimpl
    def register_senders(self) -> Sequence[Sender]:
        """The sender LAN."""
        return (self.sender,)

    @hookimpl
    def route(self, address: str, envelope: Envelope) -> Route | None:
        """By the first rule that names the address; None without one."""
        return self._guarded(self.forwarding.specific, address, envelope)

    @hookimpl
    def route_last_resort(self, address: str, envelope: Envelope) -> Route | None:
        """By the first rule that takes what nobody has."""
        return self._guarded(self.forwarding.last_resort, address, envelope)

    def _guarded(self, decide: Callable[[str, Envelope], Route | None], address: str, envelope: Envelope) -> Route | None:
        try:
            return decide(address, envelope)
        except (UnreadableSecret, OSError) as error:
            self.context.log.error("lan.no_key", reason=str(error))
            return Route((Refuse(NO_KEY),), ("the key for passwords in the queue cannot be used; the log says why",), inbound=True)

    @hookimpl
    def worker_stopping(self) -> None:
        """Say QUIT everywhere."""
        self.sender.close()
