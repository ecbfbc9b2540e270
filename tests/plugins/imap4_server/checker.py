"""A client that believes only what the server tells it, and minds every word: whatever a server may not say is a Violation.

The client keeps its list of messages exactly as the RFC says: EXISTS lets it grow, EXPUNGE and VANISHED let it shrink, FETCH fills it
in. When nothing is pending any more, the list must agree with the store.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

COUNT = re.compile(rb"\* (\d+) (EXISTS|RECENT|EXPUNGE)")
FETCH = re.compile(rb"\* (\d+) (UID)?FETCH \((.*)\)", re.DOTALL)
UID, FLAGS, MODSEQ = re.compile(rb"(?<![A-Z])UID (\d+)"), re.compile(rb"FLAGS \(([^)]*)\)"), re.compile(rb"MODSEQ \((\d+)\)")
VANISHED = re.compile(rb"\* VANISHED (\(EARLIER\) )?([\d:,]+)")
HIGHEST = re.compile(rb"\[HIGHESTMODSEQ (\d+)\]")
NO_EXPUNGE = ("FETCH", "STORE", "SEARCH", "SORT", "THREAD", "SELECT")  # RFC 9051 section 7.5.1; and SELECT says how it is, not how it was
SYSTEM = ("\\Seen", "\\Answered", "\\Flagged", "\\Deleted", "\\Draft")

Truth = Sequence[tuple[int, frozenset[str]]]  # UIDs with their flags, ascending


class Violation(AssertionError):
    """The server has said what it may not say, or what is not so."""


@dataclass(eq=False)
class Known:
    """What the client knows of a message."""

    uid: int | None = None
    flags: frozenset[str] | None = None


@dataclass
class Model:
    """The client's list. ``qresync``, ``condstore``, ``rev2``: what it has enabled."""

    qresync: bool = False
    condstore: bool = False
    rev2: bool = False
    messages: list[Known] = field(default_factory=list)
    told: list[Known] = field(default_factory=list)  # messages whose flags came with the present command
    earlier: set[int] = field(default_factory=set)  # what has vanished before the present SELECT
    highest: int = 0  # modseq up to which this client knows everything
    seen: int = 0  # highest modseq that was told at all
    keywords: set[str] = field(default_factory=set)
    command: str = ""

    # --- a command

    def begin(self, command: str) -> None:
        """A command is sent: ``UID STORE``, ``NOOP``."""
        self.command = command
        self.told = []

    def hear(self, line: bytes) -> None:
        """An untagged response."""
        if found := COUNT.fullmatch(line):
            {b"EXISTS": self._exists, b"RECENT": self._recent, b"EXPUNGE": self._expunge}[found[2]](int(found[1]))
        elif found := FETCH.fullmatch(line):
            self._fetch(int(found[1]), found[3])
        elif found := VANISHED.fullmatch(line):
            self._vanished(bool(found[1]), list(numbers(found[2])))
        elif line.startswith(b"* FLAGS ("):
            self.keywords = {word for word in line[9:-1].decode().split() if not word.startswith("\\")}
        elif line.startswith((b"* BAD", b"* BYE")):
            raise Violation(f"{self.command}: {line!r}")
        if found := HIGHEST.search(line):
            self.highest = int(found[1])

    def end(self, tagged: bytes) -> None:
        """The tagged answer, without its tag."""
        if not tagged.startswith((b"OK", b"NO [EXPUNGEISSUED]")):
            raise Violation(f"{self.command}: {tagged!r}")
        if found := HIGHEST.search(tagged):
            self.highest = int(found[1])
        if self.command in {"NOOP", "CHECK"}:
            self.highest = max(self.highest, self.seen)  # everything has been told

    # --- SELECT

    def select(self, lines: Iterable[bytes], *, resyncs: bool = False) -> None:
        """What came with a SELECT; ``resyncs``: with QRESYNC, so that what was known before counts still."""
        before = [one for one in self.messages if one.uid is not None] if resyncs else []
        self.messages, self.earlier, self.seen = [], set(), 0
        lines = list(lines)
        place = next((number for number, line in enumerate(lines) if FETCH.fullmatch(line)), len(lines))
        for line in lines[:place]:
            self.hear(line)
        kept = [one for one in before if one.uid not in self.earlier]
        self._check(len(kept) <= len(self.messages), f"{len(kept)} messages are left of before, but only {len(self.messages)} exist")
        self.messages[: len(kept)] = kept
        for line in lines[place:]:
            self.hear(line)

    # --- what a client does itself

    def silently(self, messages: Iterable[Known], mode: str, flags: frozenset[str]) -> None:
        """A STORE with .SILENT has succeeded: the client knows by itself what has become of the flags, unless it was told."""
        for one in messages:
            if one not in self.told and one.flags is not None:
                one.flags = {"+": one.flags | flags, "-": one.flags - flags, "": flags}[mode]

    def agree(self, truth: Truth) -> None:
        """Nothing is pending: compare with the store."""
        uids = [uid for uid, _ in truth]
        self._check(len(self.messages) == len(uids), f"the client counts {len(self.messages)} messages, the store has {len(uids)}")
        for number, (one, (uid, flags)) in enumerate(zip(self.messages, truth, strict=True), 1):
            self._check(one.uid in {None, uid}, f"message {number} is {one.uid} to the client, {uid} in the store")
            self._check(one.flags in {None, flags}, f"UID {uid} has {one.flags} to the client, {flags} in the store")

    # --- inside

    def _check(self, fine: bool, words: str) -> None:
        if not fine:
            raise Violation(f"{self.command}: {words}")

    def _exists(self, count: int) -> None:
        self._check(count >= len(self.messages), f"EXISTS falls from {len(self.messages)} to {count}")
        self.messages += [Known() for _ in range(count - len(self.messages))]

    def _recent(self, count: int) -> None:
        self._check(not self.rev2, "RECENT in IMAP4rev2")
        self._check(count <= len(self.messages), f"{count} of {len(self.messages)} messages are recent")

    def _expunge(self, number: int) -> None:
        self._check(not self.qresync, "EXPUNGE after ENABLE QRESYNC")
        self._check(self.command not in NO_EXPUNGE, f"EXPUNGE within {self.command}")
        self._check(1 <= number <= len(self.messages), f"EXPUNGE of {number} of {len(self.messages)} messages")
        del self.messages[number - 1]

    def _vanished(self, earlier: bool, uids: list[int]) -> None:
        self._check(self.qresync, "VANISHED without QRESYNC")
        if earlier:
            self._check(self.command in {"SELECT", "UID FETCH"}, "VANISHED (EARLIER) out of place")
            self.earlier.update(uids)
            return
        self._check(self.command not in NO_EXPUNGE, f"VANISHED within {self.command}")
        for uid in uids:
            self._vanish(uid)

    def _vanish(self, uid: int) -> None:
        exactly = [one for one in self.messages if one.uid == uid]
        below = max((number for number, one in enumerate(self.messages, 1) if one.uid and one.uid < uid), default=0)
        above = min((number for number, one in enumerate(self.messages) if one.uid and one.uid > uid), default=len(self.messages))
        # Else it is one of those whose UIDs were not told yet, between its neighbours; nobody can say which, so what they have is open
        possible = exactly or self.messages[below:above]
        self._check(bool(possible), f"UID {uid} vanishes, which the client does not have")
        self.messages.remove(possible[0])
        for one in possible[1:]:
            one.flags = None

    def _fetch(self, number: int, items: bytes) -> None:
        self._check(1 <= number <= len(self.messages), f"FETCH of {number} of {len(self.messages)} messages")
        one = self.messages[number - 1]
        if found := UID.search(items):
            uid = int(found[1])
            self._check(one.uid in {None, uid}, f"message {number} was {one.uid} and is {uid} now")
            one.uid = uid
            self._in_order(number)
        if found := FLAGS.search(items):
            flags = frozenset(found[1].decode().split()) - {"\\Recent"}
            self._check(flags - set(SYSTEM) <= self.keywords, f"{set(flags)} are more than FLAGS has told")
            one.flags = flags
            self.told.append(one)
        if found := MODSEQ.search(items):
            self._check(self.condstore, "MODSEQ without CONDSTORE")
            self.seen = max(self.seen, int(found[1]))
        elif FLAGS.search(items):  # RFC 7162 section 3.1: but who has asked for FLAGS alone may get them alone
            self._check(not self.condstore or "FETCH" in self.command, "FLAGS without MODSEQ")

    def _in_order(self, number: int) -> None:
        uids = [one.uid for one in self.messages if one.uid is not None]
        self._check(uids == sorted(set(uids)), f"UIDs are out of order after that of message {number}: {uids}")


def numbers(text: bytes) -> Iterator[int]:
    """The numbers of a set."""
    for part in text.split(b","):
        first, _, last = part.partition(b":")
        yield from range(int(first), int(last or first) + 1)
