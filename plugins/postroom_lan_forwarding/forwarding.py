"""Decides by the rules whether the mail of one recipient goes to a server nearby, and says why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from postroom.mail.delivery import Route, ToQueue
from postroom.mail.sending import LanForwarding
from postroom.sending.lan import LAN
from postroom.sending.lan_rules import Condition, LanMatch, LanRule, LanRules

if TYPE_CHECKING:
    from postroom.asking import Asker
    from postroom.mail.envelope import Envelope
    from postroom.sending.via import Locker


@dataclass(frozen=True)
class Forwarding:
    """The rules with what they need to be asked."""

    rules: LanRules
    ask: Asker
    locker: Locker

    def specific(self, address: str, envelope: Envelope) -> Route | None:
        """Where the mail goes before anybody else is asked. Raises OSError or UnreadableSecret when a password cannot be locked."""
        match = self._rules(address, envelope).first(address, conditions=conditions(envelope))
        return None if match is None else self._route(match, address, envelope)

    def last_resort(self, address: str, envelope: Envelope) -> Route | None:
        """The same for an address that nobody has. One that a list or forward leads to is met here by all rules."""
        rules, holding = self._rules(address, envelope), conditions(envelope)
        match = rules.first(address, conditions=holding) or rules.first(address, last_resort=True, conditions=holding)
        if match is None or (match.anybody and match.pattern.kind == "last" and not self.rules.local.has(address)):
            return None  # ~@* means the rest of our own domains, not all mail for the Internet
        return self._route(match, address, envelope)

    def _rules(self, address: str, envelope: Envelope) -> LanRules:
        """The rules as plugins want them for this recipient."""
        if not self.ask.hooks.lan_rules.get_hookimpls():
            return self.rules
        wanted: Sequence[LanRule] = self.ask.transform("lan_rules", "rules", self.rules.rules, address=address, envelope=envelope)
        return self.rules if wanted is self.rules.rules else LanRules(wanted, self.rules.local, bare=self.rules.bare)

    def _route(self, match: LanMatch, address: str, envelope: Envelope) -> Route:
        path = self._return_path(match, address, envelope)
        target = ToQueue(match.address, LAN, self.locker.lock(match.rule.server, path))
        # Whoever writes a rule for a domain takes its mail from everybody; *@* must not make this server take the mail of all the world
        inbound = not match.anybody or self.rules.local.has(address)
        return Route((target,), (match.reason,), inbound=inbound)

    def _return_path(self, match: LanMatch, address: str, envelope: Envelope) -> str | None:
        if not self.ask.hooks.lan_return_path.get_hookimpls():
            return None
        rule = match.rule
        forwarding = LanForwarding(match.address, rule.server.masked, match.position, rule.comment, rule.extra)
        path: str = self.ask.transform(
            "lan_return_path", "path", envelope.sender, address=address, envelope=envelope, forwarding=forwarding
        )
        return path


def conditions(envelope: Envelope) -> tuple[Condition, ...]:
    """The conditions of rules that hold for this mail."""
    found: list[Condition] = ["all"]
    if envelope.client is not None:
        found.append("smtp")
    if envelope.local_origin or envelope.user is not None:
        found.append("local")
    return tuple(found)
