"""Where a recipient's mail goes (targets, Route) and what became of it (outcomes)."""

from __future__ import annotations

from dataclasses import dataclass

from .reply import Reply


@dataclass(frozen=True, slots=True)
class ToMailbox:
    """Deliver into a mailbox of this store."""

    account: int  # account id
    name: str  # account name
    folder: str = "INBOX"


@dataclass(frozen=True, slots=True)
class ToQueue:
    """Send to another server through the durable queue."""

    address: str  # final address, local@domain
    channel: str = "out"  # "out" is the outgoing queue; other channels belong to the plugin that routes there


@dataclass(frozen=True, slots=True)
class Discard:
    """Deliver nowhere, on purpose (the list ``no-one``)."""


@dataclass(frozen=True, slots=True)
class Refuse:
    """No such recipient, or not now: the reply that an SMTP client gets, or that a report quotes."""

    reply: Reply


Target = ToMailbox | ToQueue | Discard | Refuse


@dataclass(frozen=True, slots=True)
class Route:
    """All targets of one recipient, with the reasons in the order of the decisions (``postroom explain``)."""

    targets: tuple[Target, ...]
    reasons: tuple[str, ...] = ()
    inbound: bool = False  # the address itself is of this server, even where a forward or list leads the mail out again

    @property
    def refusal(self) -> Reply | None:
        """The reply to refuse with when no target can take the mail, else None."""
        refusals = [target.reply for target in self.targets if isinstance(target, Refuse)]
        return refusals[0] if refusals and len(refusals) == len(self.targets) else None

    @property
    def local(self) -> bool:
        """True when an unauthenticated stranger may reach it: an address of this server, or all targets are inside."""
        return self.inbound or not any(isinstance(target, ToQueue) for target in self.targets)


@dataclass(frozen=True, slots=True)
class Delivered:
    """Success, with the remote's words."""

    reply: str
    server: str = ""  # "mx.example.net[192.0.2.1]:25"


@dataclass(frozen=True, slots=True)
class TryLater:
    """Temporary failure: the queue tries again by its schedule."""

    reply: Reply
    server: str = ""


@dataclass(frozen=True, slots=True)
class Failed:
    """Permanent failure: the sender gets a report."""

    reply: Reply
    server: str = ""


Outcome = Delivered | TryLater | Failed
