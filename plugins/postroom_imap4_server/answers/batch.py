"""Some messages that are answered for together: enough to make each cheap, few enough to bound memory and time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import compress
from typing import TYPE_CHECKING, TypeVar

from postroom.store.kept import PIECE
from postroom.store.letter import Letter

if TYPE_CHECKING:
    from postroom.store.columns import Columns

    from ..session import Session
    from ..view import View

T = TypeVar("T")

SMALL = 256 * 1024  # bytes of a message that is answered in memory; larger ones are streamed, each by itself
TOGETHER = 1024 * 1024  # bytes of messages that are in memory at a time
MOST_LETTERS = 100  # messages that are read at a time

Column = tuple[bytes, Sequence[Iterable[object]]]  # a piece of a response with places for values (%d, %b), and the values for each place


class Batch:
    """Messages of a view, ascending: their indexes in it, and in the columns. What has gone from the store is not among them."""

    __slots__ = ("columns", "positions", "rows", "seen", "session", "uids", "view")

    def __init__(self, session: Session, view: View, positions: Sequence[int]) -> None:
        self.session, self.view = session, view
        self.columns: Columns = view.columns
        self.seen: set[int] = set()  # UIDs that have just become \Seen by this very FETCH
        self.positions = self.rows = positions
        if view.uids is not self.columns.uids:
            pairs = [(position, row) for position in positions if (row := view.row(position)) >= 0]
            self.positions, self.rows = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
        self.uids = self.take(self.columns.uids)

    def __len__(self) -> int:
        """How many messages."""
        return len(self.rows)

    @property
    def mailbox_id(self) -> int:
        """The mailbox."""
        return self.view.folder.id

    def take(self, column: Sequence[T]) -> Sequence[T]:
        """What a column holds for these messages."""
        rows = self.rows
        if isinstance(rows, range):
            return column[rows.start : rows.stop]
        return [column[row] for row in rows]

    def only(self, there: Sequence[bool]) -> Batch:
        """The same without some messages, that have turned out to be gone."""
        smaller = Batch(self.session, self.view, list(compress(self.positions, there)))
        smaller.seen = self.seen
        return smaller

    def split(self, uids: Sequence[int]) -> Iterator[Batch]:
        """Some of the messages, as many at a time as may be read into memory."""
        return batches(self.session, self.view, [self.view.position(uid) for uid in uids], times=1)

    def letters(self) -> list[Letter]:
        """Those of the messages that are there, ascending; the caller bounds how much that is."""
        context = self.session.context
        return [Letter(context.blobs, content) for content in context.mailboxes.contents(self.mailbox_id, self.uids)]


def batches(session: Session, view: View, positions: Sequence[int], *, times: int) -> Iterator[Batch]:
    """The messages in pieces. ``times``: how often the bytes of each may be in an answer; so a large one is a batch of its own."""
    if not times:
        for start in range(0, len(positions), PIECE):
            yield Batch(session, view, positions[start : start + PIECE])
        return
    start = total = 0
    for number, position in enumerate(positions):
        row = view.row(position)
        size = view.columns.sizes[row] * times if row >= 0 else 0
        if number > start and (total + size > TOGETHER or (number - start) * times >= MOST_LETTERS or size > SMALL):
            yield Batch(session, view, positions[start:number])
            start, total = number, 0
        total += size
    if start < len(positions):
        yield Batch(session, view, positions[start:])
