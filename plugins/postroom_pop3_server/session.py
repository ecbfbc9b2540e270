"""The rules of one POP3 session: states, commands, replies. No socket, no clock."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterator
from typing import Protocol

from postroom import Client, TlsDetails, __version__
from postroom.store.database import StoreUnavailable
from postroom.wire.answer import Answer, Then
from postroom.wire.dots import stuff
from postroom.wire.sasl import Challenge, Denied

from .capabilities import Situation, offered
from .maildrop import BadNumber, Maildrop
from .settings import Pop3Service
from .text import first_lines, without_blank_end

AUTHORIZATION, TRANSACTION = "AUTHORIZATION", "TRANSACTION"


class Exchange(Protocol):
    """A SASL exchange under way."""

    def step(self, response: bytes | None) -> object:
        """Challenge, Done or Denied."""


class Doors(Protocol):
    """What a session needs of the server around it."""

    def mechanisms(self, binding: dict[str, bytes]) -> list[str]:
        """The SASL mechanisms that may be used now."""

    def plain_allowed(self) -> bool:
        """Whether USER and PASS may be used now."""

    def challenge(self) -> str:
        """The APOP timestamp of this session, "" when no account can use APOP."""

    def exchange(self, mechanism: str, binding: dict[str, bytes]) -> Exchange | Denied:
        """Begin a SASL exchange."""

    def password(self, name: str, password: str) -> object:
        """An account, or Denied."""

    def apop(self, name: str, timestamp: str, digest: str) -> object:
        """An account, or Denied."""

    def open(self, client: Client) -> Maildrop | str:
        """Lock and list the maildrop of ``client.user``; a reply without "-ERR" when that cannot be. Raises StoreUnavailable."""


def ok(text: str = "", then: Then = Then.READ_LINE) -> Answer:
    """A positive answer."""
    return Answer(f"+OK {text}".rstrip().encode("utf-8", "replace") + b"\r\n", then)


def err(text: str, then: Then = Then.READ_LINE) -> Answer:
    """A negative answer; it counts against the session."""
    return Answer(f"-ERR {text}".encode("utf-8", "replace") + b"\r\n", then, error=True)


def listing(first: str, lines: Iterator[str] | list[str]) -> Answer:
    """A multi-line answer, sent in pieces of some kilobytes."""
    return Answer(_pieces(first, lines))


def _pieces(first: str, lines: Iterator[str] | list[str]) -> Iterator[bytes]:
    gathered, size = [f"+OK {first}\r\n"], 0
    for line in lines:
        gathered.append(line + "\r\n")
        size += len(line)
        if size > 16_384:
            yield "".join(gathered).encode()
            gathered, size = [], 0
    gathered.append(".\r\n")
    yield "".join(gathered).encode()


UNAVAILABLE = err("[SYS/TEMP] The mail store is not available, try again later")  # RFC 3206 section 4
LOGIN_FAILED = "[AUTH] Login failed"  # RFC 3206 section 4


class Session:
    """One client's POP3 session."""

    def __init__(self, client: Client, settings: Pop3Service, doors: Doors, hostname: str) -> None:
        self.client, self.settings, self.doors, self.hostname = (
            client,
            settings,
            doors,
            hostname,
        )
        self.state = AUTHORIZATION
        self.maildrop: Maildrop | None = None
        self.name: str | None = None  # given by USER
        self.stamp = ""
        self.failures = 0
        self.utf8 = False
        self.binding: dict[str, bytes] = {}
        self.exchange: Exchange | None = None
        # state -> command -> (handler, fewest and most arguments)
        anywhere = {
            b"CAPA": (self.capa, 0, 0),
            b"QUIT": (self.quit, 0, 0),
            b"LANG": (self.lang, 0, 1),
        }
        self.commands: dict[str, dict[bytes, tuple[Callable[[list[bytes]], Answer], int, int]]] = {
            AUTHORIZATION: {
                **anywhere,
                b"USER": (self.user, 1, 1),
                b"PASS": (
                    self.password,
                    1,
                    1,
                ),  # one argument that may hold spaces, see handle()
                b"APOP": (self.apop, 2, 2),
                b"AUTH": (self.auth, 0, 2),
                b"STLS": (self.stls, 0, 0),
                b"UTF8": (self.use_utf8, 0, 0),
            },
            TRANSACTION: {
                **anywhere,
                b"STAT": (self.stat, 0, 0),
                b"LIST": (self.scan, 0, 1),
                b"UIDL": (self.uidl, 0, 1),
                b"RETR": (self.retr, 1, 1),
                b"TOP": (self.top, 2, 2),
                b"DELE": (self.dele, 1, 1),
                b"RSET": (self.rset, 0, 0),
                b"NOOP": (self.noop, 0, 0),
            },
        }

    # --- what the dialogue calls

    def greet(self) -> Answer:
        """The greeting, with the APOP timestamp when an account can use it."""
        if not self.client.allowed:
            return err("POP3 server access not allowed", Then.CLOSE)
        self.stamp = self.doors.challenge()
        return ok(f"{self.hostname} POP3 ready {self.stamp}".rstrip())

    def handle(self, line: bytes) -> Answer:
        """Answer one command."""
        verb, _, rest = line.partition(b" ")
        verb = verb.upper()
        known = self.commands[self.state].get(verb)
        if known is None:
            elsewhere = any(verb in commands for commands in self.commands.values())
            return err("command not allowed now" if elsewhere else "unknown command")
        handler, fewest, most = known
        arguments = [rest] if verb == b"PASS" and rest else rest.split()  # RFC 1939: spaces belong to the password
        if not fewest <= len(arguments) <= most:
            return err(f"{verb.decode()}: wrong number of arguments")
        try:
            return handler(arguments)
        except BadNumber as error:
            return err(str(error))
        except StoreUnavailable:
            return UNAVAILABLE

    def respond(self, line: bytes) -> Answer:
        """The next line of a SASL exchange (RFC 5034 section 4)."""
        exchange, self.exchange = self.exchange, None
        if exchange is None or line == b"*":
            return err("AUTH cancelled")
        try:
            return self._step(exchange, base64.b64decode(line, validate=True))
        except binascii.Error:
            return err("AUTH: the response is not base64")
        except StoreUnavailable:
            return UNAVAILABLE

    def received(self, fault: str | None, size: int) -> Answer:
        """POP3 has no messages from the client."""
        raise AssertionError("no message was asked for")

    def tls_started(self, details: TlsDetails, binding: tuple[str, bytes] | None) -> None:
        """TLS is on: what was said before is forgotten (RFC 2595 section 4)."""
        self.client.tls = details
        self.binding = dict([binding]) if binding else {}
        self.name, self.utf8 = None, False

    def unreadable(self, fault: str) -> Answer:
        """A line that is no command."""
        return err("line too long" if fault == "too-long" else "a line ends in CRLF")

    def too_slow(self) -> Answer:
        """Our work took too long."""
        return err("[SYS/TEMP] The server is busy, try again later")

    def too_many_errors(self) -> bytes:
        """Last words to a client that only makes errors."""
        return b"-ERR too many errors, closing\r\n"

    def timed_out(self) -> bytes:
        """RFC 1939 section 3: at a time-out nothing is deleted."""
        return b"-ERR idle too long, closing\r\n"

    def shutting_down(self) -> bytes:
        """Last words when the server stops."""
        return b"-ERR [SYS/TEMP] server is stopping, try again later\r\n"

    def broken(self) -> bytes:
        """Last words after a bug of ours."""
        return b"-ERR [SYS/TEMP] internal error, try again later\r\n"

    # --- any state

    def capa(self, arguments: list[bytes]) -> Answer:
        """CAPA (RFC 2449 section 5)."""
        inside = self.state is TRANSACTION
        now = Situation(
            authenticated=inside,
            starttls=self._may_start_tls(),
            user=not inside and self._plain_allowed(),
            mechanisms=() if inside else tuple(self._mechanisms()),
            login_delay=round(self.settings.login_delay),
            version=__version__,
        )
        return listing("capabilities follow", offered(now))

    def quit(self, arguments: list[bytes]) -> Answer:
        """QUIT: the only place where something is deleted (RFC 1939 section 6)."""
        if self.maildrop is not None:
            try:
                self.maildrop.commit()
            except StoreUnavailable:
                return err(
                    "[SYS/TEMP] The messages could not be deleted, try again later",
                    Then.CLOSE,
                )
        return ok("bye", Then.CLOSE)

    def lang(self, arguments: list[bytes]) -> Answer:
        """LANG (RFC 6856 section 3.2): replies are in English."""
        if not arguments:
            return listing("languages follow", ["en English"])
        wanted = arguments[0].lower()
        if wanted in (b"*", b"en", b"i-default") or wanted.startswith(b"en-"):
            return ok("en replies are in English")
        return err("only English is spoken here")

    # --- AUTHORIZATION

    def user(self, arguments: list[bytes]) -> Answer:
        """USER: every name is welcome, so that nobody learns which exist."""
        if not self._plain_allowed():
            return err("[AUTH] encryption is required for plain passwords, use STLS")
        self.name = arguments[0].decode("utf-8", "replace")
        return ok("send PASS")

    def password(self, arguments: list[bytes]) -> Answer:
        """PASS."""
        if self.name is None:
            return err("USER first")
        if not self._plain_allowed():
            return err("[AUTH] encryption is required for plain passwords, use STLS")
        name, self.name = self.name, None
        return self._login(self.doors.password(name, arguments[0].decode("utf-8", "replace")))

    def apop(self, arguments: list[bytes]) -> Answer:
        """APOP (RFC 1939 section 7)."""
        if not self.stamp:
            return err("APOP is not offered")
        name, digest = (word.decode("utf-8", "replace") for word in arguments)
        return self._login(self.doors.apop(name, self.stamp, digest))

    def auth(self, arguments: list[bytes]) -> Answer:
        """AUTH (RFC 5034); without a mechanism it lists them, as old clients ask."""
        if not arguments:
            return listing("mechanisms follow", self._mechanisms())
        mechanism = arguments[0].decode("ascii", "replace").upper()
        if mechanism not in self._mechanisms():
            return err("mechanism not offered")
        exchange = self.doors.exchange(mechanism, self.binding)
        if isinstance(exchange, Denied):
            return self._login(exchange)
        initial: bytes | None = None
        if len(arguments) == 2:
            try:
                initial = b"" if arguments[1] == b"=" else base64.b64decode(arguments[1], validate=True)
            except binascii.Error:
                return err("AUTH: the response is not base64")
        return self._step(exchange, initial)

    def stls(self, arguments: list[bytes]) -> Answer:
        """STLS (RFC 2595 section 4)."""
        if not self._may_start_tls():
            return err("STLS is not possible")
        return ok("begin TLS", Then.START_TLS)

    def use_utf8(self, arguments: list[bytes]) -> Answer:
        """UTF8 (RFC 6856 section 2): messages are sent as they came in either mode."""
        self.utf8 = True
        return ok("UTF-8 from here on")

    # --- TRANSACTION

    def stat(self, arguments: list[bytes]) -> Answer:
        """STAT."""
        return ok(f"{self._drop.count} {self._drop.size}")

    def scan(self, arguments: list[bytes]) -> Answer:
        """LIST, of one or all."""
        if arguments:
            number, entry = self._drop.get(arguments[0])
            return ok(f"{number} {entry.size}")
        return listing(
            f"{self._drop.count} messages",
            (f"{number} {entry.size}" for number, entry in self._drop.unmarked()),
        )

    def uidl(self, arguments: list[bytes]) -> Answer:
        """UIDL, of one or all."""
        drop = self._drop
        if arguments:
            number, entry = drop.get(arguments[0])
            return ok(f"{number} {drop.unique_id(entry)}")
        return listing(
            "unique ids follow",
            (f"{number} {drop.unique_id(entry)}" for number, entry in drop.unmarked()),
        )

    def retr(self, arguments: list[bytes]) -> Answer:
        """RETR: streamed, so that the size of a message does not matter."""
        _, entry = self._drop.get(arguments[0])
        return self._send(self._drop.content(entry.uid), f"{entry.size} octets")

    def top(self, arguments: list[bytes]) -> Answer:
        """TOP."""
        _, entry = self._drop.get(arguments[0])
        if not arguments[1].isdigit() or len(arguments[1]) > 10:
            return err("TOP: the number of lines is not a number")
        return self._send(
            first_lines(self._drop.content(entry.uid), int(arguments[1])),
            "top of message follows",
        )

    def dele(self, arguments: list[bytes]) -> Answer:
        """DELE marks; QUIT deletes."""
        number, _ = self._drop.get(arguments[0])
        self._drop.deleted.add(number)
        return ok(f"message {number} marked")

    def rset(self, arguments: list[bytes]) -> Answer:
        """RSET takes all marks back."""
        self._drop.deleted.clear()
        return ok(f"{self._drop.count} messages")

    def noop(self, arguments: list[bytes]) -> Answer:
        """NOOP."""
        return ok()

    # --- inside

    @property
    def _drop(self) -> Maildrop:
        assert self.maildrop is not None  # the table of commands sees to it
        return self.maildrop

    def _send(self, content: Iterator[bytes], first: str) -> Answer:
        # RFC 1939 wants "+OK" only when the message will come: fetch its first piece before answering
        start = next(content, None)
        if start is None:
            return err("[SYS/PERM] the message is gone")
        whole = _chain(start, content)
        if self.settings.trim_blank_lines:
            whole = without_blank_end(whole)
        return Answer(_chain(f"+OK {first}\r\n".encode(), iter(stuff(whole))))

    def _plain_allowed(self) -> bool:
        if self.settings.encryption == "starttls-required" and self.client.tls is None:
            return False
        if self.settings.require_encrypted_auth and self.client.tls is None:
            return False
        return self.settings.auth != "off" and self.doors.plain_allowed()

    def _mechanisms(self) -> list[str]:
        if self.settings.encryption == "starttls-required" and self.client.tls is None:
            return []
        in_clear = () if self._plain_allowed() else ("PLAIN", "LOGIN")
        return [name for name in self.doors.mechanisms(self.binding) if name not in in_clear]

    def _may_start_tls(self) -> bool:
        return self.state is AUTHORIZATION and self.client.tls is None and self.settings.encryption.startswith("starttls")

    def _step(self, exchange: Exchange, response: bytes | None) -> Answer:
        outcome = exchange.step(response)
        if isinstance(outcome, Challenge):
            self.exchange = exchange
            return Answer(b"+ " + base64.b64encode(outcome.data) + b"\r\n", Then.READ_RESPONSE)
        return self._login(outcome)

    def _login(self, outcome: object) -> Answer:
        if isinstance(outcome, Denied):
            self.failures += 1
            last = outcome.disconnect or self.failures >= self.settings.max_failed_logins
            text = "[SYS/TEMP] " + outcome.reply.text if outcome.temporary else LOGIN_FAILED
            return err(text, Then.CLOSE if last else Then.READ_LINE)
        opened = self.doors.open(self.client)
        if isinstance(opened, str):
            return err(opened)
        self.maildrop, self.state = opened, TRANSACTION
        return ok(f"{opened.count} messages ({opened.size} octets)")


def _chain(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest
