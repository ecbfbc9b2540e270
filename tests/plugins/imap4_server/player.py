"""A client of the checker that gives random commands, and one that talks to a listening server."""

from __future__ import annotations

import random
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from postroom.store.database import Database

from .checker import SYSTEM, Model, Truth, Violation, numbers
from .talk import Talk

SELECTABLE = "INBOX"  # the mailbox that all players share
ELSEWHERE = "Archive"
FLAGS = (*SYSTEM, "$Work", "$Forwarded")
LIVELY = 12  # messages that a player wants to be there
TEXT = b"Subject: another\r\n\r\nHello.\r\n"


class Line(Talk):
    """The same client, of a server that listens on ``port``."""

    def __init__(self, port: int) -> None:
        self.peer: Any = _Socket(port)
        self.greeting = self.peer.read().decode()
        self._tags = 0


class _Socket:
    def __init__(self, port: int) -> None:
        self._sock = socket.create_connection(("127.0.0.1", port), 30)
        self._file = self._sock.makefile("rb")

    def read(self, size: int | None = None) -> bytes:
        return self._file.readline() if size is None else self._file.read(size)

    def send(self, data: bytes) -> None:
        self._sock.sendall(data)

    def close(self) -> None:
        self._file.close()
        self._sock.close()


@dataclass
class Player:
    """A model with its connection. ``said``: what was said last, for whoever has to find out what went wrong."""

    talk: Talk
    choice: random.Random
    model: Model = field(default_factory=Model)
    uidvalidity: int = 0
    said: list[bytes] = field(default_factory=list)
    commands: int = 0  # given so far

    def begin(self) -> None:
        """Enable what the model has, and select."""
        for word, wanted in ((b"IMAP4rev2", self.model.rev2), (b"CONDSTORE", self.model.condstore), (b"QRESYNC", self.model.qresync)):
            if wanted:
                self.talk.ok(b"ENABLE " + word)
        self.select()

    def step(self) -> None:
        """One random command."""
        few = len(self.model.messages) < 2
        chances = {name: chance for name, (chance, needs) in MOVES.items() if not (few and needs)}
        if len(self.model.messages) > LIVELY:
            chances["append"] = 0
        self.commands += 1
        [name] = self.choice.choices(list(chances), list(chances.values()))
        getattr(self, name)()

    # --- one command

    def say(self, name: str, arguments: str = "") -> bytes:
        """Say it, let the model hear the answer; the tagged one."""
        self.model.begin(name)
        return self._heard(self.talk.begin(f"{name} {arguments}".strip()), arguments)

    def _heard(self, tag: bytes, arguments: str = "") -> bytes:
        *lines, tagged = self._until(tag, arguments)
        for line in lines:
            self.model.hear(line)
        self.model.end(tagged)
        return tagged

    def _until(self, tag: bytes, arguments: str = "") -> list[bytes]:
        found = self.talk.until(tag)
        self.said = [*self.said, b"%s %s" % (tag, f"{self.model.command} {arguments}".encode()), *found][-80:]
        return found

    # --- what it may do

    def select(self) -> None:
        resyncs = self.model.qresync and bool(self.uidvalidity) and self.choice.random() < 0.8
        parameter = f" (QRESYNC ({self.uidvalidity} {max(1, self.model.highest)}))" if resyncs else ""
        self.model.begin("SELECT")
        *lines, tagged = self._until(self.talk.begin(f"SELECT {SELECTABLE}{parameter}"))
        self.uidvalidity = next(int(line.split()[3].rstrip(b"]")) for line in lines if b"UIDVALIDITY" in line)
        self.model.select(lines, resyncs=resyncs)
        self.model.end(tagged)

    def reselect(self) -> None:
        if self.model.qresync:  # whoever wants to resynchronize must know the UIDs of all messages but the newest
            self.say("UID FETCH", "1:* FLAGS")
        if leave := self.choice.choice(("CLOSE", "UNSELECT", "")):
            self.talk.ok(leave)
        self.select()

    def quiet(self) -> None:
        """Hear everything that is pending."""
        self.say("NOOP")

    def fetch(self) -> None:
        self.say("FETCH", f"{self._numbers()} {self.choice.choice(('FLAGS', '(UID FLAGS)', 'UID'))}")

    def uid_fetch(self) -> None:
        self.say("UID FETCH", f"{self._uids() or '1:*'} FLAGS")

    def read(self) -> None:
        """The server sets \\Seen by itself, and says so."""
        if uids := self._uids():
            self.say("UID FETCH", f"{uids} BODY[TEXT]")
        else:
            self.say("FETCH", f"{self._numbers()} (RFC822.SIZE BODY[])")

    def search(self) -> None:
        self.say(self.choice.choice(("SEARCH", "UID SEARCH")), self.choice.choice(("DELETED", "SEEN", "1:* UNSEEN", "ALL")))

    def store(self) -> None:
        mode, flags = self.choice.choice(("+", "-", "")), frozenset(self.choice.sample(FLAGS, self.choice.randint(0, 2)))
        silent = self.choice.random() < 0.5
        words = f"{mode}FLAGS{'.SILENT' if silent else ''} ({' '.join(flags)})"
        meant = self._uids() if self.choice.random() < 0.5 else ""
        chosen = meant or self._numbers()
        wanted = set(numbers(chosen.encode()))
        messages = [one for number, one in enumerate(self.model.messages, 1) if (one.uid if meant else number) in wanted]
        tagged = self.say("UID STORE" if meant else "STORE", f"{chosen} {words}")
        if silent and tagged.startswith(b"OK"):
            self.model.silently(messages, mode, flags)

    def expunge(self) -> None:
        self.say("EXPUNGE")

    def uid_expunge(self) -> None:
        if uids := self._uids():
            self.say("UID EXPUNGE", uids)

    def copy(self) -> None:
        self.say("COPY", f"{self._numbers()} {self.choice.choice((SELECTABLE, ELSEWHERE))}")

    def move(self) -> None:
        if uids := self._uids():
            self.say("UID MOVE", f"{uids} {self.choice.choice((SELECTABLE, ELSEWHERE))}")
        else:
            self.say("MOVE", f"{self._numbers()} {ELSEWHERE}")

    def append(self) -> None:
        self.model.begin("APPEND")
        tag = self.talk.begin(b"APPEND %s (\\Flagged $Work) {%d}" % (SELECTABLE.encode(), len(TEXT)))
        while not (line := self.talk.response()).startswith(b"+"):
            self.model.hear(line)
        self.talk.peer.send(TEXT + b"\r\n")
        self._heard(tag)

    def idle(self) -> None:
        self.model.begin("IDLE")
        tag = self.talk.begin("IDLE")
        while not (line := self.talk.response()).startswith(b"+"):
            self.model.hear(line)
        self.talk.peer.send(b"DONE\r\n")
        self._heard(tag)

    # --- numbers

    def _numbers(self) -> str:
        first = self.choice.randint(1, len(self.model.messages))
        last = self.choice.randint(first, min(first + 3, len(self.model.messages)))
        return str(first) if first == last else f"{first}:{last}"

    def _uids(self) -> str:
        known = [one.uid for one in self.model.messages if one.uid is not None]
        return ",".join(map(str, sorted(self.choice.sample(known, min(len(known), self.choice.randint(1, 4))))))


# How often a player does what, and whether there must be messages for it
MOVES: dict[str, tuple[int, bool]] = {
    "quiet": (6, False),
    "append": (9, False),
    "idle": (3, False),
    "reselect": (2, False),
    "fetch": (8, True),
    "uid_fetch": (8, True),
    "read": (4, True),
    "store": (14, True),
    "search": (3, True),
    "expunge": (4, True),
    "uid_expunge": (3, True),
    "copy": (3, True),
    "move": (4, True),
}


HELD = (
    "SELECT uid, flags, message.keywords FROM message JOIN mailbox ON mailbox.id = mailbox_id JOIN account ON account.id = account_id"
    " WHERE name = ? AND path = ? ORDER BY uid"
)


def truth(db: Database, account: str, path: str = SELECTABLE) -> Truth:
    """What the store has."""
    rows = db.read(lambda tx: tx.execute(HELD, (account, path)))
    return [
        (uid, frozenset([*(name for bit, name in enumerate(SYSTEM) if flags >> bit & 1), *words.split()])) for uid, flags, words in rows
    ]


def settle(players: list[Player], found: Callable[[], Truth]) -> None:
    """Let everybody hear what is pending, then compare all with the store."""
    for player in players:
        player.quiet()
    now = found()
    for number, player in enumerate(players):
        try:
            player.model.agree(now)
        except Violation as violation:
            heard = b"\n".join(player.said).decode()
            raise Violation(f"player {number}: {violation}\n{heard}") from violation
