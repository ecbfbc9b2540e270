"""A direct sender: takes the recipients of a message by the servers of their domains, and hands it to each of these."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from postroom.clients.smtp.courier import Courier
from postroom.clients.smtp.faults import Unreachable
from postroom.clients.smtp.pool import Pool, SessionLimits
from postroom.mail.address import split
from postroom.mail.delivery import NotNow, Outcome
from postroom.mail.local_domains import fold_domain
from postroom.mail.sending import MxServer, ServerVerdict, SessionBounds
from postroom.provided import Outgoing, QueuedRecipient, SendingRules

from .explaining import explained
from .rounds import MOST, Rounds
from .routing import Destination, NoWay, Router
from .servers import HopMaker, Hops
from .settings import DirectSettings
from .sites import Sites

if TYPE_CHECKING:
    from postroom.asking import Asker

HOLD = 60.0  # seconds that mail waits when plugins allow none of its servers and do not say for how long


@dataclass(frozen=True, slots=True)
class Allowed:
    """What one attempt may try, in order."""

    servers: list[MxServer]
    left: int  # servers behind these, for the next attempt
    hold: float  # seconds that the mail waits when there are none; 0: nobody has said


class DirectSender:
    """What the queue sees. ``clock``: epoch seconds."""

    def __init__(
        self,
        settings: DirectSettings,
        router: Router,
        maker: HopMaker,
        courier: Courier,
        ask: Asker,
        rules: SendingRules,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.name, self.concurrency = settings.name, settings.concurrency
        self.rules, self.bounds = rules, settings.bounds
        self.router, self.maker, self.courier = router, maker, courier
        self.sites, self.rounds = Sites(time.monotonic), Rounds(time.monotonic)
        self._ask, self._clock = ask, clock
        self.site_for = self._site_for if router.has_overrides else None  # it is asked for each recipient, so only where it matters

    @property
    def pool(self) -> Pool:
        """The connections that wait for mail."""
        return self.courier.pool

    def site(self, address: str, via: str = "") -> str:
        """The servers of the domain, if they are known from its last mail, else the domain."""
        return self.sites.of(fold_domain(split(address)[1]))

    def _site_for(self, outgoing: Outgoing) -> str:
        """The same for a message with one recipient: those that overrides name for it, if there are some.

        What is wrong with the servers for some messages says nothing about those for others.
        """
        address = outgoing.recipients[0].address
        return self.router.named_site(fold_domain(split(address)[1]), outgoing) or self.site(address)

    def send(self, outgoing: Outgoing) -> Mapping[int, Outcome]:
        """An outcome for every recipient id."""
        outcomes: dict[int, Outcome] = {}
        groups: dict[str, tuple[Destination, list[QueuedRecipient]]] = {}
        for domain, recipients in by_domain(outgoing).items():
            try:
                destination = self.router.destination(domain, narrowed(outgoing, recipients))
            except NoWay as none:
                if none.local:
                    self.courier.shortages.met(str(none))
                outcomes.update((one.id, none.outcome) for one in recipients)
                continue
            if destination.by != "overrides":  # these may hold for this message alone
                self.sites.learn(domain, destination.site)
            groups.setdefault(destination.group, (destination, []))[1].extend(recipients)
        for destination, recipients in groups.values():
            outcomes |= self._deliver(narrowed(outgoing, recipients), destination)
        return outcomes

    def _deliver(self, outgoing: Outgoing, destination: Destination) -> dict[int, Outcome]:
        chosen = self.allowed(destination, outgoing)
        if not chosen.servers:
            until, held = self._clock() + (chosen.hold or HOLD), bool(chosen.hold)
            left = NotNow(f"plugins allow no mail server of {destination.domain} now", until, quiet=held)
            return dict.fromkeys((one.id for one in outgoing.recipients), left)
        hops = Hops(chosen.servers, lambda server: self.maker.make(server, destination, outgoing))
        outcomes = self.courier.deliver(outgoing, hops, left_over(chosen.left) if chosen.left else None)
        self.rounds.note(destination.site, destination.servers, chosen.servers, outcomes.values())
        return outcomes

    def allowed(self, destination: Destination, outgoing: Outgoing) -> Allowed:
        """The servers that plugins allow, as many as one attempt tries."""
        found: list[MxServer] = []
        hold = 0.0
        order = self.rounds.order(destination.site, destination.servers)
        for place, server in enumerate(order, 1):
            verdict: ServerVerdict = self._ask.transform(
                "check_server", "verdict", ServerVerdict(), domain=destination.domain, server=server.host, outgoing=outgoing
            )
            if verdict.allowed:
                found.append(server)
            else:
                hold = max(hold, verdict.hold)
            if len(found) == MOST:
                return Allowed(found, len(order) - place, hold)
        return Allowed(found, 0, hold)

    def explain(self, outgoing: Outgoing) -> list[str]:
        """Where mail for one recipient would go, and why; asks the DNS."""
        return explained(self, outgoing)

    def start(self, bounds: SessionBounds | None) -> None:
        """Mail again: how much one connection may carry from now on."""
        if bounds is not None:
            self.pool.limits = limited(bounds)

    def idle(self) -> None:
        """Close connections that have been unused for long."""
        self.pool.close_idle()

    def close(self) -> None:
        """Close all connections; those in use follow after their message."""
        self.pool.close()


def by_domain(outgoing: Outgoing) -> dict[str, list[QueuedRecipient]]:
    """The recipients of each folded domain."""
    found: dict[str, list[QueuedRecipient]] = {}
    for one in outgoing.recipients:
        found.setdefault(fold_domain(split(one.address)[1]), []).append(one)
    return found


def narrowed(outgoing: Outgoing, recipients: Sequence[QueuedRecipient]) -> Outgoing:
    """The message for some of its recipients."""
    return outgoing if len(recipients) == len(outgoing.recipients) else replace(outgoing, recipients=tuple(recipients))


def left_over(count: int) -> Unreachable:
    """In place of the servers that one attempt does not try: whatever is wrong with the others, it is not final, nor all of the site."""
    words = "1 more server is" if count == 1 else f"{count} more servers are"
    return Unreachable(f"{words} left for the next attempt", "4.4.1", kind="answer")


def limited(bounds: SessionBounds) -> SessionLimits:
    """How much one connection may carry."""
    return SessionLimits(bounds.messages, bounds.recipients, bounds.recipients_per_message)
