"""Who is to be woken when a mailbox or a folder tree changes: one index for all sessions of a worker.

News say what has changed, here, in other workers and on other nodes. They may get lost, so one look at all watched mailboxes every
half minute finds what they did not tell.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

import gevent

from postroom.store.database import StoreUnavailable

if TYPE_CHECKING:
    from postroom.context import Context
    from postroom.news import Fact
    from postroom.store.database import Tx

    from .session import Session

LOOK_SECONDS = 30.0
AT_ONCE = 500  # mailboxes of one query, sessions woken before others may run


class Watching:
    """The watched mailboxes and accounts of one worker, each with the sessions that watch it."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._mailboxes: dict[int, set[Session]] = {}
        self._accounts: dict[int, set[Session]] = {}  # whose folder trees are watched
        self._watched: dict[Session, tuple[tuple[int, ...], tuple[int, ...]]] = {}
        self._seen: dict[int, int] = {}  # mailbox -> modseq at the last look
        self._looker: Any = None
        context.news.subscribe("mailbox", lambda fact: self._changed(self._mailboxes, fact, "mailbox"))
        context.news.subscribe("folders", lambda fact: self._changed(self._accounts, fact, "account"))
        context.news.subscribe("metadata", self._annotated)

    def start(self) -> None:
        """Look now and then."""
        self._looker = gevent.spawn(self._look_on)

    def stop(self) -> None:
        """Look no more."""
        if self._looker is not None:
            self._looker.kill(block=False)

    def watch(self, session: Session, mailboxes: Iterable[int], accounts: Iterable[int] = ()) -> None:
        """From now on ``session.woken_by`` is called for changes of these mailboxes and folder trees, and of no others."""
        self.forget(session)
        watched = self._watched[session] = (tuple(mailboxes), tuple(accounts))
        for index, ids in zip((self._mailboxes, self._accounts), watched, strict=True):
            for one in ids:
                index.setdefault(one, set()).add(session)

    def forget(self, session: Session) -> None:
        """The session watches nothing more."""
        watched = self._watched.pop(session, None)
        if watched is None:
            return
        for index, ids in zip((self._mailboxes, self._accounts), watched, strict=True):
            for one in ids:
                sessions = index[one]
                sessions.discard(session)
                if not sessions:
                    del index[one]
                    self._seen.pop(one, None)

    def look(self) -> None:
        """Find, off the hub, which watched mailboxes have changed since the last look, and wake who watches them."""
        ids = iter(list(self._mailboxes))
        while some := list(islice(ids, AT_ONCE)):
            for mailbox_id, modseq in self._context.db.read_slow(partial(_modseqs, some)):
                if self._seen.get(mailbox_id) != modseq and mailbox_id in self._mailboxes:
                    self._seen[mailbox_id] = modseq
                    self._wake(self._mailboxes, mailbox_id, "mailbox")
            gevent.sleep(0)
        for account_id in list(self._accounts):  # few: only NOTIFY watches them, and compares by itself
            self._wake(self._accounts, account_id, "account")

    def _look_on(self) -> None:
        while True:
            gevent.sleep(LOOK_SECONDS)
            try:
                self.look()
            except StoreUnavailable as error:
                self._context.log.warning("imap.look_failed", reason=str(error))

    def _changed(self, index: dict[int, set[Session]], fact: Fact, kind: str) -> None:
        self._wake(index, fact.get(kind, 0), kind)

    def _annotated(self, fact: Fact) -> None:
        """Entries of a mailbox (of the server when 0) have changed, of one account or everybody's (0)."""
        mailbox_id, account, entries = fact.get("mailbox", 0), fact.get("account", 0), fact.get("entries", ())
        for session in tuple(self._mailboxes.get(mailbox_id, ()) if mailbox_id else self._watched):
            if account in (0, session.user.id):
                session.annotated(mailbox_id, entries)

    def _wake(self, index: dict[int, set[Session]], one: int, kind: str) -> None:
        for session in tuple(index.get(one, ())):
            session.woken_by(kind, one)


def _modseqs(ids: list[int], tx: Tx) -> list[tuple[Any, ...]]:
    return tx.execute(f"SELECT id, modseq FROM mailbox WHERE id IN ({', '.join('?' * len(ids))})", ids)  # noqa: S608  # only ?
