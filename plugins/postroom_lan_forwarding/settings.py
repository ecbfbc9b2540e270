"""The settings of LAN forwarding: rules, how to talk to their servers, and when to try again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from postroom.clients.smtp.settings import SmtpTimeouts
from postroom.config.addresses import ServerAddress, parse_server
from postroom.config.schema import PluginSettings
from postroom.config.section import Location, Section
from postroom.config.senders import EHLO_NAME, RetrySettings
from postroom.config.sending import LanAddresses, Rewriting
from postroom.config.types import Duration, ExistingFile, Secret
from postroom.mail.sending import SessionBounds
from postroom.sending.lan import LAN
from postroom.sending.lan_rules import Condition, LanRule
from postroom.sending.servers import LoginServer

PORT = 25
NO_PORT = 0


class RuleSettings(Section):
    """One rule; the first that matches an address decides."""

    name: str = Field("", max_length=64, description="Your name for it, in the reasons of `postroom explain`.")
    addresses: LanAddresses = Field(
        description="Whose mail it is, one a line: user@domain with * and ?, *@domain for everybody there, a name alone (with bare_names), "
        "or ~@domain for those whom no user, mapping, list or other rule has. They need not be of a local domain."
    )
    server: ServerAddress = Field(description="The server that takes it, host or host:port.")
    port: int | None = Field(None, ge=1, le=65535, description="Its port; null is that of server, or 25.")
    username: str = Field("", max_length=320, description="Login name; empty sends without a login.")
    password: Secret | None = Field(None, description="Its password.")
    rewrite: Rewriting = Field("", description="*@new.example gives the other server that domain instead, user@new.example that address.")
    condition: Condition = Field(
        "all", description="Which mail: all, smtp (what clients and servers hand in), or local (of users, of no_auth, and our own reports)."
    )
    comment: str = Field("", max_length=1000, description="For scripts.")
    extra: str = Field("", max_length=1000, description="More for scripts.")

    def checks(self) -> Iterator[tuple[Location, str]]:
        """One port; a login is a name and a password."""
        if self.port is not None and self._place[1]:
            yield ("port",), f"server has a port already ({self._place[1]})"
        if bool(self.username) != (self.password is not None and bool(self.password.get_secret_value())):
            yield ("password" if self.username else "username",), "username and password go together"
        if ":" in self.username:
            yield ("username",), "a colon cannot stand in it"

    @property
    def _place(self) -> tuple[str, int]:
        return parse_server(self.server, NO_PORT)

    def rule(self) -> LanRule:
        """The rule that they make."""
        host, port = self._place
        password = self.password.get_secret_value() if self.password else ""
        server = LoginServer(host.lower().rstrip("."), self.port or port or None, self.username, password)
        return LanRule(self.addresses, server, self.rewrite, self.name, self.comment, self.extra, self.condition)


class LanTimeouts(SmtpTimeouts):
    """How long to wait for a server at each step; it is near, and assumed to be always there."""

    connect: Duration = Field(15.0, description="For the connection, all addresses of a server together.")
    greeting: Duration = Field(60.0, description="For the greeting.")
    command: Duration = Field(120.0, description="For the answer to EHLO, AUTH, MAIL and RCPT.")


class Settings(PluginSettings):
    """LAN forwarding: its sender is named LAN, has a queue of its own, and sends at once, whatever the schedule says."""

    rules: list[RuleSettings] = Field([], description="The rules in their order. Targets SMTP:… need none.")
    bare_names: bool = Field(False, description="Addresses of rules may be a name alone, which holds for all local domains.")
    encryption: Literal["none", "starttls-if-available", "starttls"] = Field(
        "starttls-if-available", description="none, starttls-if-available, or starttls (without it nothing is sent)."
    )
    verify: bool = Field(False, description="The servers' certificates must be valid for their names.")
    ca: ExistingFile | None = Field(None, description="With verify: PEM file of the issuers to trust; null takes the system's.")
    allow_plaintext_auth: bool = Field(False, description="Send passwords without encryption; to this machine it always may.")
    helo: str | None = Field(None, pattern=EHLO_NAME, description="The name in EHLO; null takes server.hostname.")
    concurrency: int = Field(10, ge=1, le=1000, description="Connections at the same time, in each worker.")
    max_messages_per_session: int = Field(1000, ge=1, description="Then a connection is closed and another one opened.")
    max_recipients_per_message: int = Field(100, ge=1, description="A message for more is sent several times.")
    max_recipients_per_session: int = Field(10_000, ge=1, description="Then a connection is closed and another one opened.")
    retry: RetrySettings = Field(default_factory=RetrySettings, description="When to try again.")
    timeouts: LanTimeouts = Field(default_factory=LanTimeouts, description="How long to wait at each step.")

    @property
    def bounds(self) -> SessionBounds:
        """How much one connection carries."""
        return SessionBounds(self.max_messages_per_session, self.max_recipients_per_session, self.max_recipients_per_message)

    def sender_names(self) -> list[str]:
        """The one sender."""
        return [LAN]

    def checks(self) -> Iterator[tuple[Location, str]]:
        """Bare names where they are allowed; one password for each login; an issuer only where certificates are looked at."""
        passwords: dict[tuple[str, int, str], str] = {}
        for index, rule in enumerate(self.rules):
            if rule.addresses.bare and not self.bare_names:
                yield ("rules", index, "addresses"), f"{rule.addresses.bare[0]} has no domain; give it one, or set bare_names: true"
            server = rule.rule().server
            login = (server.host, server.port or PORT, server.username)  # what is queued takes the password that the rules have for it
            if server.username and passwords.setdefault(login, server.password) != server.password:
                yield ("rules", index, "password"), "another password than that of the rule above with the same server and username"
        if self.ca is not None and not self.verify:
            yield ("ca",), "goes with verify: true"
