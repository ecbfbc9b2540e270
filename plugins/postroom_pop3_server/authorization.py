"""The AUTHORIZATION state: who is it? (RFC 1939 section 4, RFC 2595, RFC 5034)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable

from postroom import Client
from postroom.wire.answer import Answer, Then
from postroom.wire.sasl import Challenge, Denied

from .answers import LOGIN_FAILED, NEEDS_ENCRYPTION, NOT_BASE64, err, listing, ok
from .doors import Binding, Doors, Exchange
from .maildrop import Maildrop
from .settings import Pop3Service

Entered = Callable[[Maildrop], Answer]


class Authorization:
    """The commands before the login. ``entered`` is called with the maildrop when somebody is in."""

    def __init__(self, client: Client, settings: Pop3Service, doors: Doors, entered: Entered) -> None:
        self.client, self.settings, self.doors, self.entered = client, settings, doors, entered
        self.binding: Binding = {}
        self.stamp = ""  # of APOP; "" when it is not offered
        self._name: str | None = None  # given by USER
        self._failures = 0
        self._exchange: Exchange | None = None
        # command -> (handler, fewest and most arguments)
        self.commands = {
            b"USER": (self.user, 1, 1),
            b"PASS": (self.password, 1, 1),  # one argument that may hold spaces, see Session.handle()
            b"APOP": (self.apop, 2, 2),
            b"AUTH": (self.auth, 0, 2),
            b"STLS": (self.stls, 0, 0),
            b"UTF8": (self.utf8, 0, 0),
        }

    # --- what may be used now

    @property
    def plain_allowed(self) -> bool:
        """Whether a password may come in clear now."""
        if self.client.tls is None and (self.settings.encryption == "starttls-required" or self.settings.require_encrypted_auth):
            return False
        return self.settings.auth != "off" and self.doors.plain_allowed()

    @property
    def mechanisms(self) -> list[str]:
        """The SASL mechanisms that may be used now."""
        if self.client.tls is None and self.settings.encryption == "starttls-required":
            return []
        in_clear = () if self.plain_allowed else ("PLAIN", "LOGIN")
        return [name for name in self.doors.mechanisms(self.binding) if name not in in_clear]

    @property
    def may_start_tls(self) -> bool:
        """Whether STLS may be used now."""
        return self.client.tls is None and self.settings.encryption.startswith("starttls")

    def forget(self) -> None:
        """TLS is on: what was said before counts no more (RFC 2595 section 4)."""
        self._name = None

    # --- commands

    def user(self, arguments: list[bytes]) -> Answer:
        """USER: every name is welcome, so that nobody learns which exist."""
        if not self.plain_allowed:
            return NEEDS_ENCRYPTION
        self._name = arguments[0].decode("utf-8", "replace")
        return ok("send PASS")

    def password(self, arguments: list[bytes]) -> Answer:
        """PASS."""
        if self._name is None:
            return err("USER first")
        if not self.plain_allowed:
            return NEEDS_ENCRYPTION
        name, self._name = self._name, None
        return self._judge(self.doors.password(name, arguments[0].decode("utf-8", "replace")))

    def apop(self, arguments: list[bytes]) -> Answer:
        """APOP (RFC 1939 section 7)."""
        if not self.stamp:
            return err("APOP is not offered")
        name, digest = (word.decode("utf-8", "replace") for word in arguments)
        return self._judge(self.doors.apop(name, self.stamp, digest))

    def auth(self, arguments: list[bytes]) -> Answer:
        """AUTH (RFC 5034); without a mechanism it lists them, as old clients ask."""
        if not arguments:
            return listing("mechanisms follow", self.mechanisms)
        mechanism = arguments[0].decode("ascii", "replace").upper()
        if mechanism not in self.mechanisms:
            return err("mechanism not offered")
        exchange = self.doors.exchange(mechanism, self.binding)
        if isinstance(exchange, Denied):
            return self._judge(exchange)
        initial: bytes | None = None
        if len(arguments) == 2:
            try:
                initial = b"" if arguments[1] == b"=" else base64.b64decode(arguments[1], validate=True)
            except binascii.Error:
                return NOT_BASE64
        return self._step(exchange, initial)

    def respond(self, line: bytes) -> Answer:
        """The next line of a SASL exchange (RFC 5034 section 4)."""
        exchange, self._exchange = self._exchange, None
        if exchange is None or line == b"*":
            return err("AUTH cancelled")
        try:
            return self._step(exchange, base64.b64decode(line, validate=True))
        except binascii.Error:
            return NOT_BASE64

    def stls(self, arguments: list[bytes]) -> Answer:
        """STLS (RFC 2595 section 4)."""
        return ok("begin TLS", Then.START_TLS) if self.may_start_tls else err("STLS is not possible")

    def utf8(self, arguments: list[bytes]) -> Answer:
        """UTF8 (RFC 6856 section 2): messages are sent as they came in either mode."""
        return ok("UTF-8 from here on")

    # --- inside

    def _step(self, exchange: Exchange, response: bytes | None) -> Answer:
        outcome = exchange.step(response)
        if isinstance(outcome, Challenge):
            self._exchange = exchange
            return Answer(b"+ " + base64.b64encode(outcome.data) + b"\r\n", Then.READ_RESPONSE)
        return self._judge(outcome)

    def _judge(self, outcome: object) -> Answer:
        if isinstance(outcome, Denied):
            self._failures += 1
            last = outcome.disconnect or self._failures >= self.settings.max_failed_logins
            text = "[SYS/TEMP] " + outcome.reply.text if outcome.temporary else LOGIN_FAILED
            return err(text, Then.CLOSE if last else Then.READ_LINE)
        opened = self.doors.open(self.client)
        return err(opened) if isinstance(opened, str) else self.entered(opened)
