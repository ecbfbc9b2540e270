"""The loop of one connection: reads a command, obeys it or says why not, tells what has changed, and ends in words."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from gevent import Timeout, sleep

from postroom.store.database import StoreUnavailable
from postroom.wire.dialogue import LAST_WORDS_SECONDS, CutOff, End, TooManyErrors, TooSlow
from postroom.wire.stream import BEGINNING, BareNewline, Disconnected, LineTooLong, Stopping, Stream, TimedOut
from postroom.wire.tls import HandshakeFailed

from . import capabilities
from .channel import Channel
from .commands import COMMANDS, SELECTED, Command
from .grammar.reader import TAG, Reader
from .refusals import Bad, Bye, Closing, No, Refusal
from .session import Session

if TYPE_CHECKING:
    from postroom import Client
    from postroom.context import Context

    from .limits import ImapLimits
    from .settings import Imap4Service
    from .watching import Watching

AWAY = No("The mail store is not available, try again later", "UNAVAILABLE")  # RFC 5530 section 3
SLOW = No("The server is busy, try again later", "UNAVAILABLE")
UNREADABLE = {LineTooLong: "the line is too long", BareNewline: "a line ends in CRLF, and holds neither CR nor LF"}


class Conversation:
    """One session under way. ``pause`` waits before the answers to a client that makes many errors."""

    __slots__ = ("_channel", "_commands", "_errors", "_pause", "_session", "_stream")

    def __init__(self, stream: Stream, channel: Channel, session: Session, pause: Callable[[float], object] = sleep) -> None:
        self._stream, self._channel, self._session, self._pause = stream, channel, session, pause
        self._errors = self._commands = 0

    def run(self) -> None:
        """Talk until the session ends, which is always an exception: Closing after LOGOUT."""
        session = self._session
        self._know(known=False)
        code = " ".join(capabilities.offered(session))
        session.untagged(f"OK [CAPABILITY {code}] {session.context.config.server.hostname} IMAP4 ready")
        while True:
            self._turn()
            if session.then is not None:
                then, session.then = session.then, None
                self._channel.flush()
                then()

    def _turn(self) -> None:
        """One command with all that is said about it."""
        self._commands += 1
        if self._commands > self._session.limits.commands:
            raise TooManyErrors
        tag, reader = b"*", None
        try:
            reader = self._reader()
            tag = reader.tag()
            text = self._obey(self._command(reader), reader)
            self._channel.write(b"%s OK %s\r\n" % (tag, text.encode("utf-8", "replace")))
            if self._session.account is not None:  # of strangers nothing is forgiven
                self._errors = 0
        except (Bad, No, LineTooLong, BareNewline, StoreUnavailable, TooSlow) as error:
            self._refuse(error, _tag_of(error) if reader is None else tag, reader)

    def _reader(self) -> Reader:
        session = self._session
        if self._channel.known is (session.account is None):
            self._know(known=session.account is not None)
        self._channel.begin(session.woken)
        return Reader(self._channel, session.limits, known=self._channel.known, utf8=session.utf8, rev2=session.rev2)

    def _know(self, *, known: bool) -> None:
        """Somebody has logged in, or nobody has: that decides how long the whole session may take."""
        limits = self._session.limits
        self._channel.known = known
        self._stream.deadline = time.monotonic() + (limits.session if known else limits.before_login)

    def _command(self, reader: Reader) -> Command:
        """The command that comes next, if it may be used now: before its arguments are read, lest a stranger send us literals."""
        name = reader.word()
        if name == b"UID":
            reader.sp()
            name = b"UID " + reader.word()
        command = COMMANDS.get(name)
        if command is None:
            raise Bad("there is no such command")
        if not command.states & self._session.state:
            raise Bad(f"{name.decode()} is not possible now")
        if not reader.at_end():
            reader.expect(b" ")
        return command

    def _obey(self, command: Command, reader: Reader) -> str:
        """Read the arguments, do it, and tell what else has happened; the text of the OK."""
        arguments = command.parse(reader)
        if command.states == SELECTED:
            self._channel.work(self._session.selected.check)
        try:
            text = self._channel.work(command.run, self._session, arguments)
        except No:
            self._tell(command)
            raise
        self._tell(command)
        return text

    def _tell(self, command: Command) -> None:
        """Pending updates of the selected mailbox; what cannot be looked up now is told later."""
        try:
            self._channel.work(self._session.tell, command.expunges)
        except (StoreUnavailable, TooSlow) as error:
            if self._channel.midway:
                raise CutOff from error

    def _refuse(self, error: BaseException, tag: bytes, reader: Reader | None) -> None:
        """Say why not, and drop what belongs to the command still."""
        if self._channel.midway:
            raise CutOff from error
        refusal = _words(error)
        if reader is not None:
            self._skip(error, reader)
        if isinstance(refusal, Bad):
            self._count_error(refusal)
        self._channel.write(refusal.line(tag))

    def _skip(self, error: BaseException, reader: Reader) -> None:
        if isinstance(error, LineTooLong | BareNewline):  # behind a literal: what this line said about a next one is not known
            raise Bye(UNREADABLE[type(error)], "TOOBIG" if isinstance(error, LineTooLong) else "")
        try:
            self._channel.skip_literal()
            if reader.within:
                reader.continued()
            reader.skip_rest()
        except (LineTooLong, BareNewline) as fault:
            raise Bye(UNREADABLE[type(fault)]) from fault

    def _count_error(self, refusal: Bad) -> None:
        """Slow down a client that makes many errors; raises TooManyErrors, in place of its answer, when it made too many."""
        session, limits = self._session, self._session.limits
        self._errors += 1
        session.context.ask.tell("client_misbehaved", client=session.client, event="syntax-error", detail=refusal.text)
        if self._errors >= limits.errors:
            raise TooManyErrors
        if pause := limits.error_pause(self._errors):
            self._channel.flush()  # what was answered before is not late
            self._pause(pause)


def _tag_of(error: BaseException) -> bytes:
    """The tag of a line that was too long to be read: a client that waits for its answer must hear it (RFC 9051 section 7.1.3)."""
    found = TAG.match(error.args[0]) if isinstance(error, LineTooLong) and error.args else None
    return found[0] if found and len(found[0]) < BEGINNING else b"*"


def _words(error: BaseException) -> Refusal:
    """The refusal that an exception means."""
    if isinstance(error, Refusal):
        return error
    if isinstance(error, StoreUnavailable):
        return AWAY
    return SLOW if isinstance(error, TooSlow) else Bad(UNREADABLE[type(error)])  # type: ignore[index]


def serve(
    context: Context,
    settings: Imap4Service,
    limits: ImapLimits,
    watching: Watching,
    stream: Stream,
    client: Client,
    pause: Callable[[float], object] = sleep,
) -> End:
    """Talk to one client until the session is over; the caller closes the stream."""
    channel = Channel(stream, limits, context.tls)
    session = Session(context, settings, limits, client, channel)
    session.watching = watching
    try:
        if refused := _unwelcome(context, client):
            return _hang_up(stream, Bye(refused), End.CLOSED)
        return _hold(Conversation(stream, channel, session, pause), stream, session)
    finally:
        session.close()


def _unwelcome(context: Context, client: Client) -> str:
    """Why this client may not talk to us; "" when it may."""
    if not client.allowed:
        return "IMAP4 server access not allowed"
    verdict = context.ask.verdict("client_connected", client=client)
    if verdict is None or not verdict.refuses:
        return ""
    return verdict.reply.text if verdict.reply else "not now"


def _hold(conversation: Conversation, stream: Stream, session: Session) -> End:
    """Every way in which a session can end. Without words where a response broke off in the middle: they would be part of it."""
    try:
        conversation.run()
    except Closing:
        stream.linger()
        return End.CLOSED
    except Disconnected:
        return End.LOST
    except Bye as bye:
        return _hang_up(stream, bye, End.CLOSED)
    except Stopping:
        return _hang_up(stream, Bye("The server is stopping, connect again", "UNAVAILABLE"), End.STOPPED)
    except TimedOut:
        return _hang_up(stream, Bye("Autologout: idle for too long"), End.TIMED_OUT)  # RFC 9051 section 5.4
    except TooManyErrors:
        session.context.ask.tell("client_misbehaved", client=session.client, event="too-many-errors", detail="IMAP4")
        return _hang_up(stream, Bye("Too many errors"), End.TOO_MANY_ERRORS)
    except HandshakeFailed:
        return End.TLS_FAILED
    except CutOff as cut:
        if not isinstance(cut.__cause__, StoreUnavailable | TooSlow):
            _bug(session, cut.__cause__ or cut)
        return End.BROKEN
    except (Exception, Timeout) as error:
        _bug(session, error)
        return End.BROKEN if session.out.midway else _hang_up(stream, Bye("Internal error, try again later", "SERVERBUG"), End.BROKEN)
    raise AssertionError("a conversation ends in an exception")


def _hang_up(stream: Stream, bye: Bye, end: End) -> End:
    """Last words, to whom it may concern, and in bounded time."""
    stream.timeout, stream.deadline = LAST_WORDS_SECONDS, time.monotonic() + LAST_WORDS_SECONDS
    try:
        stream.write(bye.line(b"*"))
        stream.flush()
        stream.linger()
    except (Disconnected, TimedOut):
        pass
    return end


def _bug(session: Session, error: BaseException) -> None:
    session.context.log.error("session.bug", protocol="IMAP4", session=session.client.session, exc_info=error)
