"""Where a recipient's mail goes (targets, Route) and what became of it (outcomes)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

from .reply import Reply

# What an attempt failed for: "answer" is the server's answer to the message or to one recipient
Kind = Literal["answer", "dns", "connect", "greeting", "tls", "login", "broken"]
KINDS = get_args(Kind)


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
    via: str = field(default="", repr=False)  # "[user:password@]server[:port]" for this recipient alone; only where the channel wants it


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
    """Success, with the remote's words. ``how``: for the trace, how the connection was protected, and which servers were tried before."""

    reply: str
    server: str = ""  # "mx.example.net[192.0.2.1]:25"
    how: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class TryLater:
    """Temporary failure: the queue tries again by its schedule.

    ``kind`` "answer" is about this message or recipient; any other is about the way to the site, and then one attempt at a time finds
    out whether it works again while the site's other mail waits. ``how``: for the trace, at which stage of the session it came to this.
    ``ours``: the words are this server's own, as they always are for another kind than "answer"; ``server`` has not said them.
    """

    reply: Reply
    server: str = ""
    kind: Kind = "answer"
    how: str = field(default="", compare=False)
    ours: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class Failed:
    """Permanent failure: the sender gets a report. ``how`` and ``ours``: as in TryLater."""

    reply: Reply
    server: str = ""
    how: str = field(default="", compare=False)
    ours: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class NotNow:
    """Left alone: no attempt was made, and none is counted. ``until``: epoch seconds.

    ``quiet``: somebody wants it to wait until then, so its sender hears neither of a delay nor of its end before that.
    """

    reason: str
    until: float
    quiet: bool = field(default=False, compare=False)


Outcome = Delivered | TryLater | Failed | NotNow
OUTCOMES = get_args(Outcome)


WORDS = {"server": str, "how": str}
PARTS: dict[type, dict[str, type]] = {
    Delivered: {"reply": str, **WORDS}, TryLater: {"reply": Reply, "kind": str, **WORDS}, Failed: {"reply": Reply, **WORDS},
    NotNow: {"reason": str}, Reply: {"code": int, "enhanced": str, "text": str},
}  # fmt: skip


def sensible(outcome: object) -> bool:
    """True for an outcome whose parts are what they should be: a plugin may answer anything."""
    if type(outcome) not in OUTCOMES or not _made_of(outcome):
        return False
    return isinstance(outcome, Delivered | NotNow) or (_made_of(outcome.reply) and getattr(outcome, "kind", "answer") in KINDS)  # type: ignore[attr-defined]


def _made_of(value: object) -> bool:
    return all(isinstance(getattr(value, name), kind) for name, kind in PARTS[type(value)].items())
