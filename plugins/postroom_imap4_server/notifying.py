"""What a client has asked for by NOTIFY (RFC 5465), and what is still to be told of it.

How this works. ``watched`` are the mailboxes but the selected one whose messages the client wants to hear of, each with the figures that
it knows; when one changes, its row is compared with them and a STATUS is sent. ``_nodes`` are all names as they were; when the folders
change, they are gathered anew and compared (``trees.compare``), and a LIST is sent for each that differs. What this very session
has changed is taken note of and not told (section 5).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from postroom.store.database import StoreUnavailable
from postroom.store.folders import SEPARATOR, above

from . import listing, trees
from .answers.answering import Answering
from .figures import FIGURES
from .grammar import writing
from .grammar.events import (
    DELAYED,
    FLAGS,
    GONE,
    MAILBOXES,
    METADATA,
    NAME,
    NEW,
    OF_MESSAGES,
    OF_SERVER,
    SUBSCRIPTION,
    SUBTREE,
    Group,
    Wanted,
)
from .grammar.fetching import Item
from .opening import OTHERS
from .refusals import No

if TYPE_CHECKING:
    from postroom.store.mailboxes import Folder

    from .listing import Node
    from .session import Session
    from .view import View

MOST_WATCHED = 1_000  # mailboxes; each change of one costs a look at it
BREATH = 500  # names
OVERFLOW = "NOTIFICATIONOVERFLOW"
OF_MAILBOXES = OF_MESSAGES | {METADATA}  # what a mailbox must be watched for


@dataclass(slots=True)
class Watched:
    """A mailbox whose messages the client wants to hear of."""

    name: str
    events: frozenset[str]
    known: Folder  # the figures that the client knows


class Notifying:
    """One NOTIFY. ``begin`` it before it counts."""

    __slots__ = ("_annotated", "_changed", "_mine", "_nodes", "_tree_changed", "_view", "_wanted", "_watched")

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self._watched: dict[int, Watched] = {}  # by mailbox id
        self._nodes: dict[str, Node] = {}
        self._changed: dict[int, bool] = {}  # mailbox id -> whether somebody else has changed it
        self._annotated: dict[int, dict[str, None]] = {}  # mailbox id (0: the server) -> names of entries
        self._mine: bool | None = None  # the selected mailbox has changed: by ourselves alone, or not
        self._tree_changed: bool | None = None  # True: by somebody else, False: by ourselves
        self._view: View | None = None  # the selected mailbox, when it was last looked at

    # --- what is watched

    @property
    def mailboxes(self) -> set[int]:
        """The ids of the mailboxes to watch, without the selected one."""
        return set(self._watched)

    @property
    def of_names(self) -> bool:
        """Whether the client wants to hear of changes in the tree; it is watched for the mailboxes' sake anyway."""
        return any(group.events & {NAME, SUBSCRIPTION} for group in self._wanted.groups)

    @property
    def immediate(self) -> bool:
        """Whether the selected mailbox is to be watched between commands."""
        return bool(self._wanted.selected and self._wanted.selected.events)

    def accounts(self, session: Session) -> set[int]:
        """The accounts whose folders are to be watched: our own, and those whose folders we see."""
        if not any(not group.selected for group in self._wanted.groups):
            return set()
        return {session.user.id} | {node.folder.account_id for node in self._nodes.values() if node.folder is not None}

    def begin(self, session: Session) -> None:
        """Find the mailboxes, and say what NOTIFY says before its OK (section 3.1). Raises No when there are too many."""
        self._look(session)
        if len(self._watched) > MOST_WATCHED:
            raise No("there are too many mailboxes", OVERFLOW)
        for name, node in self._nodes.items():
            if node.folder is not None and "r" not in node.rights and self._events(node, name) & OF_MESSAGES:
                session.send(trees.line(session, node, attributes=("\\NoAccess",)))
        if self._wanted.status:
            for watched in self._watched.values():
                if not watched.events & OF_MESSAGES:
                    continue
                items = [b"MESSAGES", b"UIDNEXT", b"UIDVALIDITY"] + [b"HIGHESTMODSEQ"] * (FLAGS in watched.events)
                session.send(_status(session, watched.name, watched.known, items))

    # --- what happens

    def heard(self, kind: str, number: int, *, mine: bool) -> None:
        """A mailbox ("mailbox") or the folders of an account ("account") have changed; ``mine``: by this session."""
        if kind == "account":
            self._tree_changed = bool(self._tree_changed) or not mine
        elif self._view is not None and self._view.folder.id == number:
            self._mine = mine and self._mine is not False
        elif number in self._watched:
            self._changed[number] = self._changed.get(number, False) or not mine

    def annotated(self, mailbox_id: int, entries: Iterable[str]) -> None:
        """Entries of a mailbox (of the server when 0) have changed."""
        if mailbox_id in self._watched or not mailbox_id:
            self._annotated.setdefault(mailbox_id, {}).update(dict.fromkeys(entries))

    def tell(self, session: Session, *, expunges: bool) -> None:
        """Tell what has been heard of. ``expunges``: messages that are gone may be told too. Raises StoreUnavailable."""
        self._tell_selected(session, expunges)
        if self._view is not session.view:  # SELECT and CLOSE change what is watched
            self._view = session.view
            session.observe()
        if self._tree_changed is not None:
            self._tell_names(session, told=self._tree_changed)
        if self._annotated:
            self._tell_entries(session)
        while self._changed:
            mailbox_id = next(iter(self._changed))
            told = self._changed.pop(mailbox_id)  # before the look: what is heard of during it is looked at again
            try:
                self._tell_figures(session, mailbox_id, told=told)
            except BaseException:
                self._changed[mailbox_id] = self._changed.get(mailbox_id, False) or told
                raise

    def tell_between(self, session: Session) -> None:
        """The same while no command is under way: EXPUNGE only for SELECTED (section 6.1)."""
        selected = self._wanted.selected
        self.tell(session, expunges=selected is not None and selected.filter != DELAYED)

    # --- inside

    def _tell_selected(self, session: Session, expunges: bool) -> None:
        view, selected = session.view, self._wanted.selected
        if view is None or selected is None or not selected.events:
            return
        known = view.announced
        view.updates(session, expunge=expunges, flags=FLAGS in selected.events)
        mine, self._mine = self._mine, None
        if selected.items and view.announced > known and not mine:  # section 5.2
            Answering(session, _asked(session, selected.items)).send(range(bisect_left(view.uids, known), len(view.uids)))

    def _tell_names(self, session: Session, *, told: bool) -> None:
        """Compare the names with what they were, and tell what is different."""
        before, self._tree_changed = self._nodes, None  # what changes while we look is told the next time
        try:
            self._look(session)
        except StoreUnavailable:
            self._tree_changed = told
            raise
        self._first_messages(before)
        session.observe()
        if len(self._watched) > MOST_WATCHED:
            self.stop(session)
        elif told and self.of_names:
            for name, change in trees.compare(before, self._nodes).items():
                events = self._events(change.node, name) | (self._events(change.node, change.old) if change.old else frozenset())
                if change.event in events:
                    session.send(trees.line(session, change.node, old=change.old))

    def _first_messages(self, before: dict[str, Node]) -> None:
        """A mailbox that is new may have messages already, or get some before it is watched: look at it once it is."""
        known = {node.folder.id for node in before.values() if node.folder is not None}
        for mailbox_id in self._watched.keys() - known:
            watched = self._watched[mailbox_id]
            if watched.known.uidnext > 1:
                watched.known = replace(watched.known, uidnext=1, modseq=0, messages=0, unseen=0)
            self._changed[mailbox_id] = True

    def _tell_figures(self, session: Session, mailbox_id: int, *, told: bool) -> None:
        watched = self._watched.get(mailbox_id)
        now = session.context.mailboxes.by_id(mailbox_id)
        if watched is None or now is None or (session.view is not None and session.view.folder.id == mailbox_id):
            return
        old, watched.known = watched.known, now
        items = _news(old, now, watched.events, condstore=session.condstore)
        if told and items:
            session.send(_status(session, watched.name, now, items))

    def _tell_entries(self, session: Session) -> None:
        """Sections 5.6 and 5.7; the client asks for the values."""
        annotated, self._annotated = self._annotated, {}
        for mailbox_id, entries in annotated.items():
            watched = self._watched.get(mailbox_id)
            events = {event for group in self._wanted.groups for event in group.events} if not mailbox_id else set()
            if OF_SERVER in events or (watched is not None and METADATA in watched.events):
                name = writing.mailbox(watched.name if watched is not None else "", utf8=session.utf8)
                session.send(b"* METADATA %s %s\r\n" % (name, b" ".join(writing.astring(entry.encode()) for entry in entries)))

    def stop(self, session: Session) -> None:
        """There is too much to tell: from now on nothing is (section 5.8)."""
        session.untagged(f"OK [{OVERFLOW}] There are too many mailboxes, nothing is told from here on")
        self._wanted = Wanted()
        self._watched, self._nodes, self._changed = {}, {}, {}
        session.observe()

    def _look(self, session: Session) -> None:
        """Gather the names, and find the mailboxes to watch."""
        if not any(not group.selected for group in self._wanted.groups):
            return
        self._nodes = listing.gather(session, others=True, subscribed=True)
        watched: dict[int, Watched] = {}
        for count, (name, node) in enumerate(self._nodes.items(), 1):
            if count % BREATH == 0:
                session.out.breathe()
            events = self._events(node, name) & OF_MAILBOXES
            if events and node.folder is not None and "r" in node.rights:
                old = self._watched.get(node.folder.id)
                watched[node.folder.id] = Watched(name, events, node.folder if old is None else old.known)
        self._watched = watched

    def _events(self, node: Node, name: str) -> frozenset[str]:
        """All that the client wants to hear of a mailbox: several groups may be about it (section 6)."""
        return frozenset[str]().union(*(group.events for group in self._wanted.groups if _matches(group, node, name)))


def _asked(session: Session, items: Iterable[Item]) -> list[Item]:
    r"""What to fetch of new messages. Nothing is marked as \\Seen: the client has not read it."""
    wanted = [item._replace(peek=True) for item in items if item.name != "UID"]
    return wanted if session.uidonly else [Item("UID"), *wanted]


def _matches(group: Group, node: Node, name: str) -> bool:
    if group.filter == MAILBOXES:
        return name in group.names
    if group.filter == SUBTREE:
        return name in group.names or any(top in group.names for top in above(name))
    if group.filter == b"SUBSCRIBED":
        return node.subscribed
    return (
        not group.selected and name.partition(SEPARATOR)[0] != OTHERS
    )  # INBOXES is PERSONAL: mail may be delivered anywhere (section 6.3)


def _news(old: Folder, now: Folder, events: frozenset[str], *, condstore: bool) -> list[bytes]:
    """The figures that tell what has changed; [] when nothing has that the client wants to know."""
    modseq = [b"HIGHESTMODSEQ"] if condstore else []
    if events & {NEW, GONE} and (old.uidnext, old.messages) != (now.uidnext, now.messages):
        return [b"UIDNEXT", b"MESSAGES", *modseq]  # sections 5.2 and 5.3
    if FLAGS not in events or old.modseq == now.modseq:
        return []
    unseen = [b"UNSEEN"] if old.unseen != now.unseen else []
    return [*modseq, b"UIDVALIDITY", *unseen] if modseq or unseen else []  # section 5.1


def _status(session: Session, name: str, folder: Folder, items: list[bytes]) -> bytes:
    told = b" ".join(b"%s %s" % (item, FIGURES[item](session, folder)) for item in items)
    return b"* STATUS %s (%s)\r\n" % (writing.mailbox(name, utf8=session.utf8), told)
