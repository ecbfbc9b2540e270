"""What is computed for each message is carried from one snapshot to the next: cut where messages have gone, extended by the new ones."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING, Any

from postroom.store.columns import between, cut

if TYPE_CHECKING:
    from postroom.store.columns import Columns

REMEMBERED = 200_000  # columns of larger mailboxes are computed for each command
MOST_GONE = 5_000  # 20 ms at worst


def begun(columns: Columns, key: tuple[str, str], nothing: Any) -> Any:
    """The values for the first messages, perhaps for all; ``nothing`` when none are known. Not to be changed: others see them too."""
    uids, values = columns.held.get(key, (columns.uids, nothing))
    if uids is columns.uids:
        return values
    stays = remaining(uids, columns.uids)
    return nothing if stays is None else cut(values, stays)


def keep(columns: Columns, key: tuple[Any, ...], values: Any) -> None:
    """The values for all messages, for this snapshot and those after it."""
    if len(columns) <= REMEMBERED:
        columns.held[key] = columns.uids, values
    else:
        columns.held.pop(key, None)


def remaining(old: array[int], new: array[int]) -> list[slice] | None:
    """The parts of ``old`` that ``new`` begins with, where it goes on with higher UIDs alone; else None.

    None too when so many have gone that looking for them would hold up others.
    """
    common = bisect_right(new, old[-1]) if old else 0
    if len(old) - common > MOST_GONE:
        return None
    gone: list[int] = []
    at = 0
    for before in range(len(old) - common):  # the first row that differs is one that has gone: the rows behind it have moved up
        at = bisect_left(range(common), True, lo=at, key=lambda row, before=before: old[row + before] != new[row])  # type: ignore[misc]
        gone.append(at + before)
    stays = between(gone, len(old))
    return stays if cut(old, stays) == new[:common] else None
