"""Answers one FETCH: from what is cheapest to have, many messages at a time, large ones in pieces as they are read."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from itertools import compress, islice
from typing import TYPE_CHECKING, cast

from postroom.store.database import StoreUnavailable
from postroom.store.flagging import Change, change_flags
from postroom.store.kept import STRUCTURE
from postroom.store.mailboxes import SEEN

from ..grammar.fetching import Item
from ..numbering import GONE
from ..refusals import Bye
from .batch import SMALL, TOGETHER, Batch, Column, batches
from .content import Content
from .facts import FACTS, seen_words
from .known import MANY, Answers, Known, known

if TYPE_CHECKING:
    from ..session import Session
    from ..view import View

Values = dict[str, list[bytes | None]]  # kind -> an answer for each message of a batch
Written = dict[int, dict[Item, bytes]]  # UID -> its parts
MARKED = 1_000  # messages that become \Seen in one transaction


class Answering:
    """The data items of one FETCH. ``unknown``: afterwards, whether a part could not be decoded."""

    def __init__(self, session: Session, items: Sequence[Item]) -> None:
        self.session, self.items = session, items
        self.view: View = session.selected
        self.known: dict[Item, Known] = {item: found for item in items if (found := known(item)) is not None}
        self.content = [item for item in items if item.section is not None and item not in self.known]
        self.kinds = {found.kind for found in self.known.values()}
        if any(item.section is not None and item.section.path for item in self.content):
            self.kinds.add(STRUCTURE)
        self.flags = any(item.name == "FLAGS" for item in items)
        self.marks = not all(item.peek for item in items) and not self.view.read_only and "s" in self.view.rights
        self.lazy = {found.kind for item, found in self.known.items() if item.lazy}
        self.unknown = False

    def send(self, positions: Sequence[int]) -> None:
        """Answer for these messages. Raises StoreUnavailable."""
        many = len(positions) >= MANY
        step = MARKED if self.marks else max(len(positions), 1)
        for start in range(0, len(positions), step):
            some = positions[start : start + step]
            seen = self._mark(some) if self.marks else set()
            if self.flags or self.marks:
                self.view.learn()  # now: to mark is to look at the mailbox anew
            for batch in batches(self.session, self.view, some, times=len(self.content)):
                batch.seen = seen
                self._answer(batch, many=many)
                self.session.out.breathe()

    def _mark(self, positions: Sequence[int]) -> set[int]:
        r"""Set \Seen; the UIDs that did not have it (RFC 9051 section 6.4.5)."""
        view, context = self.view, self.session.context
        batch, mailbox_id, owner = Batch(self.session, view, positions), view.folder.id, (view.folder.account_id,)
        unseen = [uid for bits, uid in zip(batch.take(batch.columns.flags), batch.uids, strict=True) if not bits & SEEN]
        if not unseen:
            return set()
        try:
            flagged = context.db.write(lambda tx: change_flags(tx, mailbox_id, unseen, Change("add", SEEN)), locks=owner)
        except KeyError:
            raise Bye(GONE) from None
        except StoreUnavailable:  # a full disk: mail can be read all the same
            return set()
        context.columns.applied(mailbox_id, flagged)
        view.refresh(flagged)
        if flagged.changed:
            self.session.changed(mailbox_id)
        return set(flagged.changed)

    def _answer(self, batch: Batch, *, many: bool) -> None:
        values: Values = {}
        if self.kinds:
            batch, values = _there(batch, Answers(batch, self.kinds, many=many, lazy=self.lazy).of())
        written: Written = {}
        if self.content:
            contents = self._contents(batch, values.get(STRUCTURE))
            if len(contents) == len(batch) == 1 and contents[0].letter.size * len(self.content) > SMALL:
                self._stream(batch, values, contents[0])
                return
            written = self._written(contents)
            batch, values = _there(batch, values, written)
        self._send(batch, values, written)

    def _contents(self, batch: Batch, structures: Sequence[bytes | None] | None) -> list[Content]:
        own = dict(zip(batch.uids, batch.take(batch.columns.own), strict=True))
        known = dict(zip(batch.uids, structures, strict=True)) if structures is not None else {}
        return [Content(self.session, one, own=bool(own[one.uid]), structure=known.get(one.uid)) for one in batch.letters()]

    def _written(self, contents: Sequence[Content]) -> Written:
        """The parts of messages that are small; those that go meanwhile are left out."""
        written: Written = {}
        for content in contents:
            with contextlib.suppress(KeyError):
                written[content.letter.uid] = {item: content.answer(item) for item in self.content}
                self.unknown = self.unknown or content.unknown
        return written

    def _send(self, batch: Batch, values: Values, written: Written) -> None:
        columns = [self._column(item, batch, values, written) for item in self.items]
        form = b" ".join(fragment for fragment, _ in columns)
        filled = [one for _, places in columns for one in places]
        if batch.seen and not self.flags:
            form, filled = form + b"%b", [*filled, seen_words(batch)]
        if self.session.uidonly:  # RFC 9586 section 3.2
            form, numbers = b"* %d UIDFETCH (" + form + b")\r\n", batch.uids
        else:
            form, numbers = b"* %d FETCH (" + form + b")\r\n", [position + 1 for position in batch.positions]
        rows, most = zip(numbers, *filled, strict=True), max(TOGETHER // len(form), 1)  # the names of header fields may be long
        while lines := [form % row for row in islice(rows, most)]:
            self.session.send(b"".join(lines))
            self.session.out.breathe()

    def _column(self, item: Item, batch: Batch, values: Values, written: Written) -> Column:
        found = self.known.get(item)
        if found is not None:
            return found.column(batch, cast("Sequence[bytes]", values[found.kind]))
        if item.section is not None:
            return b"%b", [[written[uid][item] for uid in batch.uids]]
        return FACTS[item.name](batch)

    def _stream(self, batch: Batch, values: Values, content: Content) -> None:
        """One large message: what is small first, then its parts as they are read."""
        out = self.session.out
        small = [self._column(item, batch, values, {}) for item in self.items if item not in self.content]
        form = b" ".join(fragment for fragment, _ in small) % tuple(next(iter(one)) for _, places in small for one in places)
        if batch.seen and not self.flags:
            form += seen_words(batch)[0]
        try:
            out.midway = True
            out.write(self.view.head(batch.positions[0]) + form.lstrip())
            for number, item in enumerate(self.content):
                out.write(b" " if number or form else b"")
                content.send(item)
            out.write(b")\r\n")
        except KeyError as error:
            raise StoreUnavailable("the message was removed while it was sent") from error
        out.midway = False
        self.unknown = self.unknown or content.unknown


def _there(batch: Batch, values: Values, written: Written | None = None) -> tuple[Batch, Values]:
    """What is left when messages have turned out to be gone."""
    gone = {number for column in values.values() if None in column for number, value in enumerate(column) if value is None}
    if written is not None and len(written) < len(batch):
        gone |= {number for number, uid in enumerate(batch.uids) if uid not in written}
    if not gone:
        return batch, values
    there = [number not in gone for number in range(len(batch))]
    return batch.only(there), {name: list(compress(column, there)) for name, column in values.items()}
