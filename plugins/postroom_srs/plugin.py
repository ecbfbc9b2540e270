"""SRS: changes the return path of forwarded mail at each attempt, and routes what comes back to it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from postroom.context import Context
from postroom.credentials import Vault
from postroom.hookspecs import hookimpl
from postroom.mail.address import same_domain, split
from postroom.mail.delivery import Refuse, Route
from postroom.mail.envelope import Envelope
from postroom.mail.local_domains import LocalDomains
from postroom.mail.reply import Reply
from postroom.mail.srs import Srs, Wrong, is_rewritten
from postroom.provided import Outgoing

from .settings import Settings

__all__ = ["Plugin", "Settings"]

REPLIES = {
    "malformed": Reply(550, "5.1.1", "No such return path here"),
    "forged": Reply(550, "5.1.1", "No such return path here"),
    "expired": Reply(550, "5.1.1", "This return path has expired"),
}
ONLY_REPORTS = Reply(550, "5.7.1", "This address takes nothing but failure reports")


class Plugin:
    """``clock``: epoch seconds, for tests."""

    def __init__(self, context: Context, settings: Settings) -> None:
        self.context, self.settings = context, settings
        self.clock: Callable[[], float] = time.time
        domains = context.config.domains
        self.local = LocalDomains(domains.default, domains.local)
        self.domain = settings.domain or domains.default
        self._srs: Srs | None = None

    @property
    def srs(self) -> Srs:
        """The scheme with its secrets, which are read at the first use. Raises OSError, UnreadableSecret."""
        if self._srs is None:
            given = [secret.get_secret_value().encode() for secret in (self.settings.secret, *self.settings.old_secrets) if secret]
            if self.settings.secret is None:
                given.insert(0, Vault(self.context.config.server.data_dir).subkey(b"srs"))
            self._srs = Srs(self.domain, given, self.settings.days)
        return self._srs

    @hookimpl
    def return_path(self, path: str, outgoing: Outgoing) -> str | None:
        """Our own address in the place of a stranger's; reports and addresses of this server stay as they are."""
        if outgoing.local_origin or outgoing.channel not in self.settings.channels or not path or self.local.has(path):
            return None
        made = self.srs.encode(path, self.clock())
        if made is None:
            self.context.log.info("srs.too_long", trace=outgoing.trace, path=path)
        return made

    @hookimpl(tryfirst=True)  # whatever its place in the configuration: local delivery would refuse the name
    def route(self, address: str, envelope: Envelope) -> Route | None:
        """The way of a report to the sender that a rewritten return path stands for."""
        if not is_rewritten(address) or not same_domain(split(address)[1], self.domain):
            return None
        original = self.srs.decode(address, self.clock())
        if isinstance(original, Wrong):
            return Route((Refuse(REPLIES[original.fault]),), (f"{address} is a rewritten return path: {original.fault}",), inbound=True)
        reason = f"{address} stands for {original} (SRS)"
        if envelope.sender and self.settings.bounces_only:
            return Route((Refuse(ONLY_REPORTS),), (reason, "only the null sender may write to it"), inbound=True)
        found: Route | None = self.context.ask.first("route", address=original, envelope=envelope)
        if found is None:
            return None
        return replace(found, reasons=(reason, *found.reasons), inbound=True)
