"""Answers one FETCH: from what is cheapest to have, many messages at a time, large ones in pieces as they are read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from postroom.store.database import StoreUnavailable
from postroom.store.flagging import Change, change_flags
from postroom.store.mailboxes import SEEN

from ..grammar.fetching import Item
from ..refusals import Bye
from ..view import GONE
from .batch import SMALL, Batch, Column, batches
from .content import Content
from .facts import FACTS, seen_words
from .known import MANY, Answers, Known, known

if TYPE_CHECKING:
    from ..session import Session
    from ..view import View

MARKED = 1_000  # messages that become \Seen in one transaction


class Answering:
    """The data items of one FETCH. ``unknown``: afterwards, whether a part could not be decoded."""

    def __init__(self, session: Session, items: Sequence[Item]) -> None:
        self.session, self.items = session, items
        self.view: View = session.selected
        self.known: dict[Item, Known] = {item: found for item in items if (found := known(item)) is not None}
        self.content = [item for item in items if item.section is not None and item not in self.known]
        self.flags = any(item.name == "FLAGS" for item in items)
        self.marks = not all(item.peek for item in items) and not self.view.read_only and "s" in self.view.rights
        self.lazy = {found.kind for item, found in self.known.items() if item.lazy}
        self.unknown = False

    def send(self, positions: Sequence[int]) -> None:
        """Answer for these messages. Raises StoreUnavailable."""
        if self.flags or self.marks:
            self.view.learn()
        many = len(positions) >= MANY
        step = MARKED if self.marks else max(len(positions), 1)
        for start in range(0, len(positions), step):
            some = positions[start : start + step]
            seen = self._mark(some) if self.marks else set()
            for batch in batches(self.session, self.view, some, read=bool(self.content)):
                batch.seen = seen
                self._answer(batch, many=many)
                self.session.out.breathe()

    def _mark(self, positions: Sequence[int]) -> set[int]:
        r"""Set \Seen; the UIDs that did not have it (RFC 9051 section 6.4.5)."""
        view, context = self.view, self.session.context
        batch, mailbox_id = Batch(self.session, view, positions), view.folder.id
        unseen = [uid for row, uid in zip(batch.rows, batch.uids, strict=True) if not batch.columns.flags[row] & SEEN]
        if not unseen:
            return set()
        try:
            flagged = context.db.write(lambda tx: change_flags(tx, mailbox_id, unseen, Change("add", SEEN)))
        except KeyError:
            raise Bye(GONE) from None
        context.columns.applied(mailbox_id, flagged)
        view.refresh(flagged)
        if flagged.changed:
            self.session.changed(mailbox_id)
        return set(flagged.changed)

    def _answer(self, batch: Batch, *, many: bool) -> None:
        values = Answers(batch, [one.kind for one in self.known.values()], many=many, lazy=self.lazy).of() if self.known else {}
        alive = [uid for uid in batch.uids if all(uid in answers for answers in values.values())]
        contents: dict[int, Content] = {}
        if self.content:
            own = {uid for uid, row in zip(batch.uids, batch.rows, strict=True) if batch.columns.own[row]}
            contents = {one.uid: Content(self.session, one, own=one.uid in own) for one in batch.letters(alive)}
            alive = [uid for uid in alive if uid in contents]
        if len(alive) == 1 and contents and contents[alive[0]].letter.size > SMALL:
            self._stream(batch.only(alive), values, contents[alive[0]])
            return
        written = self._written(contents)
        if self.content:
            alive = [uid for uid in alive if uid in written]
        self._send(batch if len(alive) == len(batch) else batch.only(alive), values, written)

    def _written(self, contents: dict[int, Content]) -> dict[int, dict[Item, bytes]]:
        """The parts of messages that are small; those that go meanwhile are left out."""
        written: dict[int, dict[Item, bytes]] = {}
        for uid, content in contents.items():
            try:
                written[uid] = {item: content.answer(item) for item in self.content}
            except KeyError:
                continue
            self.unknown = self.unknown or content.unknown
        return written

    def _send(self, batch: Batch, values: dict[str, dict[int, bytes]], written: dict[int, dict[Item, bytes]]) -> None:
        columns = [self._column(item, batch, values, written) for item in self.items]
        form = b" ".join(fragment for fragment, _ in columns)
        filled = [one for _, places in columns for one in places]
        if batch.seen and not self.flags:
            form, filled = form + b"%b", [*filled, seen_words(batch)]
        if self.session.uidonly:  # RFC 9586 section 3.2
            form, numbers = b"* %d UIDFETCH (" + form + b")\r\n", batch.uids
        else:
            form, numbers = b"* %d FETCH (" + form + b")\r\n", [position + 1 for position in batch.positions]
        self.session.send(b"".join([form % row for row in zip(numbers, *filled, strict=True)]))

    def _column(self, item: Item, batch: Batch, values: dict[str, dict[int, bytes]], written: dict[int, dict[Item, bytes]]) -> Column:
        found = self.known.get(item)
        if found is not None:
            answers = values[found.kind]
            return found.column(batch, [answers[uid] for uid in batch.uids])
        if item.section is not None:
            return b"%b", [[written[uid][item] for uid in batch.uids]]
        return FACTS[item.name](batch)

    def _stream(self, batch: Batch, values: dict[str, dict[int, bytes]], content: Content) -> None:
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
