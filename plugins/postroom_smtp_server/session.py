"""One SMTP client's session: takes complete commands, answers with values; the rules of each command are in the modules beside."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from postroom.mail.envelope import Envelope
from postroom.mail.reply import Reply
from postroom.wire.answer import Answer

from . import answers, content, courtesy, hello, login, transaction
from .order import BARRED, State
from .parameters import Terms
from .standing import Standing

if TYPE_CHECKING:
    from postroom.login import Login
    from postroom.mail.client import Client, TlsDetails

    from .desk import Desk
    from .intake import Intake

COMMANDS: dict[bytes, Callable[[Session, bytes], Answer]] = {
    b"EHLO": hello.ehlo,
    b"HELO": hello.helo,
    b"STARTTLS": hello.starttls,
    b"AUTH": login.auth,
    b"MAIL": transaction.mail,
    b"RCPT": transaction.rcpt,
    b"DATA": content.data,
    b"BDAT": content.bdat,
    b"RSET": courtesy.rset,
    b"NOOP": courtesy.noop,
    b"HELP": courtesy.help_,
    b"VRFY": courtesy.vrfy,
    b"EXPN": courtesy.expn,
    b"ETRN": courtesy.etrn,
    b"QUIT": courtesy.quit_,
    **dict.fromkeys((b"SEND", b"SOML", b"SAML", b"TURN"), courtesy.not_implemented),  # RFC 5321 appendix F
    **dict.fromkeys((b"GET", b"POST", b"PUT", b"HEAD", b"OPTIONS", b"CONNECT"), courtesy.not_http),
}


class Session:
    """The state of one client. Nothing but the modules of this package touches it; ``dialogue.hold`` drives it."""

    __slots__ = (
        "bindings", "chunking", "client", "connected", "desk", "early", "envelope", "esmtp", "intake", "introduced", "login",
        "may_relay", "messages", "opening", "refused_chunks", "state", "terms", "user_max_size",
    )  # fmt: skip

    def __init__(self, desk: Desk, client: Client, *, early: bool = False, binding: tuple[str, bytes] | None = None) -> None:
        self.desk, self.client = desk, client
        self.early = early  # the client has spoken before the greeting
        self.bindings = dict((binding,)) if binding else {}  # channel bindings of the TLS connection
        self.state = State.START
        self.esmtp = False  # EHLO, not HELO
        self.may_relay = self._relays_unasked()
        self.user_max_size = 0  # of the account, 0 = none
        self.messages = 0  # accepted on this connection
        self.connected, self.introduced = Standing(), Standing()  # by the verdicts at connect and at HELO
        self.login: Login | None = None  # a SASL dialogue under way
        self.opening: dict[bool, bytes] = {}  # start of the Received header by SMTPUTF8
        self.envelope = Envelope("")
        self.intake: Intake | None = None
        self.chunking: content.Chunk | None = None  # a BDAT chunk under way
        self.refused_chunks: Answer | None = None  # what every further chunk of a refused message is answered with
        self.renew()

    # --- what dialogue.hold calls

    def greet(self) -> Answer:
        """The greeting, or a refusal of the client."""
        return hello.greet(self)

    def handle(self, line: bytes) -> Answer:
        """Answer one command line."""
        verb, _, argument = line.partition(b" ")
        verb = verb.upper()
        barred = BARRED[self.state].get(verb)
        if barred is not None:
            return barred
        command = COMMANDS.get(verb)
        return command(self, argument) if command is not None else courtesy.unknown(self, line)

    def respond(self, line: bytes) -> Answer:
        """Answer a line of a SASL dialogue."""
        return login.respond(self, line)

    def received(self, fault: str | None, size: int) -> Answer:
        """The message or chunk is over."""
        return content.received(self, fault) if self.chunking is None else content.chunk_received(self, size)

    def tls_started(self, details: TlsDetails, binding: tuple[str, bytes] | None) -> None:
        """TLS is on: forget what the client said before (RFC 3207 section 4.2)."""
        self.client.tls = details
        self.bindings = dict((binding,)) if binding else {}
        self.client.helo, self.client.user = "", None
        self.may_relay, self.user_max_size = self._relays_unasked(), 0
        self.introduced = Standing()
        self.reset()
        self.state, self.esmtp = State.START, False
        self.renew()

    def unreadable(self, fault: str) -> Answer:
        """A line could not be read; whatever it was, it ends a SASL dialogue."""
        self.login = None
        self.misbehaved("syntax-error", fault)
        return answers.BARE_NEWLINE if fault == "bare-newline" else answers.TOO_LONG

    def too_slow(self) -> Answer:
        """Our own work took too long."""
        self.login, self.chunking = None, None
        self.reset()
        return answers.TEMPORARY

    def too_many_errors(self) -> bytes:
        """Last words to a client that makes nothing but errors."""
        self.misbehaved("too-many-errors", "")
        return self._last_words("4.7.0", "Too many errors, closing connection")

    def timed_out(self) -> bytes:
        """Last words to a silent client."""
        return self._last_words("4.4.2", "Timeout, closing connection")

    def shutting_down(self) -> bytes:
        """Last words of a server that stops."""
        return self._last_words("4.3.2", "Service shutting down, try again later")

    def broken(self) -> bytes:
        """Last words after a bug of ours."""
        return self._last_words("4.3.0", "Internal problem, try again later")

    # --- what the commands share

    def closed(self) -> None:
        """The connection is over: give back what an unfinished message took."""
        self.reset()

    def reset(self) -> None:
        """Forget the mail transaction."""
        if self.intake is not None:
            self.intake.abandon()
            self.intake = None
        self.refused_chunks = None
        if self.state.value > State.READY.value:
            self.state = State.READY

    def renew(self) -> None:
        """Compute anew what depends on TLS and login."""
        service, tls = self.desk.service, self.client.tls is not None
        size = service.max_message_size
        if self.user_max_size:
            size = min(size, self.user_max_size)
        self.terms = Terms(size, dsn=not service.disable_dsn, requiretls=tls, auth=service.auth != "off")
        self.opening = {}

    def misbehaved(self, event: str, detail: str) -> None:
        """Tell the plugins of something that counts against the address."""
        self.desk.ask.tell("client_misbehaved", client=self.client, event=event, detail=detail)

    def _relays_unasked(self) -> bool:
        """The contract's ``no_auth``: such an address needs no login, where logins are optional."""
        service = self.desk.service
        return self.client.no_auth and (service.auth == "optional" or (service.auth == "required" and service.no_auth_suffices))

    def _last_words(self, enhanced: str, text: str) -> bytes:
        return Reply(421, enhanced, f"{self.desk.hostname} {text}").wire
