r"""Dialogues: text files in which an administrator can read what client (C:) and server (S:) say; peers.py has the peers.

A file is a title line, settings (``name: value``), and the dialogue:

    A stranger reaches local users.
    service: auth=optional
    S: 220 mail.example.test ESMTP…
    C: HELO client.example
    S: 250…

==========  =====================================================================================================
``C: text``   the client sends this line (CRLF is added)
``C= text``   the client sends exactly these bytes: \r \n \0 \xHH \\ are escapes, nothing is added
``C< file``   the client sends the bytes of tests/messages/file (after a literal's size)
``S: text``   the server says this line; with … at the end, a line that begins so
``S~ regex``  the server says a line that matches as a whole
``S| text``   several such lines in a row come in any order; ``S|~ regex`` may be among them
``S* text``   lines are passed over until one like this comes; ``S*~ regex`` likewise
``S! regex``  none of the lines that the next ``S*`` passes over is like this
``S< file``   the server sends exactly the bytes of tests/messages/file (after a literal's size)
``S: <closed>``  the server closes the connection
``TLS``       both sides start TLS
``DEFLATE``   both sides start to compress (RFC 4978)
``CLOSE``     the client hangs up
``KEPT n``    so many messages have been accepted so far (only where the runner can count them)
``DELIVER user file``  a message comes by SMTP for that user (``file`` as in ``messages:`` below)
``# text``    a remark
==========  =====================================================================================================

``C2:``, ``S2*``, ``CLOSE2`` … are said on a second connection, which is opened when it is first named.

Everywhere ``{A*5000}`` is text repeated, ``{base64:…}`` is text encoded (escapes count in it) and ``{size:file}`` is the number of
bytes of tests/messages/file: ``C: a APPEND INBOX {{size:plain}}``. What a regex has as a group, ``(?P<modseq>\d+)``, is remembered,
and ``{modseq}`` stands for it from then on, in a regex too.

IMAP. Each file has an account of its own, ``{user}``, with the password ``secret``; what lies in it is said by settings:

==============  =================================================================================================
``covers:``       commands and capabilities that this file tests: ``covers: UID FETCH, CONDSTORE`` (needed)
``begin:``        what has happened before the first line: ``greeting`` (nothing), ``login``, or ``selected``, which is the
                  usual; followed by another user or another folder, ``selected {bob} Archive``; ``begin2:`` for connection 2
``messages:``     what is in INBOX: a number of messages, or a list of them: ``[plain, 2, {file: nested, flags: \Seen $work}]``.
                  A name is a file in tests/messages; a number one of ever the same small messages (see tests/mailbag.py);
                  ``uid:``, ``date:`` (2026-09-01 10:00:00, UTC) and ``flags:`` say more. UIDs begin with 1, UIDVALIDITY is 1000000
``folders:``      more folders: ``{Archive: 2, Work/2026: [plain], "{bob}/Shared": 3}`` (the last: of another user)
``others:``       further users: ``others: bob eve`` makes ``{bob}`` and ``{eve}``, each with empty folders
``admins:``       which of them are administrators: ``admins: user``
``service:``      settings of the service, as in config.yaml: ``service: {idle: false}``
``only:``         ``session``: not against a listening server; ``socket``: only there (needed for TLS)
==============  =================================================================================================
"""

from __future__ import annotations

import base64
import re
import socket
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from postroom.wire.answer import Session
from tests.mailbag import message_file
from tests.peers import Peer, SessionPeer, SocketPeer

REPEAT = re.compile(r"\{([^{}]+)\*(\d+)\}")
BASE64 = re.compile(r"\{base64:([^{}]*)\}")
SIZE = re.compile(r"\{size:([^{}]+)\}")
VARIABLE = re.compile(r"\{([a-z_][a-z0-9_]*)\}")
ESCAPE = re.compile(r"\\(?:x([0-9A-Fa-f]{2})|([rn0t\\]))")
ESCAPES = {"r": "\r", "n": "\n", "0": "\0", "t": "\t", "\\": "\\"}
SETTING = re.compile(r"([a-z]+\d?): (.*)")
STEP = re.compile(r"([CS])(\d?)(:|=|<|~|!|\*~?|\|~?)(?: (.*))?|(TLS|DEFLATE|CLOSE|KEPT|DELIVER)(\d?)(?: (.*))?")
CLOSED = "<closed>"
SKIPPED_LINES = 500


@dataclass(frozen=True)
class Step:
    """One line of a dialogue."""

    kind: str
    text: str
    where: str  # "file:line"
    connection: int = 1


@dataclass
class Dialogue:
    """A dialogue file."""

    title: str
    settings: dict[str, str] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)

    def run(self, peer: Peer) -> None:
        """Talk it through with ``peer``; raises AssertionError with file and line at the first difference."""
        Talk(self, {1: peer}).go_through()


@dataclass
class Talk:
    """A dialogue under way. ``connect`` opens further connections; ``deliver`` hands a message in for a user."""

    dialogue: Dialogue
    peers: dict[int, Peer] = field(default_factory=dict)
    known: dict[str, str] = field(default_factory=dict)  # what ``{name}`` stands for
    connect: Callable[[], Peer] | None = None
    deliver: Callable[[str, bytes], None] | None = None
    unwanted: list[str] = field(default_factory=list)  # for the next S*

    def go_through(self) -> None:
        """Every step in its order; raises AssertionError with file and line at the first difference."""
        if self.connect is not None:
            self.opened(1, "connection 1")
        for group in _gathered(self.dialogue.steps):
            step = group[0]
            if step.kind.startswith("S|"):
                _expect_in_any_order(self, group)
            else:
                RUN[step.kind](self, step)

    def peer(self, step: Step) -> Peer:
        """The connection that a step belongs to."""
        return self.peers.get(step.connection) or self.opened(step.connection, step.where)

    def opened(self, number: int, where: str) -> Peer:
        """A new connection, brought to where ``begin:`` wants it."""
        assert self.connect is not None, f"{where}: there is one connection only"
        peer = self.peers[number] = self.connect()
        begin = self.dialogue.settings.get(f"begin{number}", self.dialogue.settings.get("begin", "selected"))
        _begin(peer, self.filled(begin).split(maxsplit=2), self.known.get("user", ""))
        return peer

    def filled(self, text: str, quote: Callable[[str], str] = str) -> str:
        """``text`` with what has been remembered in place of its names."""
        return VARIABLE.sub(lambda match: quote(self.known[match[1]]) if match[1] in self.known else match[0], text)

    def matches(self, line: str | None, kind: str, text: str) -> bool:
        """Whether the server's line is as a step wants it; a regex (``kind`` ends with ~) leaves its groups behind."""
        if not kind.endswith("~"):
            return _says(line, expand(self.filled(text)))
        found = None if line is None else re.fullmatch(self.filled(text, re.escape), line)
        if found is not None:
            self.known.update({name: value or "" for name, value in found.groupdict().items()})
        return found is not None


def load(path: Path) -> Dialogue:
    """Read a dialogue file; raises ValueError with file and line for what is no dialogue."""
    lines = path.read_text("utf-8").splitlines()
    dialogue = Dialogue(lines[0].lstrip("# ").strip())
    for number, line in enumerate(lines[1:], 2):
        if not line.strip() or line.startswith("#"):
            continue
        step = STEP.fullmatch(line)
        setting = SETTING.fullmatch(line)
        where = f"{path.name}:{number}"
        if step and step[1]:
            dialogue.steps.append(Step(step[1] + step[3], step[4] or "", where, int(step[2] or 1)))
        elif step:
            dialogue.steps.append(Step(step[5], step[7] or "", where, int(step[6] or 1)))
        elif setting and not dialogue.steps:
            dialogue.settings[setting[1]] = setting[2]
        else:
            raise ValueError(f"{path}:{number}: not a line of a dialogue: {line}")
    return dialogue


def run_on_session(dialogue: Dialogue, session: Session, *, limit: int = 2048, kept: Callable[[], int] | None = None) -> None:
    """Run it against a session without a socket. ``limit``: bytes of a command line; ``kept`` counts accepted messages."""
    dialogue.run(SessionPeer(session, limit, kept))


def run_on_socket(
    dialogue: Dialogue, host: str, port: int, *, tls: bool = False, timeout: float = 20.0, opening: bytes = b"", early: bytes = b""
) -> None:
    """Run it against a listening server. ``tls``: from the first byte; ``opening``: a proxy's header; ``early``: said too soon."""
    peer = SocketPeer(socket.create_connection((host, port), timeout))
    try:
        if opening or early:
            peer.send(opening + early)
        if tls:
            peer.start_tls()
        dialogue.run(peer)
    finally:
        peer.close()


def run_with_accounts(
    dialogue: Dialogue, connect: Callable[[], Peer], deliver: Callable[[str, bytes], None], users: Mapping[str, str]
) -> None:
    """Run one that opens its connections itself, and has mail delivered. ``users``: what ``{user}`` and ``{bob}`` are called."""
    talk = Talk(dialogue, known=dict(users), connect=connect, deliver=deliver)
    try:
        talk.go_through()
    finally:
        for peer in talk.peers.values():
            peer.close()


def expand(text: str) -> str:
    """``text`` with its ``{…}`` replaced."""
    text = REPEAT.sub(lambda match: match[1] * int(match[2]), text)
    text = SIZE.sub(lambda match: str(len(message_file(match[1]))), text)
    return BASE64.sub(lambda match: base64.b64encode(unescape(match[1])).decode("ascii"), text)


def unescape(text: str) -> bytes:
    """The bytes that a text with escapes stands for; other characters are UTF-8."""
    parts = ESCAPE.split(text)
    found = parts[0].encode("utf-8")
    for hexadecimal, letter, rest in zip(parts[1::3], parts[2::3], parts[3::3], strict=True):
        found += (bytes.fromhex(hexadecimal) if hexadecimal else ESCAPES[letter].encode()) + rest.encode("utf-8")
    return found


def _gathered(steps: Iterable[Step]) -> Iterable[list[Step]]:
    """Each step alone, but the lines of one connection that come in any order together."""
    group: list[Step] = []
    for step in steps:
        if group and not (step.kind.startswith("S|") and group[0].kind.startswith("S|") and step.connection == group[0].connection):
            yield group
            group = []
        group.append(step)
    if group:
        yield group


def _begin(peer: Peer, words: list[str], user: str) -> None:
    """What ``begin:`` says: the greeting is read, the user logs in, a folder is selected."""
    if not words or words[0] == "greeting":
        return
    peer.line()
    name, folder = [*words[1:], "", ""][:2]
    _obeyed(peer, f"LOGIN {name or user} secret")
    if words[0] == "selected":
        _obeyed(peer, f'SELECT "{folder or "INBOX"}"')


def _obeyed(peer: Peer, command: str) -> None:
    peer.send(f"begin {command}\r\n".encode())
    while (line := peer.line()) is not None and not line.startswith("begin "):
        pass
    assert line is not None and line.startswith("begin OK"), f"{command}: {line}"


def _says(line: str | None, wanted: str) -> bool:
    if line is None or wanted == CLOSED:
        return line is None and wanted == CLOSED
    return line.startswith(wanted[:-1]) if wanted.endswith("…") else line == wanted


def _expect(talk: Talk, step: Step) -> None:
    line = talk.peer(step).line()
    assert talk.matches(line, step.kind, step.text), f"{step.where}: the server says {line!r}, not {expand(talk.filled(step.text))!r}"


def _expect_in_any_order(talk: Talk, steps: list[Step]) -> None:
    missing = list(steps)
    while missing:
        line = talk.peer(missing[0]).line()
        found = next((step for step in missing if talk.matches(line, step.kind, step.text)), None)
        assert found is not None, f"{steps[0].where}: the server says {line!r}, which is none of {[step.text for step in missing]!r}"
        missing.remove(found)


def _expect_among(talk: Talk, step: Step) -> None:
    seen: list[str | None] = []
    unwanted, talk.unwanted = talk.unwanted, []
    while len(seen) < SKIPPED_LINES and (not seen or seen[-1] is not None):
        line = talk.peer(step).line()
        if talk.matches(line, step.kind, step.text):
            return
        bad = next((pattern for pattern in unwanted if line is not None and re.fullmatch(talk.filled(pattern, re.escape), line)), None)
        assert bad is None, f"{step.where}: the server says {line!r}, but nothing like {bad!r} may come"
        seen.append(line)
    raise AssertionError(f"{step.where}: the server says {seen!r}, nowhere {expand(talk.filled(step.text))!r}")


def _expect_file(talk: Talk, step: Step) -> None:
    wanted = message_file(step.text)
    found = talk.peer(step).exactly(len(wanted))
    assert found == wanted, f"{step.where}: the server sends other bytes than those of {step.text}: {found!r}"


def _expect_kept(talk: Talk, step: Step) -> None:
    kept = talk.peer(step).kept()
    assert kept is None or kept == int(step.text), f"{step.where}: {kept} messages were kept"


def _deliver(talk: Talk, step: Step) -> None:
    assert talk.deliver is not None, f"{step.where}: nothing can be delivered here"
    user, _, name = talk.filled(step.text).partition(" ")
    talk.deliver(user, message_file(name))


RUN: dict[str, Callable[[Talk, Step], None]] = {
    "C:": lambda talk, step: talk.peer(step).send(expand(talk.filled(step.text)).encode("utf-8") + b"\r\n"),
    "C=": lambda talk, step: talk.peer(step).send(unescape(expand(talk.filled(step.text)))),
    "C<": lambda talk, step: talk.peer(step).send(message_file(step.text)),
    "S:": _expect,
    "S~": _expect,
    "S*": _expect_among,
    "S*~": _expect_among,
    "S!": lambda talk, step: talk.unwanted.append(step.text),
    "S<": _expect_file,
    "TLS": lambda talk, step: talk.peer(step).start_tls(),
    "DEFLATE": lambda talk, step: talk.peer(step).deflate(),
    "CLOSE": lambda talk, step: talk.peer(step).close(),
    "KEPT": _expect_kept,
    "DELIVER": _deliver,
}
