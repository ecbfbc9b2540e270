"""Data items that depend on nothing but the message's bytes, and are kept: structure, envelope, preview, sets of header fields."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from postroom.mail.structure import body, header_fields, load
from postroom.store.database import StoreUnavailable
from postroom.store.kept import BODYSTRUCTURE, ENVELOPE, LONGEST_ANSWER, PREVIEW, STRUCTURE, compute, fields_kind
from postroom.store.uids import ascending, clauses

from ..grammar.fetching import Item, Of
from ..grammar.writing import text
from .batch import SMALL
from .opened import QUICK, Opened, opened

if TYPE_CHECKING:
    from postroom.store.database import Tx

    from .batch import Batch, Column

MANY = 100  # messages that are asked for at once: then a set of header fields is worth keeping
LATER = b"\xff"  # in place of an answer that is not to be waited for
BREATH = 10  # messages that are taken apart between two rests

# Fields that a delivery puts in front of a message: kept answers do not know them (see postroom.store.appending: QUIET)
_IN_FRONT = re.compile(
    rb"return-path|received|delivered-to|x-original-to|authentication-results|received-spf|x-(?!priority$).*", re.IGNORECASE | re.DOTALL
)
_TOKEN = re.compile(rb"[!-9;-~]+")
PREFIXES = "SELECT uid, prefix FROM message WHERE mailbox_id = ? AND own = 0 AND length(prefix) > 0 AND"


class Known(NamedTuple):
    """A data item whose answers can be kept."""

    kind: str
    column: Callable[[Batch, Sequence[bytes]], Column]  # the values as they are kept, as a piece of the response


def known(item: Item) -> Known | None:
    """The kept kind that answers a data item; None for others."""
    section = item.section
    if section is None:
        return KNOWN.get(item.name)
    if item.name != "BODY" or section.of is not Of.FIELDS or section.path:
        return None
    names = frozenset(name.lower() for name in section.names)
    if not all(_TOKEN.fullmatch(name) for name in names):
        return None
    in_front = any(_IN_FRONT.fullmatch(name) for name in names)

    def column(batch: Batch, values: Sequence[bytes]) -> Column:
        if in_front:
            values = _with_prefixes(batch, values, names)
        if item.length is not None:
            values = [value[item.start : item.start + item.length] for value in values]
        return bytes(item).replace(b"%", b"%%") + b" {%d}\r\n%b", [map(len, values), values]

    return Known(fields_kind(names), column)


def _plain(name: str) -> Callable[[Batch, Sequence[bytes]], Column]:
    return lambda batch, values: (b"%b %%b" % name.encode(), [values])


def _body(batch: Batch, values: Sequence[bytes]) -> Column:
    return b"BODY %b", [[body(load(value)) for value in values]]


def _preview(batch: Batch, values: Sequence[bytes]) -> Column:
    utf8 = batch.session.utf8
    return b"PREVIEW %b", [[b"NIL" if value is LATER else text(value.decode(), utf8=utf8) for value in values]]


KNOWN = {
    "ENVELOPE": Known(ENVELOPE, _plain("ENVELOPE")),
    "BODYSTRUCTURE": Known(BODYSTRUCTURE, _plain("BODYSTRUCTURE")),
    "BODY": Known(STRUCTURE, _body),
    "PREVIEW": Known(PREVIEW, _preview),
}


class Answers:
    """The kept answers of one FETCH: which kinds there are, and what is done for messages that have none yet."""

    def __init__(self, batch: Batch, names: Sequence[str], *, many: bool, lazy: Collection[str] = ()) -> None:
        self.batch, self.kept, self.lazy = batch, batch.session.context.kept, lazy
        self.kinds = {name: self.kept.kind(name, add=many or name == PREVIEW) for name in names}

    def of(self) -> dict[str, dict[int, bytes]]:
        """For each kind the answers by UID. Messages that are gone have none."""
        columns = self.batch.columns
        rows = [row for row in self.batch.rows if not columns.own[row]]
        blobs = [columns.blobs[row] for row in rows]
        found: dict[str, dict[int, bytes]] = {}
        for name, kind in self.kinds.items():
            by_blob = {} if kind is None else self.kept.answers(kind, blobs)
            found[name] = {columns.uids[row]: by_blob[blob] for row, blob in zip(rows, blobs, strict=True) if blob in by_blob}
        for name in self.lazy:  # RFC 8970 section 3.2: what takes time may be left for later
            late = (uid for row, uid in zip(self.batch.rows, self.batch.uids, strict=True) if columns.sizes[row] > SMALL)
            found[name] = dict.fromkeys(late, LATER) | found[name]
        missing = [uid for uid in self.batch.uids if any(uid not in answers for answers in found.values())]
        for some in self.batch.split(missing):
            self._compute(some.uids, found)
        return found

    def _compute(self, uids: Sequence[int], found: dict[str, dict[int, bytes]]) -> None:
        session, columns = self.batch.session, self.batch.columns
        own = {uid for uid in uids if columns.own[columns.position(uid)]}
        kinds = self.kept.kinds()
        fresh = []
        for number, letter in enumerate(self.batch.letters(uids)):
            with contextlib.suppress(KeyError):  # it has gone meanwhile
                message = opened(session, letter, own=letter.uid in own)
                names = found.keys() if letter.uid in own else found.keys() | kinds.keys()
                values = _computed(message, names)
                for name, answers in found.items():
                    answers[letter.uid] = values[name]
                if letter.uid not in own:
                    fresh += [(kind, letter.blob_id, values[name]) for name, kind in kinds.items() if len(values[name]) <= LONGEST_ANSWER]
            if number % BREATH == 0:
                session.out.breathe()
        with contextlib.suppress(StoreUnavailable):  # it can be computed again
            self.kept.keep(fresh)


def _computed(message: Opened, names: Iterable[str]) -> dict[str, bytes]:
    header, offload = message.header, message.session.context.offload
    values = {}
    for name in names:
        if name == PREVIEW or len(header) <= QUICK:  # previews may look into the database, which only this thread may do
            values[name] = compute(name, header, message.root, message.read)
        else:
            values[name] = offload(compute, name, header, message.root, message.read)
    return values


def _with_prefixes(batch: Batch, values: Sequence[bytes], names: frozenset[bytes]) -> list[bytes]:
    """With the fields that were put in front of the messages."""

    def work(tx: Tx) -> dict[int, bytes]:
        wanted = clauses(ascending(batch.uids))
        return {
            uid: bytes(prefix)
            for clause, params in wanted
            for uid, prefix in tx.execute(f"{PREFIXES} {clause}", (batch.mailbox_id, *params))
        }

    prefixes = batch.session.context.db.read(work)
    return [
        header_fields(prefixes[uid], names)[:-2] + value if uid in prefixes else value
        for uid, value in zip(batch.uids, values, strict=True)
    ]
