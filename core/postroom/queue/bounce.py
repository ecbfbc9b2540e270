"""Makes the reports that a sender gets about a message of the queue, as submissions that enter the queue like any mail."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from email.utils import formatdate
from typing import TYPE_CHECKING

from .. import ids
from ..mail.envelope import Envelope, Recipient
from ..mail.report import Fate, Kind, Report, build
from ..mail.report_texts import BUILT_IN, ReportTexts
from .submission import Submission

if TYPE_CHECKING:
    from ..asking import Asker
    from ..mail.delivery import Route
    from ..mail.reply import Reply
    from ..store.blobs import Blobs
    from .letter import Letter

RETURNED = 64 * 1024  # bytes of a message that go back whole; of a larger one only the header (RFC 3461 4.3, 6.2)
DEMANDED = 1024 * 1024  # the same where the sender has said RET=FULL: no report is larger, or a forged sender would get them
NULL_SENDER = "no report, because the null sender gets none"
SUSPECT = "no report, because the message failed a check of its sender: the address may be somebody else's"
UNCONVERTED = "5.6.3"  # eight-bit text before a server that takes none (RFC 3463 3.7)
WISHES: dict[Kind, str] = {"failure": "FAILURE", "delay": "DELAY", "success": "SUCCESS"}
KINDS = frozenset(WISHES.values())
UNASKED = KINDS - {"SUCCESS"}
_CODE = re.compile(r"([245](?:\.(?:0|[1-9]\d{0,2})){2})\b")
_CODE_IN_REPLY = re.compile(rf"\d{{3}}[ -]{_CODE.pattern}")


@dataclass(frozen=True, slots=True)
class Made:
    """A report ready to be put, or the reason why there is none."""

    submission: Submission | None
    note: str = ""


class Reports:
    """Writes reports in the name of ``Mailer_Daemon@domain``. ``clock``: epoch seconds."""

    def __init__(
        self,
        ask: Asker,
        blobs: Blobs,
        *,
        hostname: str,
        domain: str,
        give_up: float,
        clock: Callable[[], float],
        texts: ReportTexts = BUILT_IN,
    ) -> None:
        self.ask, self.blobs = ask, blobs
        self.hostname, self.domain = hostname, domain
        self.give_up, self.clock, self.texts = give_up, clock, texts

    def make(
        self, kind: Kind, letter: Letter, fates: Sequence[Fate], chunks: Callable[[], Iterator[bytes]], give_up: float | None = None
    ) -> Made:
        """The report on ``fates`` to the sender of ``letter``, whose bytes are ``chunks()``, routed.

        ``give_up``: seconds after which its mail goes back, where they are not those of the queue.
        Raises PluginFault when routing fails for now, StoreUnavailable when the message cannot be read.
        """
        if not letter.sender:
            return Made(None, NULL_SENDER)  # RFC 5321 4.5.5: or two servers would report to each other for ever
        if letter.quiet:
            return Made(None, SUSPECT)
        # RFC 8689 section 5: what tells of a protected message is protected like it
        envelope = Envelope(sender="", body="8BITMIME", smtputf8=letter.smtputf8, requiretls=letter.requiretls, local_origin=True)
        route: Route | None = self.ask.first("route", address=letter.sender, envelope=envelope)
        refusal = None if route is None else route.refusal
        if route is None or refusal is not None:
            return Made(None, f"no report, because the sender's address is not known here: {refusal or 'nobody routes it'}")
        number = ids.new_id()
        report = self._report(kind, letter, fates, chunks(), ids.text(number), self.give_up if give_up is None else give_up)
        data = build(report)
        envelope.recipients.append(Recipient(letter.sender, notify="NEVER", route=route))
        envelope.smtputf8 = report.global_form
        if data.isascii():
            envelope.body = "7BIT"
        envelope.size = len(data)
        draft = self.blobs.draft()
        draft.write(data)
        draft.seal()
        return Made(Submission(envelope, draft, self._received(number, report.now), None, number, about=letter.id))

    def _report(self, kind: Kind, letter: Letter, fates: Sequence[Fate], chunks: Iterator[bytes], name: str, give_up: float) -> Report:
        # RFC 3461 4.3: a success or delay report never carries the whole message; binary content has no place in a report
        wanted = kind == "failure" and letter.ret != "HDRS" and letter.body != "BINARYMIME"
        wanted = wanted and not letter.requiretls  # RFC 8689 section 5: as if RET=HDRS had been asked for, also with RET=FULL
        wanted = wanted and not any(fate.status == UNCONVERTED for fate in fates)  # it would get no further on the way back
        bound = DEMANDED if wanted and letter.ret == "FULL" else RETURNED
        data, complete = _beginning(chunks, bound)
        return Report(
            kind, letter.sender, tuple(fates), data, wanted and complete, ids.text(letter.id), name, self.hostname, self.domain,
            self.clock(), letter.queued_at / 1000, letter.since / 1000 + give_up, letter.envid, letter.smtputf8, self.texts,
        )  # fmt: skip

    def _received(self, number: int, now: float) -> bytes:
        """RFC 5321 4.4: who made it, and its trace id, so that a loop of reports is seen like any other."""
        line = f"Received: by {self.hostname} (Postroom) id {ids.text(number)};\r\n\t{formatdate(now, localtime=True)}\r\n"
        return line.encode()


def _beginning(chunks: Iterator[bytes], bound: int) -> tuple[bytes, bool]:
    """Up to ``bound`` bytes of a message, and whether that is all of it; of a larger one its header."""
    parts, size = [], 0
    try:
        for chunk in chunks:
            parts.append(chunk)
            size += len(chunk)
            if size > bound:
                break
    except KeyError:  # the bytes are gone from the store: the report is sent without them
        return b"".join(parts)[:RETURNED], False
    return b"".join(parts)[: bound if size <= bound else RETURNED], size <= bound


def wishes(notify: str) -> frozenset[str]:
    """The reports that a sender wants, in the words of NOTIFY (RFC 3461 4.1); without a word, all but success."""
    return UNASKED if not notify else frozenset(notify.upper().split(",")) & KINDS


def wanted(notify: str, kind: Kind) -> bool:
    """Whether the sender wants this kind of report."""
    return WISHES[kind] in wishes(notify)


def status_of(reply: Reply, kind: Kind) -> str:
    """The enhanced code for a Status field: the reply's own when its class fits, else one made of its code (RFC 3463 2)."""
    return _status(reply.enhanced or _found(_CODE.match(reply.text)), kind)


def status_in(words: str, kind: Kind) -> str:
    """The same for a whole reply in words: "250 2.1.5 Taken"."""
    return _status(_found(_CODE_IN_REPLY.match(words)), kind)


def _found(match: re.Match[str] | None) -> str:
    return match[1] if match else ""


def _status(found: str, kind: Kind) -> str:
    fitting = {"failure": "54", "delay": "4", "success": "2"}[kind]
    return found if found and found[0] in fitting else f"{fitting[0]}.0.0"
