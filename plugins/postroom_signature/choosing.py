"""Which signature a message gets."""

from __future__ import annotations

import html
from collections.abc import Iterator

from postroom.mail.address import split
from postroom.mail.envelope import Envelope
from postroom.mail.local_domains import LocalDomains, fold_domain

from .settings import BLANK, Block, Settings, Texts


class Chooser:
    """The settings made ready."""

    def __init__(self, settings: Settings, local: LocalDomains) -> None:
        self._local = local
        self._all = Texts(outgoing=settings.outgoing, internal=settings.internal)
        self._domains = {fold_domain(name): texts for name, texts in settings.domains.items()}
        self._users = {name.lower(): texts for name, texts in settings.users.items()}

    def choose(self, envelope: Envelope, *, outgoing: bool) -> dict[str, str]:
        """The signature for "plain" and for "html", "" where there is none."""
        blocks = [texts.outgoing if outgoing else texts.internal for texts in self._places(envelope)]
        return {"plain": next(_plain(blocks), ""), "html": next(_html(blocks), "")}

    def wanted(self, envelope: Envelope, *, outgoing: bool) -> bool:
        """Whether the mail may get any at all: not that of others, no reports, and not that of a user who has said that there is none."""
        if not envelope.sender or not (envelope.user or envelope.local_origin):
            return False
        texts = self._users.get(self._user(envelope))
        block = (texts.outgoing if outgoing else texts.internal) if texts else Block()
        return not (is_none(block.text) and (block.html is None or is_none(block.html)))

    def _user(self, envelope: Envelope) -> str:
        return envelope.user or self._local.identity(envelope.sender)

    def _places(self, envelope: Envelope) -> Iterator[Texts]:
        domain = fold_domain(split(envelope.sender)[1]) or self._local.default
        for table, key in ((self._users, self._user(envelope)), (self._domains, domain)):
            if key in table:
                yield table[key]
        yield self._all


def is_none(text: str | None) -> bool:
    """Whether a text says that there is no signature."""
    return text is not None and text.strip() == BLANK


def _plain(blocks: list[Block]) -> Iterator[str]:
    for block in blocks:
        if block.text is not None:
            yield "" if is_none(block.text) else block.text


def _html(blocks: list[Block]) -> Iterator[str]:
    for block in blocks:
        if block.html is not None:
            yield "" if is_none(block.html) else block.html
        elif block.text is not None:
            yield "" if is_none(block.text) else _as_html(block.text)


def _as_html(text: str) -> str:
    return "<div>" + "<br>\n".join(html.escape(line, quote=False) for line in text.splitlines()) + "</div>"
