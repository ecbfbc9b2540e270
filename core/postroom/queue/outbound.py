"""What plugins make of a message that enters the queue: the bytes that leave, the lines that sign them, when and how early they go."""

from __future__ import annotations

import re
import reprlib
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING, Any

from ..asking import PluginFault
from ..mail.headers import end_of
from ..mail.sending import ORDINARY, QueuePlan
from ..store.database import StoreUnavailable
from .copy import Copy

if TYPE_CHECKING:
    from ..asking import Asker
    from ..mail.message import Message
    from ..store.blobs import Blobs
    from .posting import Posting

FIRST, LAST = 100, 1  # priorities
URGENT = re.compile(
    rb"^(?:priority[ \t]*:[ \t]*urgent|x-priority[ \t]*:[ \t]*1|importance[ \t]*:[ \t]*high)(?![\w-])", re.IGNORECASE | re.MULTILINE
)
EIGHT_BITS = {"7BIT": "8BITMIME"}  # what a body is after something has put other than ASCII into it


class Outbound:
    """Asks the hooks. ``priority_of`` is the priority that an account's mail has by itself."""

    def __init__(self, ask: Asker, blobs: Blobs, priority_of: Callable[[str], int] = lambda name: ORDINARY) -> None:
        self.ask, self.blobs, self.priority_of = ask, blobs, priority_of

    def dress(self, posting: Posting) -> None:
        """Set the copies and the plan of a posting that is about to be written.

        Raises PluginFault when a plugin that rewrites or signs fails, and StoreUnavailable; drafts made so far are in ``posting.drafts``.
        """
        envelope = posting.submission.envelope
        rewrites = bool(self.ask.hooks.rewrite_message.get_hookimpls())
        if rewrites and posting.local and (envelope.local_origin or envelope.user is not None):
            posting.here = self._rewritten(posting, outgoing=False)
        if not posting.queued:
            return
        if rewrites:
            posting.away = self._rewritten(posting, outgoing=True)
        self._sign(posting)
        self._plan(posting)

    # --- other bytes ---

    def _rewritten(self, posting: Posting, *, outgoing: bool) -> Copy:
        found = message = posting.original.message()
        arguments: dict[str, Any] = {"message": message, "envelope": posting.submission.envelope, "outgoing": outgoing}
        last = ""
        for plugin, answer in self._answers("rewrite_message", arguments):
            if answer is not None:
                arguments["message"] = found = answer
                last = plugin
        if found is message:
            return posting.original
        return self._kept(posting, found, last, outgoing=outgoing)

    def _kept(self, posting: Posting, message: Message, plugin: str, *, outgoing: bool) -> Copy:
        """What a plugin has made, in a draft of its own; the lines that were added on top stay out of it where they are untouched."""
        draft, lines = self.blobs.draft(), posting.original.lines
        posting.drafts.append(draft)
        plain = True
        try:
            start, rest = _begun(iter(message.chunks()), len(lines))
            lines = lines if start.startswith(lines) else b""
            for chunk in chain((start[len(lines) :],), rest):
                plain = plain and chunk.isascii()
                draft.write(chunk)
            draft.seal()
        except StoreUnavailable:
            raise
        except Exception as error:  # the bytes come from the plugin, piece by piece
            self.ask.on_fault(plugin, "rewrite_message", error, {"envelope": posting.submission.envelope})
            raise PluginFault(plugin, "rewrite_message") from error
        if outgoing and not plain:
            posting.body = EIGHT_BITS.get(posting.body, posting.body)  # RFC 6152: else the next server may spoil them
        return Copy(lines, draft)

    # --- lines on top ---

    def _sign(self, posting: Posting) -> None:
        if not self.ask.hooks.sign_message.get_hookimpls():
            return
        envelope, original = posting.submission.envelope, posting.original.message()
        arguments: dict[str, Any] = {"message": posting.away.message(), "envelope": envelope, "original": original}
        for _, answer in self._answers("sign_message", arguments):
            if answer:
                lines = b"".join(line.rstrip(b"\r\n") + b"\r\n" for line in answer)
                posting.away = replace(posting.away, lines=lines + posting.away.lines)
                arguments["message"] = posting.away.message()

    def _answers(self, name: str, arguments: dict[str, Any]) -> Iterator[tuple[str, Any]]:
        """Each plugin's answer; ``arguments`` may change between two. Raises PluginFault for the first that fails."""
        for plugin, answer, failed in self.ask.answers(name, arguments, needed=True):
            if failed:
                raise PluginFault(plugin, name)
            yield plugin, answer

    # --- when it goes ---

    def _plan(self, posting: Posting) -> None:
        envelope = posting.submission.envelope
        plan = QueuePlan(priority=self.priority_of(envelope.user) if envelope.user else ORDINARY)
        if self.ask.hooks.outgoing_queued.get_hookimpls():
            plan = self._planned({"plan": plan, "message": posting.away.message(), "envelope": envelope})
        posting.plan = replace(plan, priority=min(FIRST, max(LAST, plan.priority)))
        facts = {"priority": posting.plan.priority if posting.plan.priority != ORDINARY else 0, "plan": plan.reason}
        held = "held" if plan.hold else f"held until {_moment(plan.hold_until)}" if plan.hold_until else ""
        gone = _moment(plan.delete_at) if plan.delete_at else ""
        posting.trace |= {key: value for key, value in (facts | {"queue": held, "removed_at": gone}).items() if value}

    def _planned(self, arguments: dict[str, Any]) -> QueuePlan:
        """The plan as plugins want it; an answer that is none changes nothing."""
        for plugin, answer, failed in self.ask.answers("outgoing_queued", arguments):
            if failed or answer is None:
                continue
            if isinstance(answer, QueuePlan) and answer.sound:
                arguments["plan"] = answer
            else:
                self.ask.on_fault(plugin, "outgoing_queued", TypeError(f"no plan that can be used: {reprlib.repr(answer)}"), arguments)
        found: QueuePlan = arguments["plan"]
        return found


def _moment(seconds: float) -> str:
    """A time for people, in UTC as all of the trace."""
    return time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime(seconds))


def _begun(chunks: Iterator[bytes], size: int) -> tuple[bytes, Iterator[bytes]]:
    """At least the first ``size`` bytes, and what follows them."""
    parts, found = [], 0
    for chunk in chunks:
        parts.append(chunk)
        found += len(chunk)
        if found >= size:
            break
    return b"".join(parts), chunks


def urgent(head: bytes) -> bool:
    """Whether a header asks for haste: ``Priority: urgent`` (RFC 2156 section 5.3.6), ``X-Priority: 1``, ``Importance: high``."""
    return URGENT.search(head, 0, end_of(head)) is not None
