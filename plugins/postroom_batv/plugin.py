"""BATV: tags return paths at each attempt, and takes the tags off again when a report comes back."""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable
from dataclasses import replace

from postroom.context import Context
from postroom.credentials import Vault
from postroom.hookspecs import hookimpl
from postroom.mail.address import split
from postroom.mail.batv import Batv, Wrong, is_tagged
from postroom.mail.delivery import Refuse, Route
from postroom.mail.envelope import Envelope, Recipient
from postroom.mail.local_domains import LocalDomains, fold_address
from postroom.mail.reply import Reply
from postroom.mail.verdict import Verdict
from postroom.provided import Outgoing
from postroom.sending.patterns import Wildcard

from .settings import Settings

__all__ = ["Plugin", "Settings"]

REFUSALS = {
    "malformed": Reply(550, "5.1.1", "No such return path here"),
    "forged": Reply(550, "5.7.1", "No mail from here has this return path"),
    "expired": Reply(550, "5.7.1", "This return path has expired"),
}
NOTE = "batv"  # in Outgoing.notes
UNTAGGED = "No mail from here has this return path: its reports come to a tagged address"


class Plugin:
    """``clock``: epoch seconds, for tests."""

    def __init__(self, context: Context, settings: Settings) -> None:
        self.context, self.settings = context, settings
        self.clock: Callable[[], float] = time.time
        domains = context.config.domains
        self.local = LocalDomains(domains.default, domains.local)
        self.patterns = [Wildcard(fold_address(pattern)) for pattern in settings.senders]
        self._batv: Batv | None = None

    @property
    def batv(self) -> Batv:
        """The tags with their keys, which are derived at the first use. Raises OSError, UnreadableSecret."""
        if self._batv is None:
            secret = self.settings.secret
            root = Vault(self.context.config.server.data_dir).subkey(b"batv") if secret is None else secret.get_secret_value().encode()
            numbers = {self.settings.key, *self.settings.old_keys}
            self._batv = Batv(
                {number: hmac.digest(root, b"%d" % number, "sha256") for number in numbers}, self.settings.key, self.settings.days
            )
        return self._batv

    def tags(self, address: str) -> bool:
        """Whether this address of ours gets a tag."""
        if not self.local.has(address):
            return False
        folded = fold_address(address)
        domain = split(folded)[1]
        return any(pattern.matches(folded if "@" in pattern.pattern else domain) for pattern in self.patterns)

    @hookimpl
    def return_path(self, path: str, outgoing: Outgoing) -> str | None:
        """The address with a tag, where it is one of ours that gets one."""
        wish = outgoing.notes.get(NOTE)  # what another plugin has said of this attempt
        if wish is False or not path or is_tagged(path) or not outgoing.local_origin:
            return None
        if wish is not True and (outgoing.channel not in self.settings.channels or not self.tags(path)):
            return None
        if not self.local.has(path):  # nobody would take the tag off again
            return None
        return self.batv.tag(path, self.clock())

    @hookimpl(tryfirst=True)  # whatever its place in the configuration: local delivery would refuse the name
    def route(self, address: str, envelope: Envelope) -> Route | None:
        """The way of what comes to a tagged address: that of the address behind the tag, if the tag is valid.

        A sender who is not null may have taken the tagged address for the sender's own: then the tag counts for nothing.
        """
        if not is_tagged(address) or not self.local.has(address):
            return None
        found = self.batv.untag(address, self.clock())
        if isinstance(found, Wrong) and (not found.address or not envelope.sender):
            return Route((Refuse(REFUSALS[found.fault]),), (f"{address} has a tag that is {found.fault}",), inbound=True)
        behind = found.address if isinstance(found, Wrong) else found
        if is_tagged(behind):
            return Route((Refuse(REFUSALS["malformed"]),), (f"{address} has two tags",), inbound=True)
        route: Route | None = self.context.ask.first("route", address=behind, envelope=envelope)
        return None if route is None else replace(route, reasons=(f"{address} is {behind} with a tag (BATV)", *route.reasons))

    @hookimpl
    def check_recipient(self, envelope: Envelope, recipient: Recipient) -> Verdict | None:
        """With ``require``, a report to an address whose mail leaves with a tag has to come to a tagged address."""
        if not self.settings.require or envelope.sender or envelope.local_origin or is_tagged(recipient.address):
            return None
        return Verdict.reject(UNTAGGED, 550, "5.7.1", reason="report without a BATV tag") if self.tags(recipient.address) else None
