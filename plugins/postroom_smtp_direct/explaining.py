"""Says in words where mail of an address would go now, and how it would be protected (``postroom explain``)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from postroom.clients.smtp.faults import HopFault
from postroom.clients.smtp.hop import Encryption, NextHop
from postroom.mail.address import split
from postroom.mail.delivery import TryLater
from postroom.mail.local_domains import fold_domain
from postroom.provided import Outgoing
from postroom.tls_policy.demand import Level

from .rounds import MOST
from .routing import Destination, NoWay

if TYPE_CHECKING:
    from .sender import DirectSender

LEVELS = {
    Level.NONE: "in the clear",
    Level.OPPORTUNISTIC: "TLS where it is offered",
    Level.ENCRYPT: "TLS with any certificate",
    Level.CERTIFICATE: "TLS with a certificate for its name",
    Level.DANE: "TLS with a certificate that fits its TLSA records",
}


def explained(sender: DirectSender, message: Outgoing) -> list[str]:
    """A sentence for each decision about a message with one recipient, of which no more than the envelope need be known."""
    domain = fold_domain(split(message.recipients[0].address)[1])
    words = sender.router.overridden(domain, message)
    if not message.size and any("$size" in line for line in words):
        words.append("its size is not known here (--size)")
    try:
        destination = sender.router.destination(domain, message)
    except NoWay as none:
        return [*words, f"{'it would wait' if isinstance(none.outcome, TryLater) else 'it would come back to its sender at once'}: {none}"]
    if destination.by != "overrides":  # so that whoever asks next finds what is known of these servers
        sender.sites.learn(domain, destination.site)
    return [*words, *_destination(sender, destination, message)]


def _destination(sender: DirectSender, destination: Destination, message: Outgoing) -> Iterator[str]:
    yield f"the servers of {destination.domain} are named by {destination.by}"
    allowed = sender.allowed(destination, message)
    servers = sender.rounds.order(destination.site, destination.servers)
    for one in servers[: len(servers) - allowed.left]:
        place = f"{one.host}:{one.port} (preference {one.preference})"
        if one not in allowed.servers:
            yield f"{place}: a plugin does not allow it now" + (f", for {allowed.hold:.0f} seconds" if allowed.hold else "")
        else:
            yield f"{place}: {_hop(sender.maker.make(one, destination, message))}"
    if allowed.left:
        yield f"and {allowed.left} more: an attempt tries {MOST}, the next one others"


def _hop(hop: NextHop | HopFault) -> str:
    """One server."""
    if isinstance(hop, HopFault):
        return f"cannot be used: {hop}"
    where = f"at {', '.join(hop.addresses)}; " if hop.addresses else ""
    login = f", with the login of {hop.credentials.username}" if hop.credentials else ""
    if hop.demand is None:
        return f"{where}{hop.encryption.value}{', certificate checked' if hop.verify else ''}{login}"
    first = ", from the first byte" if hop.encryption is Encryption.TLS else ""
    level, reason = LEVELS[hop.demand.level], hop.demand.reason
    tested = "; a failure is only noted, and the mail goes" if hop.demand.testing else ""
    return f"{where}{reason if level in reason else f'{level}{first} ({reason}{tested})'}{login}"
