"""Copying and moving messages between mailboxes: rights, quota, and what the client learns of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postroom.store.copying import Pairs, copy, move
from postroom.store.database import Conflict
from postroom.store.flagging import Change, change_flags
from postroom.store.mailboxes import ANSWERED, BY_ID, DELETED, DRAFT, FLAGGED, SEEN, Folder
from postroom.store.quota import Quota, hold, quota

from .grammar.writing import number_set
from .refusals import No

if TYPE_CHECKING:
    from postroom.store.database import Tx

    from .choosing import Chosen
    from .opening import Opened
    from .session import Session

KEEPS = {"s": SEEN, "t": DELETED, "w": ANSWERED | FLAGGED | DRAFT}  # RFC 4314 section 4: flags that a copy keeps by right


def transfer(session: Session, chosen: Chosen, target: Opened, *, uid: bool, move: bool = False) -> Pairs:
    """Copy or move the chosen messages of the selected mailbox; UIDs there and here.

    By number all of them or, with No, none; by UID those that are gone are left out (RFC 9051 section 6.4.9).
    """
    view = session.selected
    work = _Work(session, chosen, target, whole=0 if uid else chosen.total)
    try:
        accounts = (view.folder.account_id, target.account)
        pairs = session.context.db.write(work.move if move else work.copy, locks=accounts) if chosen.total else []
    except Conflict:
        raise No("the mailbox is gone", "TRYCREATE") from None
    if pairs:
        session.changed(*({target.folder.id, view.folder.id} if move else {target.folder.id}))
    return pairs


def copyuid(target: Opened, pairs: Pairs) -> str:
    """The response code COPYUID (RFC 4315 section 3); "" when nothing was copied, or the user may not look there."""
    if not pairs or "r" not in target.rights:
        return ""
    old, new = number_set(pair[0] for pair in pairs), number_set(pair[1] for pair in pairs)
    return f"[COPYUID {target.folder.uidvalidity} {old} {new}]"


class _Work:
    """One transaction; everything is known before, because it may run more than once."""

    def __init__(self, session: Session, chosen: Chosen, target: Opened, *, whole: int) -> None:
        view = session.selected
        self.uids, self.source, self.target = chosen.ranges(view), view.folder, target.folder
        self.whole = whole  # so many, or none; 0: as many as there are
        self.keep = session.settings.keep_dates_and_flags
        self.at = int(session.context.mailboxes.clock() * 1000)
        self.lacking = sum(bits for right, bits in KEEPS.items() if right not in target.rights)

    def copy(self, tx: Tx) -> Pairs:
        hold(tx, self.target.account_id)
        pairs = copy(tx, self.source.id, self.uids, self.target.id, keep_dates_and_flags=self.keep, at=self.at)
        return self._checked(tx, pairs, fits=False)

    def move(self, tx: Tx) -> Pairs:
        hold(tx, self.target.account_id)
        pairs = move(tx, self.source.id, self.uids, self.target.id, at=self.at)
        return self._checked(tx, pairs, fits=self.source.account_id == self.target.account_id)

    def _checked(self, tx: Tx, pairs: Pairs, *, fits: bool) -> Pairs:
        """Raises No, which undoes it all, when some are missing or there is no room."""
        if len(pairs) < self.whole:
            raise No("some of these messages are gone", "EXPUNGEISSUED")  # RFC 2180 section 4.4.1, RFC 5530 section 3
        if pairs and not fits and _over(quota(tx, self.target.account_id)):
            raise No("the quota of this account does not allow for that", "OVERQUOTA")  # RFC 9208 section 4.3.1
        if pairs and self.lacking:
            words = Folder(*tx.execute(BY_ID, (self.target.id,))[0]).keywords.split() if self.lacking & FLAGGED else ()
            change_flags(tx, self.target.id, [new for _, new in pairs], Change("remove", self.lacking, tuple(words)))
        return pairs


def _over(now: Quota) -> bool:
    return bool(now.storage > now.storage_limit > 0 or now.messages > now.messages_limit > 0)
