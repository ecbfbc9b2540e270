"""The rules of one POP3 session: states, commands, replies. No socket, no clock."""

from __future__ import annotations

from postroom import Client, TlsDetails, __version__
from postroom.store.database import StoreUnavailable
from postroom.wire.answer import Answer, Then

from .answers import UNAVAILABLE, err, listing, ok
from .authorization import Authorization
from .capabilities import Situation, offered
from .doors import Doors
from .maildrop import BadNumber, Maildrop
from .settings import Pop3Service
from .transaction import Transaction

LATER = frozenset((b"STAT", b"LIST", b"UIDL", b"RETR", b"TOP", b"DELE", b"RSET", b"NOOP"))  # known, but not before the login


class Session:
    """One client's POP3 session. ``transaction`` is None until somebody has logged in."""

    def __init__(self, client: Client, settings: Pop3Service, doors: Doors, hostname: str) -> None:
        self.client, self.settings, self.doors, self.hostname = client, settings, doors, hostname
        self.authorization = Authorization(client, settings, doors, self._entered)
        self.transaction: Transaction | None = None
        self.commands = {b"CAPA": (self.capa, 0, 0), b"QUIT": (self.quit, 0, 0), b"LANG": (self.lang, 0, 1)}

    # --- what the dialogue calls

    def greet(self) -> Answer:
        """The greeting, with the APOP timestamp when an account can use it."""
        if not self.client.allowed:
            return err("POP3 server access not allowed", Then.CLOSE)
        stamp = self.authorization.stamp = self.doors.challenge()
        return ok(f"{self.hostname} POP3 ready {stamp}".rstrip())

    def handle(self, line: bytes) -> Answer:
        """Answer one command."""
        verb, _, rest = line.partition(b" ")
        verb = verb.upper()
        state = self.authorization if self.transaction is None else self.transaction
        known = self.commands.get(verb) or state.commands.get(verb)
        if known is None:
            return err("command not allowed now" if verb in LATER or verb in self.authorization.commands else "unknown command")
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
        """The next line of a SASL exchange."""
        try:
            return self.authorization.respond(line)
        except StoreUnavailable:
            return UNAVAILABLE

    def received(self, fault: str | None, size: int) -> Answer:
        """POP3 has no messages from the client."""
        raise AssertionError("no message was asked for")

    def tls_started(self, details: TlsDetails, binding: tuple[str, bytes] | None) -> None:
        """TLS is on."""
        self.client.tls = details
        self.authorization.binding = dict([binding]) if binding else {}
        self.authorization.forget()

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

    # --- commands of both states

    def capa(self, arguments: list[bytes]) -> Answer:
        """CAPA (RFC 2449 section 5)."""
        inside, before = self.transaction is not None, self.authorization
        now = Situation(
            authenticated=inside,
            starttls=not inside and before.may_start_tls,
            user=before.plain_allowed,  # RFC 2449 section 5: announced in both states; STLS by RFC 2595 only where it may be used
            mechanisms=tuple(before.mechanisms),
            login_delay=round(self.settings.login_delay),
            version=__version__,
        )
        return listing("capabilities follow", offered(now))

    def quit(self, arguments: list[bytes]) -> Answer:
        """QUIT: the only place where something is deleted (RFC 1939 section 6)."""
        if self.transaction is not None:
            try:
                self.transaction.maildrop.commit()
            except StoreUnavailable:
                return err("[SYS/TEMP] The messages could not be deleted, try again later", Then.CLOSE)
            finally:
                self.doors.close()  # before the reply: whoever has read it may log in again, at another worker
        return ok("bye", Then.CLOSE)

    def lang(self, arguments: list[bytes]) -> Answer:
        """LANG (RFC 6856 section 3.2): replies are in English."""
        if not arguments:
            return listing("languages follow", ["en English"])
        wanted = arguments[0].lower()
        if wanted in (b"*", b"en", b"i-default") or wanted.startswith(b"en-"):
            return ok("en replies are in English")
        return err("only English is spoken here")

    def _entered(self, maildrop: Maildrop) -> Answer:
        self.transaction = Transaction(maildrop, trim_blank_lines=self.settings.trim_blank_lines)
        return ok(f"{maildrop.count} messages ({maildrop.size} octets)")
