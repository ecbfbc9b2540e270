"""The arguments of NOTIFY (RFC 5465 section 8)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ..refusals import No
from .fetching import Item, read_items

if TYPE_CHECKING:
    from .reader import Reader

NEW, GONE, FLAGS, NAME, SUBSCRIPTION = "MessageNew", "MessageExpunge", "FlagChange", "MailboxName", "SubscriptionChange"
METADATA, OF_SERVER = "MailboxMetadataChange", "ServerMetadataChange"
SUPPORTED = {name.upper().encode(): name for name in (NEW, GONE, FLAGS, NAME, SUBSCRIPTION, METADATA, OF_SERVER)}
UNSUPPORTED = frozenset({b"ANNOTATIONCHANGE"})
OF_MESSAGES = frozenset({NEW, GONE, FLAGS})
SELECTED, DELAYED, SUBTREE, MAILBOXES = b"SELECTED", b"SELECTED-DELAYED", b"SUBTREE", b"MAILBOXES"
FILTERS = frozenset({SELECTED, DELAYED, b"INBOXES", b"PERSONAL", b"SUBSCRIBED", SUBTREE, MAILBOXES})
MOST_GROUPS = 20


class Group(NamedTuple):
    """Some mailboxes, and what the client wants to know of them."""

    filter: bytes  # one of FILTERS
    names: frozenset[str] = frozenset()  # of SUBTREE and MAILBOXES
    events: frozenset[str] = frozenset()
    items: tuple[Item, ...] = ()  # what to fetch of new messages

    @property
    def selected(self) -> bool:
        """Whether it is about the selected mailbox."""
        return self.filter in (SELECTED, DELAYED)


class Wanted(NamedTuple):
    """All that one NOTIFY asks for; without groups: nothing."""

    groups: tuple[Group, ...] = ()
    status: bool = False  # STATUS first

    @property
    def selected(self) -> Group | None:
        """What is asked for of the selected mailbox."""
        return next((group for group in self.groups if group.selected), None)


def read_notify(reader: Reader) -> Wanted:
    """``NONE``, or ``SET [STATUS] (filter events) …``. Raises Bad, and No for events that are not supported."""
    word = reader.word()
    if word == b"NONE":
        reader.end()
        return Wanted()
    if word != b"SET":
        raise reader.bad("SET or NONE was expected")
    reader.sp()
    status = reader.take(b"STATUS ")
    groups = [_group(reader)]
    while not reader.at_end():
        reader.sp()
        groups.append(_group(reader))
        if len(groups) > MOST_GROUPS:
            raise No("too many event groups", "NOTIFICATIONOVERFLOW")
    if sum(group.selected for group in groups) > 1:
        raise reader.bad("the selected mailbox can be asked for once")  # section 6.1
    return Wanted(tuple(groups), status)


def _group(reader: Reader) -> Group:
    reader.expect(b"(")
    word = reader.word()
    if word not in FILTERS:
        raise reader.bad("there is no such set of mailboxes")
    reader.sp()
    names: frozenset[str] = frozenset()
    if word in (SUBTREE, MAILBOXES):
        names = frozenset(reader.one_or_list(reader.mailbox))
        reader.sp()
    group = Group(word, names)
    if not reader.take(b"NONE"):
        group = _events(reader, group)
    reader.expect(b")")
    return group


def _events(reader: Reader, group: Group) -> Group:
    """The events of a group, checked (section 5). Raises Bad and No."""
    found: set[bytes] = set()
    items: tuple[Item, ...] = ()
    reader.expect(b"(")
    while True:
        word = reader.word()
        found.add(word)
        if word == NEW.upper().encode() and reader.peek(b" ("):
            reader.sp()
            items = read_items(reader)
        if reader.take(b")"):
            break
        reader.sp()
    if found & UNSUPPORTED:
        raise No("the event is not supported", f"BADEVENT ({' '.join(SUPPORTED.values())})")  # section 3.1
    if unknown := found - SUPPORTED.keys():
        raise reader.bad(f"there is no event {min(unknown).decode()}")
    events = frozenset(SUPPORTED[word] for word in found)
    _check(reader, group, events, fetches=bool(items))
    return group._replace(events=events, items=items)


def _check(reader: Reader, group: Group, events: frozenset[str], *, fetches: bool) -> None:
    if events & OF_MESSAGES and not {NEW, GONE} <= events:
        raise reader.bad("MessageNew and MessageExpunge belong together, and FlagChange needs both")
    if group.selected and events - OF_MESSAGES:
        raise reader.bad("of the selected mailbox only events of messages can be asked for")  # section 6.1
    if fetches and not group.selected:
        raise reader.bad("only of the selected mailbox messages can be fetched")
