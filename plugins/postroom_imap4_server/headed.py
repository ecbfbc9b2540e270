"""What is known of the headers of a mailbox's messages, as columns beside those of its snapshot: loaded once, shared by all sessions."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from postroom.mail.folding import fold
from postroom.mail.structure.fields import body_start
from postroom.mail.structure.heading import heading, thread_number
from postroom.store import headings

from . import carried

if TYPE_CHECKING:
    from postroom.context import Context
    from postroom.store.columns import Columns
    from postroom.store.database import Row, Tx

PIECE = 5_000  # messages at a time: between two of them others have their turn
UNKNOWN = 50  # messages read at a time whose heading is not kept
OF_THREADS = ("message_id", "refs")
NAMES = [name.strip() for name in headings.FIELDS.split(",")]

KEPT = (
    "SELECT message.uid, {names} FROM message JOIN heading ON heading.blob_id = message.blob_id"
    " WHERE mailbox_id = ? AND uid BETWEEN ? AND ? AND own = 0"
)
HEADERS = (
    "SELECT uid, own, blob_id, prefix, substr(data, 1, 262144) FROM message JOIN blob ON blob.id = blob_id"
    " WHERE mailbox_id = ? AND uid IN ({marks})"
)

Check = Callable[[], None]


def column(context: Context, columns: Columns, name: str, check: Check) -> list[Any]:
    """One of store.headings.FIELDS for each message, in the order of UIDs; texts of ``folded`` names are folded.

    ``check`` is called between the pieces and may raise. What is missing is read from the messages, and kept. Raises StoreUnavailable.
    """
    return several(context, columns, (name,), check)[0]


def several(context: Context, columns: Columns, names: Sequence[str], check: Check) -> list[list[Any]]:
    """Several such columns; what is not loaded yet is loaded together."""
    found: dict[str, list[Any]] = {name: carried.begun(columns, ("heading", name), []) for name in dict.fromkeys(names)}
    for known in {len(values) for values in found.values()} - {len(columns)}:
        lacking = [name for name, values in found.items() if len(values) == known]
        for name, values in zip(lacking, _from(context, columns, lacking, known, check), strict=True):
            found[name] = found[name] + values
    for name, values in found.items():
        carried.keep(columns, ("heading", name), values)
    return [found[name] for name in names]


def folded(context: Context, columns: Columns, name: str, check: Check) -> list[str]:
    """A column of texts, folded."""
    found: list[str] = carried.begun(columns, ("folded", name), [])
    if len(found) < len(columns):
        [texts] = _from(context, columns, [name], len(found), check)
        found = found + context.offload(_fold, texts)
    carried.keep(columns, ("folded", name), found)
    return found


def _fold(texts: list[str]) -> list[str]:
    return list(map(fold, texts))


def threads(context: Context, columns: Columns, check: Check) -> Sequence[int]:
    """The number of each message's thread, as THREADID tells it."""
    found: array[int] = carried.begun(columns, ("threads", ""), array("Q"))
    if len(found) < len(columns):
        ids, references = _from(context, columns, OF_THREADS, len(found), check)
        found = found + context.offload(_threads, ids, references, columns.blobs[len(found) :])
    carried.keep(columns, ("threads", ""), found)
    return found


def _threads(ids: Sequence[str], references: Sequence[str], blobs: Sequence[int]) -> array[int]:
    begun = ((refs.partition(" ")[0] or own, blob) for own, refs, blob in zip(ids, references, blobs, strict=True))
    return array("Q", (thread_number(name) if name else alone(blob) for name, blob in begun))


def alone(blob_id: int) -> int:
    """The number of the thread that a message is by itself when its header names no message."""
    return thread_number(f"blob {blob_id}")


def _from(context: Context, columns: Columns, names: Sequence[str], first: int, check: Check) -> list[list[Any]]:
    """Such columns for the messages from row ``first`` on."""
    found: list[list[Any]] = [[] for _ in names]
    for start in range(first, len(columns), PIECE):
        check()
        for one, values in zip(found, _piece(context, columns, names, range(start, min(start + PIECE, len(columns)))), strict=True):
            one.extend(values)
    return found


def _piece(context: Context, columns: Columns, names: Sequence[str], rows: range) -> list[Sequence[Any]]:
    uids = columns.uids[rows.start : rows.stop]
    bounds = (columns.mailbox_id, uids[0], uids[-1])
    sql = KEPT.format(names=", ".join(names))
    known: dict[int, Row] = {row[0]: row[1:] for row in context.db.read_slow(lambda tx: tx.execute(sql, bounds))}
    missing = [uid for uid in uids if uid not in known]
    places = [NAMES.index(name) for name in names]
    for start in range(0, len(missing), UNKNOWN):
        for uid, values in _read(context, columns, missing[start : start + UNKNOWN]).items():
            known[uid] = tuple(values[place] for place in places)
    empty = tuple(_EMPTY[place] for place in places)
    return list(zip(*[known.get(uid, empty) for uid in uids], strict=True))  # one that has gone meanwhile says nothing


def _read(context: Context, columns: Columns, uids: Sequence[int]) -> dict[int, Row]:
    """The headings of these messages, from their bytes; the memo keeps those that belong to a copy alone, the store all others."""
    own: dict[int, Row] = columns.memo.setdefault("own headings", {})
    wanted = [uid for uid in uids if uid not in own]
    if wanted:
        sql = HEADERS.format(marks=", ".join("?" * len(wanted)))
        rows = context.db.read_slow(lambda tx: tx.execute(sql, (columns.mailbox_id, *wanted)))
        made: list[tuple[int, int, int, Any]] = context.offload(_made, rows)
        kept = [(blob_id, found) for _, alone, blob_id, found in made if not alone]
        if kept:
            _keep(context, kept)
        fresh = {uid: headings.row(found) for uid, _, _, found in made}
        own.update((uid, fresh[uid]) for uid, alone, _, _ in made if alone)
    else:
        fresh = {}
    return {uid: own.get(uid) or fresh[uid] for uid in uids if uid in own or uid in fresh}


def _made(rows: list[Row]) -> list[tuple[int, int, int, Any]]:
    found = []
    for uid, own, blob_id, prefix, first in rows:
        data = (bytes(prefix) if own else b"") + bytes(first or b"")
        end = body_start(data)
        found.append((uid, own, blob_id, heading(data[:end] if end >= 0 else data)))
    return found


def _keep(context: Context, kept: list[tuple[int, Any]]) -> None:
    def work(tx: Tx) -> None:
        headings.keep(tx, kept)

    context.db.write(work)


_EMPTY: list[Any] = [None, None, "", "", 0, *[""] * (len(NAMES) - 5)]
