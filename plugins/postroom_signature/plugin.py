"""Message signatures: put below what users write, once for those who get it elsewhere and once for those who get it here."""

from __future__ import annotations

from postroom.context import Context
from postroom.hookspecs import hookimpl
from postroom.mail.dkim.body import directly
from postroom.mail.envelope import Envelope
from postroom.mail.local_domains import LocalDomains
from postroom.mail.message import Message
from postroom.mail.splicing import Edit, part_of, spliced
from postroom.mail.structure import Part
from postroom.mail.structure.scanner import Scanner

from .appending import Untouchable, appended
from .bodies import bodies
from .choosing import Chooser, is_none
from .heading import heading_edits
from .settings import Settings, sendable

__all__ = ["Plugin", "Settings"]

LARGE = 32 * 1024  # bytes that are worked on elsewhere
LARGEST = 1024 * 1024  # bytes of a part that gets a signature
# A message that was signed before it came here, or that somebody passes on as it is (RFC 5322 section 3.6.6): not the sender's own words
OTHERS = ("DKIM-Signature", "ARC-Seal", "Resent-From", "Resent-Sender")


class Plugin:
    """Answers ``rewrite_message``; asks ``message_signature``."""

    def __init__(self, context: Context, settings: Settings) -> None:
        domains = context.config.domains
        self.offload, self.ask, self.log = context.offload, context.ask, context.log
        self.chooser = Chooser(settings, LocalDomains(domains.default, domains.local))

    @hookimpl
    def rewrite_message(self, message: Message, envelope: Envelope, outgoing: bool) -> Message | None:
        """The message with the sender's signature; None where it gets none."""
        if not self.chooser.wanted(envelope, outgoing=outgoing) or any(message.count(name) for name in OTHERS):
            return None
        signatures = self.chooser.choose(envelope, outgoing=outgoing)
        if not (any(signatures.values()) or self.ask.hooks.message_signature.get_hookimpls()):
            return None
        try:
            found = bodies(self._scanned(message))
            for form in {form for _, form in found}:
                signatures[form] = self._asked(signatures[form], form, message, envelope, outgoing=outgoing)
            parts = [(part, signatures[form], form) for part, form in found if signatures[form]]
            edits = [edit for part, text, form in parts for edit in self._edits(message, part, text, form)]
        except Untouchable:
            return None  # one form with a signature and the other without would be two different messages
        return spliced(message, edits) if edits else None

    def _asked(self, configured: str, form: str, message: Message, envelope: Envelope, *, outgoing: bool) -> str:
        """The signature as plugins want it; what could not stand in a message is not used."""
        text: str = self.ask.transform(
            "message_signature", "text", configured, form=form, message=message, envelope=envelope, outgoing=outgoing
        )
        if text is configured:
            return configured
        try:
            return "" if is_none(text) else sendable(text)
        except (ValueError, AttributeError) as error:  # AttributeError: it is no text at all
            self.log.error("signature.not_used", form=form, reason=str(error))
            return configured

    def _scanned(self, message: Message) -> Part:
        scanner = Scanner()
        for chunk in message.chunks():
            (self.offload if len(chunk) > LARGE else directly)(scanner.feed, chunk)
        return scanner.close()

    def _edits(self, message: Message, part: Part, text: str, form: str) -> list[Edit]:
        """Raises Untouchable."""
        if part.size > LARGEST:
            raise Untouchable("it is too large")
        header, body = part_of(message, part.header_start, part.body_start), part_of(message, part.body_start, part.end)
        run = self.offload if len(header) + len(body) > LARGE else directly
        edits: list[Edit] = run(_changes, part, header, body, text, form)
        return edits


def _changes(part: Part, header: bytes, body: bytes, text: str, form: str) -> list[Edit]:
    changed = appended(part, body, text, form)
    return [*heading_edits(header, part, changed), Edit(part.body_start, part.end, (b"" if body else _separation(header)) + changed.body)]


def _separation(header: bytes) -> bytes:
    """What is missing between a header that stood alone and a body: else the signature would be read as a part of the header."""
    if header in (b"\r\n", b"\n") or header.endswith((b"\n\r\n", b"\n\n")):
        return b""
    return b"\r\n" if not header or header.endswith(b"\n") else b"\r\n\r\n"
