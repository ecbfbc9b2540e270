"""The loop between a stream and a session: reads what the session waits for, sends what it answers, and ends in words."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from typing import TYPE_CHECKING, Protocol

from gevent import Timeout, get_hub, getcurrent, sleep

from .answer import Answer, Session, Sink, Then
from .dots import DotReader
from .limits import Limits
from .stream import BareNewline, Disconnected, LineStream, LineTooLong, Stopping, TimedOut
from .tls import HandshakeFailed

if TYPE_CHECKING:
    from ..mail.client import Client


class End(Enum):
    """How a dialogue ended, for the log."""

    CLOSED = "closed"  # by the session's own answer
    LOST = "lost"  # the peer went away
    TIMED_OUT = "timed-out"
    TOO_MANY_ERRORS = "too-many-errors"
    TLS_FAILED = "tls-failed"
    STOPPED = "stopped"  # by our shutdown
    BROKEN = "broken"  # by our bug


class Contexts(Protocol):
    """Where the TLS context for STARTTLS comes from: wire.tls.ServerTls."""

    def context(self) -> ssl.SSLContext:
        """The context for one connection."""


class TooSlow(BaseException):
    """The session's work took too long. No ``except Exception`` of a session can keep it."""


class CutOff(Exception):
    """An answer broke off in the middle, so that nothing more can be said."""


class TooManyErrors(Exception):
    """The error budget of the session is spent."""


LAST_WORDS_SECONDS = 5.0  # for the last reply to a peer that may not be listening any more


class Dialogue:
    """One session under way."""

    __slots__ = ("_client", "_clock", "_commands", "_errors", "_greenlet", "_limits", "_pause", "_session", "_stream", "_timer", "_tls")

    def __init__(
        self,
        stream: LineStream,
        session: Session,
        limits: Limits,
        *,
        client: Client | None = None,
        tls: Contexts | None = None,
        pause: Callable[[float], object] = sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stream, self._session, self._limits, self._client, self._tls = stream, session, limits, client, tls
        self._pause, self._clock = pause, clock
        self._errors = self._commands = 0
        self._greenlet = getcurrent()
        self._timer = get_hub().loop.timer(limits.work)  # started for each command: twenty times cheaper than a new Timeout

    def run(self) -> None:
        """Talk until the session answers CLOSE. Raises whatever else ends it; nothing has been said about that yet."""
        stream, session = self._stream, self._session
        stream.deadline = min(stream.deadline, self._clock() + self._limits.session)
        answer = self._work(session.greet)
        while True:
            self._send(answer)
            then = answer.then
            if then is LINE:
                answer = self._line(session.handle, stream.read_command, self._limits.line, self._limits.line_after_login)
            elif then is CLOSE:
                break
            else:
                answer = STEPS[then](self, answer)
        stream.flush()

    def last_words(self, words: Callable[[], bytes]) -> None:
        """Say them, to whom it may concern, and in bounded time."""
        self._stream.timeout, self._stream.deadline = LAST_WORDS_SECONDS, self._clock() + LAST_WORDS_SECONDS
        try:
            self._stream.write(words())
            self._stream.flush()
        except (Disconnected, TimedOut):
            return

    def _send(self, answer: Answer) -> None:
        if answer.error:
            self._count_error()
        elif answer.achieved:
            self._errors = 0
        send = answer.send
        if isinstance(send, bytes):
            if send:
                self._stream.write(send)
            return
        try:
            for piece in send:
                self._stream.write(piece)
        except (Disconnected, TimedOut):
            raise Disconnected from None  # also when too slow: words in the middle of a text would be taken for text
        except Exception as error:
            raise CutOff from error

    def _count_error(self) -> None:
        """Slow down a client that makes many errors; raises TooManyErrors, in place of its answer, when it made too many."""
        self._errors += 1
        if self._errors >= self._limits.errors:
            raise TooManyErrors
        if pause := self._limits.error_pause(self._errors):
            self._stream.flush()  # what was answered before is not late
            self._pause(pause)

    def _line(self, handle: Callable[[bytes], Answer], read: Callable[[int], bytes], limit: int, limit_after_login: int) -> Answer:
        """One line, handed to the session. The first two limits are those before login."""
        self._commands += 1
        if self._commands > self._limits.commands:
            raise TooManyErrors
        known = self._client is not None and self._client.user is not None
        self._stream.timeout = self._limits.idle if known else min(self._limits.idle, self._limits.idle_before_login)
        try:
            line = read(limit_after_login if known else limit)
        except LineTooLong:
            return self._session.unreadable("too-long")
        except BareNewline:
            return self._session.unreadable("bare-newline")
        return self._work(handle, line)

    def _response(self, answer: Answer) -> Answer:
        return self._line(self._session.respond, self._stream.read_line, self._limits.response, self._limits.response)

    def _message(self, answer: Answer) -> Answer:
        """Read dot-stuffed text to its true end, whatever is wrong with it, so that no part of it is taken for a command."""
        reader, write, size = DotReader(), _writer(answer.sink), 0
        most = answer.size or self._limits.message
        with self._message_time():
            while not reader.done:
                for piece in reader.feed(self._stream.read_some()):
                    size += len(piece)
                    if size <= most:
                        write(piece)
        self._stream.unread(reader.rest)
        return self._work(self._session.received, reader.fault or ("too-big" if size > most else None), size)

    def _chunk(self, answer: Answer) -> Answer:
        """Read exactly the announced bytes, which may be anything (RFC 3030 section 2)."""
        write = _writer(answer.sink)
        with self._message_time():
            for piece in self._stream.read_pieces(answer.size):
                write(piece)
        return self._work(self._session.received, None, answer.size)

    def _start_tls(self, answer: Answer) -> Answer:
        self._stream.flush()
        if self._tls is None:
            raise HandshakeFailed("this service has no certificate")
        try:
            details = self._stream.start_tls(self._tls.context(), server_side=True, timeout=self._limits.handshake)
        except TimedOut as error:
            raise HandshakeFailed("the client did not finish the TLS handshake in time") from error
        self._session.tls_started(details, self._stream.channel_binding())
        return NOTHING  # no second greeting: the client speaks next (RFC 3207 section 4.2)

    def _work(self, call: Callable[..., Answer], *arguments: object) -> Answer:
        """The session's answer, or its words for being too slow. What is under way in the store may still come to its end."""
        self._timer.start(self._greenlet.throw, TooSlow)
        try:
            return call(*arguments)
        except TooSlow:
            return self._session.too_slow()
        finally:
            self._timer.stop()

    @contextmanager
    def _message_time(self) -> Iterator[None]:
        """Bound the whole time of a message, not only each silence in it."""
        before = self._stream.deadline
        self._stream.deadline = min(before, self._clock() + self._limits.message_time)
        try:
            yield
        finally:
            self._stream.deadline = before


LINE, CLOSE, NOTHING = Then.READ_LINE, Then.CLOSE, Answer(b"")
STEPS: dict[Then, Callable[[Dialogue, Answer], Answer]] = {
    Then.READ_RESPONSE: Dialogue._response,
    Then.READ_MESSAGE: Dialogue._message,
    Then.READ_CHUNK: Dialogue._chunk,
    Then.START_TLS: Dialogue._start_tls,
}


def hold(
    stream: LineStream,
    session: Session,
    limits: Limits,
    *,
    client: Client | None = None,
    tls: Contexts | None = None,
    on_bug: Callable[[BaseException], object],
    pause: Callable[[float], object] = sleep,
    clock: Callable[[], float] = time.monotonic,
) -> End:
    """Hold a whole dialogue; the caller closes the stream. ``client`` tells whether somebody has logged in (``user``).

    ``on_bug`` hears of exceptions that nobody foresaw: the client gets ``session.broken()`` and the connection ends.
    """
    dialogue = Dialogue(stream, session, limits, client=client, tls=tls, pause=pause, clock=clock)
    try:
        dialogue.run()
    except Disconnected:
        return End.LOST
    except Stopping:
        dialogue.last_words(session.shutting_down)
        return End.STOPPED
    except TimedOut:
        dialogue.last_words(session.timed_out)
        return End.TIMED_OUT
    except TooManyErrors:
        dialogue.last_words(session.too_many_errors)
        stream.linger()
        return End.TOO_MANY_ERRORS
    except HandshakeFailed:
        return End.TLS_FAILED
    except CutOff as cut:
        on_bug(cut.__cause__ or cut)
        return End.BROKEN
    except (Exception, Timeout) as error:
        on_bug(error)
        dialogue.last_words(session.broken)
        return End.BROKEN
    stream.linger()
    return End.CLOSED


def _writer(sink: Sink | None) -> Callable[[bytes], object]:
    """Where the bytes of a message go: into the sink, or nowhere."""
    return _nowhere if sink is None else sink.write


def _nowhere(data: bytes) -> None:
    """Throw it away."""
