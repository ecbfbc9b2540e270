"""What a check answers about a client, an address or a message."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

from .reply import Reply


class Action(IntEnum):
    """What to do, in rising strictness: of several answers the highest wins."""

    ACCEPT = 0  # take it (headers may still be added)
    QUARANTINE = 1  # take it, deliver into the Junk folder
    DISCARD = 2  # answer as if taken, deliver nowhere
    DEFER = 3  # 4xx: the client may try again
    REJECT = 4  # 5xx: final


@dataclass(frozen=True, slots=True)
class Verdict:
    """One check's answer; ``None`` instead of a Verdict means "no opinion"."""

    action: Action
    reply: Reply | None = None  # DEFER and REJECT: what the client is told
    headers: tuple[bytes, ...] = ()  # whole header lines to put on top of the message, without CRLF
    disconnect: bool = False  # close the connection after the reply
    reason: str = ""  # for log and trace, never sent
    suspect: str = ""  # why the sender may be forged ("SPF fail"): taken, but no report about it ever goes to that sender

    @classmethod
    def accept(cls, *headers: bytes, reason: str = "", suspect: str = "") -> Verdict:
        """Take it, adding these header lines."""
        return cls(Action.ACCEPT, headers=headers, reason=reason, suspect=suspect)

    @classmethod
    def quarantine(cls, reason: str, *headers: bytes, suspect: str = "") -> Verdict:
        """Take it, but into the Junk folder."""
        return cls(Action.QUARANTINE, headers=headers, reason=reason, suspect=suspect)

    @classmethod
    def discard(cls, reason: str) -> Verdict:
        """Pretend to take it."""
        return cls(Action.DISCARD, reason=reason)

    @classmethod
    def defer(cls, text: str, code: int = 451, enhanced: str = "4.7.1", *, disconnect: bool = False, reason: str = "") -> Verdict:
        """Refuse for now; ``code`` is 4xx."""
        return cls(Action.DEFER, Reply(code, enhanced, text), disconnect=disconnect, reason=reason or text)

    @classmethod
    def reject(cls, text: str, code: int = 550, enhanced: str = "5.7.1", *, disconnect: bool = False, reason: str = "") -> Verdict:
        """Refuse for good; ``code`` is 5xx."""
        return cls(Action.REJECT, Reply(code, enhanced, text), disconnect=disconnect, reason=reason or text)

    @property
    def refuses(self) -> bool:
        """True when the client must get ``reply`` instead of success."""
        return self.action >= Action.DEFER


def strictest(verdicts: Iterable[Verdict | None]) -> Verdict | None:
    """The strictest of several answers carrying the headers and suspicions of all; None when nobody had an opinion."""
    found = [verdict for verdict in verdicts if verdict is not None]
    if len(found) < 2:
        return found[0] if found else None
    worst = max(found, key=lambda verdict: verdict.action)  # the first of equals: config order decides
    headers = tuple(line for verdict in found for line in verdict.headers)
    suspect = "; ".join(dict.fromkeys(verdict.suspect for verdict in found if verdict.suspect))
    return Verdict(worst.action, worst.reply, headers, any(v.disconnect for v in found), worst.reason, suspect)
