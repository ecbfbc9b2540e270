"""A mailbox that is searched, and what a matcher is that answers one kind of search key."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from . import masks

if TYPE_CHECKING:
    from postroom.context import Context
    from postroom.store.columns import Columns
    from postroom.store.mailboxes import Folder

    from .view import View

T = TypeVar("T")
SMALL = 20_000  # messages; passes over a larger mailbox are made off the hub


class Place(NamedTuple):
    """The mailbox that is searched. ``view``: as the client sees it, None when it is not selected."""

    context: Context
    folder: Folder  # as of now
    columns: Columns
    view: View | None
    now: float  # seconds since 1970
    check: Callable[[], None]  # called now and then; raises when it takes too long

    @property
    def all(self) -> int:
        """All messages that the client has been told of."""
        uids = self.columns.uids
        if self.view is None or self.view.uids is uids:
            return masks.full(len(uids))
        return masks.full(bisect_right(uids, self.view.uids[-1]) if self.view.uids else 0)

    def aside(self, work: Callable[[], T]) -> T:
        """Do a pass over the snapshot: here, or off the hub when it is large."""
        if len(self.columns) <= SMALL:
            return work()
        found: T = self.context.offload(work)
        return found


Find = Callable[[Place, tuple[Any, ...], int], int]


class Matcher(NamedTuple):
    """How a key is answered, and how dear that is: 0 from memory, 1 with columns from the database, 2 with the texts."""

    find: Find
    price: int = 0
