"""One SMTP connection as a client: commands, replies, and what is known of the server on the other side."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress

from ...mail.delivery import Kind
from ...mail.reply import Reply
from ...wire.stream import FLUSH_BYTES, Disconnected, Stream, TimedOut
from ...wire.watchdog import NEVER
from .capabilities import NONE, Capabilities, parse
from .ears import Ears
from .faults import Broken, Refused
from .hop import NextHop
from .replies import BadReply, ReplyParser, kept

RSET = b"RSET\r\n"
QUIT = b"QUIT\r\n"
SPOKEN = {"the greeting": "", "the message": "."}  # how a listener is told the stages that have no command of their own


class Session:
    """A connection to ``server`` ("mx.example.net[192.0.2.1]:25"). Every fault of it is raised as a HopFault."""

    __slots__ = (
        "_clock", "address", "before", "capabilities", "dirty", "ears", "ended", "heard", "hop", "idle_since", "key", "listener",
        "local", "messages", "name", "opened", "parser", "recipients", "said_yes", "security", "server", "since", "stream", "verified",
    )  # fmt: skip

    def __init__(
        self, stream: Stream, hop: NextHop, server: str, *, clock: Callable[[], float], local: bool = False, ears: Ears | None = None
    ) -> None:
        self.stream, self.hop, self.server, self._clock = stream, hop, server, clock
        self.key = hop.key  # under which it waits in the pool
        self.local = local  # the server runs on this machine
        self.ears = ears  # for the greeting
        self.listener = ears.listener if ears is not None else None  # for each reply
        self.said_yes = False  # the last reply was a 2xx as the server gave it, whatever the listener made of it
        self.name = ""  # what the server calls itself in its answer to EHLO, lower case
        self.verified = False  # TLS with a certificate that is valid for the host
        self.security = ""  # the same in words; "" in the clear
        self.address = ""  # of the server
        self.since = ""  # which way of TLS failed with this server before this connection
        self.before = ""  # which servers were tried before this one for the present message, and why not
        self.capabilities: Capabilities = NONE
        self.parser = ReplyParser()
        self.heard = 0  # replies so far, without 421
        self.ended = False  # broken off: only good for closing
        self.dirty = False  # a transaction may be open: RSET before the next one
        self.messages = 0  # transactions so far
        self.recipients = 0  # RCPT commands so far
        self.opened = self.idle_since = clock()

    def write(self, data: bytes, what: str, timeout: float, *, flush: bool = True) -> None:
        """Send, now or together with what follows. ``what`` is named in the words of a fault. Raises Broken."""
        stream = self.stream
        blocks = 1 + (len(data) + stream.gathered) // FLUSH_BYTES
        stream.timeout = timeout
        stream.deadline = time.monotonic() + timeout * blocks  # RFC 5321 4.5.3.2.5: for each block, however many bytes trickle meanwhile
        try:
            if data:
                stream.write(data)
            if flush:
                stream.flush()
        except TimedOut as error:
            raise self.broken(f"did not take {what} within {timeout:.0f} seconds for each block") from error
        except (Disconnected, OSError) as error:
            raise self.broken(f"closed the connection while {what} was sent") from error
        finally:
            stream.deadline = NEVER

    def reply(self, what: str, timeout: float, said: bytes = b"") -> Reply:
        """The next reply, within ``timeout`` seconds altogether. Raises Broken, also for 421 (RFC 5321 section 3.8).

        ``said``: the command line that it answers, for the listener.
        """
        reply = self._received(what, timeout)
        if self.listener is not None:
            reply = self._heard(self.listener, what, said, reply)
        if reply.code == 421:
            words = f"{self.server} closes the connection at {what}: {kept(reply)}"
            raise Broken(words, reply.enhanced or "4.3.2", code=421, server=self.server)
        self.heard += 1
        return reply

    def _heard(self, listener: Ears, what: str, said: bytes, reply: Reply) -> Reply:
        """The reply as plugins leave it. What the server meant is kept where the dialogue hangs on it."""
        self.said_yes = reply.code // 100 == 2
        changed = listener.replied(self.server, said.decode("utf-8", "replace").rstrip() or SPOKEN.get(what, what), reply)
        if changed.code != reply.code and reply.code in (354, 421):
            self.ended = True  # it waits for the message, or hangs up: this connection is of no further use
        return changed

    def attend(self, what: str) -> None:
        """Before commands are sent: raises Broken when a reply is here already, as it would be taken for the answer to ``what``."""
        if not self.parser.empty:
            reply = self.reply(what, self.hop.timeouts.command)
            raise self.broken(f"said something unasked before {what}: {kept(reply)}", "4.5.0")

    def command(self, line: bytes, what: str, patience: float = 0.0) -> Reply:
        """Send one command line (with CRLF) and return its reply, within ``patience`` seconds (0: as for most). Raises Broken."""
        timeout = self.hop.timeouts.command
        self.attend(what)
        self.write(line, what, timeout)
        return self.reply(what, patience or timeout, b"" if what == "AUTH" else line)

    def greet(self) -> None:
        """Wait for the greeting and introduce ourselves. Raises Refused when the server wants no mail, Broken."""
        reply = self.reply("the greeting", self.hop.timeouts.greeting)
        if self.ears is not None:
            self.ears.connected(self.server)
        if reply.code != 220:
            raise self.refused("refuses the connection", reply, "4.3.2")
        self.hello()

    def hello(self) -> None:
        """EHLO, or HELO for servers from before 1995, and take in what is offered. Raises Refused, Broken."""
        name = self.hop.helo.encode("ascii", "replace")
        reply = self.command(b"EHLO %b\r\n" % name, "EHLO")
        if reply.code == 250:
            self.capabilities = parse(reply)
            self.name = reply.text.partition("\n")[0].partition(" ")[0].lower()
            return
        if reply.permanent:  # RFC 5321 3.2
            self.capabilities = NONE
            reply = self.command(b"HELO %b\r\n" % name, "HELO")
        if reply.code != 250:
            raise self.refused("does not accept our EHLO", reply, "4.5.0")

    @property
    def own_address(self) -> str:
        """Our end of the connection, "" when it is gone."""
        try:
            return str(self.stream.sock.getsockname()[0])
        except (OSError, IndexError):
            return ""

    def quiet(self) -> bool:
        """True while the server has neither closed the idle connection nor spoken into it (as with 421)."""
        try:
            return self.parser.empty and not self.stream.input_waiting()
        except (Disconnected, TimedOut, OSError):
            return False

    def say_quit(self) -> bool:
        """Send QUIT without waiting for the answer; False when the connection is gone already."""
        try:
            self.write(QUIT, "QUIT", self.hop.timeouts.quit)
        except Broken:
            return False
        return True

    def quit(self) -> None:
        """QUIT, a short wait for the answer, and close; never raises: the mail is safe already."""
        if not self.ended and self.say_quit():
            self.await_goodbye(self.hop.timeouts.quit)
        self.close()

    def await_goodbye(self, patience: float) -> None:
        """Wait some seconds for the answer to QUIT: RFC 5321 4.1.1.10 asks for it, and nothing hangs on it. Never raises."""
        with suppress(Broken):
            self._received("QUIT", patience)

    def close(self) -> None:
        """Close at once."""
        self.stream.close()

    def how(self, stage: str = "") -> str:
        """For the trace: the stage, how the connection is protected, and what was tried before it."""
        earlier = "; ".join(part for part in (self.before, self.since) if part)
        return "; ".join(part for part in (stage, self.security or "in the clear", earlier and f"before: {earlier}") if part)

    def broken(self, words: str, enhanced: str = "4.4.2") -> Broken:
        """A fault of this connection in words that begin with the server's name."""
        return Broken(f"{self.server} {words}", enhanced, server=self.server)

    def refused(self, words: str, reply: Reply, enhanced: str, kind: Kind = "greeting") -> Refused:
        """The server's refusal of the whole session, quoting it. Temporary: the fault is in the settings, not in the mail."""
        return Refused(f"{self.server} {words}: {kept(reply)}", enhanced, server=self.server, kind=kind)

    def _received(self, what: str, timeout: float) -> Reply:
        parser, stream, end = self.parser, self.stream, 0.0
        try:
            while (reply := parser.take()) is None:
                now = self._clock()
                end = end or now + timeout  # for the whole reply: a byte a minute is no progress
                stream.timeout = max(end - now, 0.001)
                parser.feed(stream.read_some())
            return reply
        except TimedOut as error:
            raise self.broken(f"did not answer {what} within {timeout:.0f} seconds") from error
        except BadReply as error:
            raise self.broken(f"sent {error}, at {what}", "4.5.0") from error
        except (Disconnected, OSError) as error:
            raise self.broken(f"closed the connection before it answered {what}") from error
