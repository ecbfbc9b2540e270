"""Message signatures: put below what users write, once for those who get it elsewhere and once for those who get it here."""

from __future__ import annotations

import re
from collections.abc import Iterator

import gevent

from postroom.context import Context
from postroom.hookspecs import hookimpl
from postroom.mail.dkim.body import directly
from postroom.mail.envelope import Envelope
from postroom.mail.header_edits import places, replaced
from postroom.mail.headers import unfold
from postroom.mail.local_domains import LocalDomains
from postroom.mail.message import Message
from postroom.mail.splicing import Edit, part_of, spliced
from postroom.mail.structure import Part, scan

from .appending import Changed, Untouchable, appended
from .bodies import bodies
from .choosing import Chooser
from .settings import Settings

__all__ = ["Plugin", "Settings"]

LARGE = 32 * 1024  # bytes of a part that is worked on elsewhere
_CHARSET = re.compile(rb';\s*charset\s*=\s*(?:"[^"]*"|[^\s;]+)', re.IGNORECASE)


class Plugin:
    """Answers ``rewrite_message``."""

    def __init__(self, context: Context, settings: Settings) -> None:
        domains = context.config.domains
        self.offload = context.offload
        self.chooser = Chooser(settings, LocalDomains(domains.default, domains.local))

    @hookimpl
    def rewrite_message(self, message: Message, envelope: Envelope, outgoing: bool) -> Message | None:
        """The message with the sender's signature; None where it gets none."""
        signatures = self.chooser.choose(envelope, outgoing=outgoing)
        if not signatures:
            return None
        edits: list[Edit] = []
        try:
            for part, form in bodies(scan(_gently(message))):
                if form in signatures:
                    body = part_of(message, part.body_start, part.end)
                    run = self.offload if len(body) > LARGE else directly
                    changed: Changed = run(appended, part, body, signatures[form], form)
                    edits += [*_header_edits(message, part, changed), Edit(part.body_start, part.end, changed.body)]
        except Untouchable:
            return None  # one form with a signature and the other without would be two different messages
        return spliced(message, edits) if edits else None


def _gently(message: Message) -> Iterator[bytes]:
    for chunk in message.chunks():
        yield chunk
        gevent.sleep(0)


def _header_edits(message: Message, part: Part, changed: Changed) -> list[Edit]:
    """What the header of the part has to say otherwise: a new charset, a new transfer encoding."""
    header = part_of(message, part.header_start, part.body_start)
    edits: list[Edit] = []
    if changed.charset:
        written = next((header[one.start : one.end] for one in places(header) if one.name == "content-type"), b"Content-Type: text/plain")
        value = _CHARSET.sub(b"", unfold(written.partition(b":")[2])) + b"; charset=" + changed.charset.encode("ascii")
        edits += replaced(header, "Content-Type", value.decode("latin-1"), part.header_start)
    if changed.encoding:
        edits += replaced(header, "Content-Transfer-Encoding", changed.encoding, part.header_start)
    if edits and part.header_start == 0 and message.header("MIME-Version") is None:
        edits += replaced(header, "MIME-Version", "1.0", part.header_start)
    top = b"".join(edit.data for edit in edits if edit.start == edit.end == part.header_start)
    inside = [edit for edit in edits if edit.start != edit.end]
    return [Edit(part.header_start, part.header_start, top), *inside] if top else inside
