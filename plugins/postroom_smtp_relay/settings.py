"""The settings of smtp_relay: one sender in the section itself, or several under ``senders``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from postroom.clients.oauth import OAuthSettings
from postroom.clients.smtp.settings import SmtpTimeouts
from postroom.config.schema import PluginSettings
from postroom.config.section import Location, Section
from postroom.config.senders import ClientEncryption, SenderSettings
from postroom.config.types import ExistingFile, Name, Secret
from postroom.sending.lan import LAN
from postroom.sending.patterns import AddressPattern

PORTS = {"tls": 465}  # RFC 8314 section 7.3; all others: 25
SERVER = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\s:\[\]]+)(?::(\d{1,5}))?")
BARE_V6 = re.compile(r"[0-9A-Fa-f]*:[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*")

Mechanism = Literal["auto", "PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-256", "XOAUTH2", "OAUTHBEARER"]


def split_server(value: str) -> tuple[str, int | None]:
    """Host and port of "host", "host:port", "[v6]:port" or a bare IPv6 address. Raises ValueError with what is allowed."""
    if BARE_V6.fullmatch(value):
        return value, None
    match = SERVER.fullmatch(value)
    port = int(match[2]) if match and match[2] else None
    if match is None or (port is not None and not 1 <= port <= 65535):
        raise ValueError("a server is expected as host, host:port or [v6]:port, without spaces")
    return match[1].strip("[]"), port


def checked_server(value: str) -> str:
    """The server as it was written. Raises ValueError when it is none."""
    split_server(value)
    return value


def checked_whose(value: str) -> str:
    """The user or address with wildcards, as it was written. Raises ValueError when it is none."""
    AddressPattern.parse(value)
    return value


Server = Annotated[str, AfterValidator(checked_server)]
Whose = Annotated[str, AfterValidator(checked_whose)]


class AccountSettings(Section):
    """A login of its own for the mail of some users."""

    user: Whose = Field(description="Whose mail: a user who has logged in, or a From address when it has an @; * and ? are wildcards.")
    username: str = Field(min_length=1, max_length=320, description="The login name for their mail.")
    password: Secret = Field(description="Its password.")
    servers: list[Server] = Field([], description="Servers for their mail instead of those of the sender.")


class RelaySettings(SenderSettings):
    """One sender that hands all its mail to the first of its servers that is ready for mail."""

    name: Name = Field("Relay", description="Your name for it; connections refer to it.")
    servers: list[Server] = Field(
        [], description="host or host:port, tried in order until one is ready for mail; an SMTP error for a message does not move on."
    )
    encryption: ClientEncryption = Field(
        "starttls-if-available", description="none, starttls-if-available, starttls (without it nothing is sent), or tls (mostly port 465)."
    )
    verify: bool = Field(True, description="The server's certificate must be valid for its name.")
    ca: ExistingFile | None = Field(None, description="PEM file of the issuers to trust; null takes the system's.")
    username: str | None = Field(None, min_length=1, max_length=320, description="Login name; null sends without a login.")
    password: Secret | None = Field(None, description="Its password.")
    auth: Mechanism = Field("auto", description="The login mechanism; auto takes the best that the server offers.")
    oauth: OAuthSettings | None = Field(None, description="Log in by an OAuth 2 access token instead of a password.")
    allow_plaintext_auth: bool = Field(False, description="Send the password without encryption; to this machine it always may.")
    accounts: list[AccountSettings] = Field(
        [], description="Logins for the mail of some users, the first that matches; all other mail takes username above, if there is one."
    )
    fallback: list[Name] = Field(
        [],
        description="Senders that take over, in order, while no server can be reached or the login fails; where there are accounts and no "
        "username, also for the mail of all others.",
    )
    timeouts: SmtpTimeouts = Field(default_factory=SmtpTimeouts, description="How long to wait at each step.")

    def checks(self) -> Iterator[tuple[Location, str]]:
        """There is a server; a login is a name with a password or with OAuth, and a mechanism that goes with it."""
        if not self.servers:
            yield ("servers",), "at least one server is expected, such as smtp.example.net:587"
        if self.username is None:
            for key, value in (("password", self.password), ("oauth", self.oauth)):
                if value is not None:
                    yield (key,), f"username is needed as well, because {key} is set"
        elif (self.password is None) == (self.oauth is None):
            yield ("password",), "exactly one of password and oauth is needed, because username is set"
        if self.oauth is None and self.auth in ("XOAUTH2", "OAUTHBEARER"):
            yield ("auth",), f"{self.auth} needs the section oauth"
        if self.oauth is not None and self.auth not in ("auto", "XOAUTH2", "OAUTHBEARER"):
            yield ("auth",), f"{self.auth} needs a password, not oauth"
        if self.accounts and self.auth in ("XOAUTH2", "OAUTHBEARER"):
            yield ("accounts",), f"they have passwords, which do not go with auth: {self.auth}"
        for index, name in enumerate(self.fallback):
            if name in (self.name, LAN) or name in self.fallback[:index]:
                yield ("fallback", index), f"{name} cannot stand here: another sender is expected, each once"


class Settings(RelaySettings, PluginSettings):
    """The section ``smtp_relay``: the settings of one sender, or ``senders`` with a list of them."""

    senders: list[RelaySettings] = Field([], description="Several senders, each with its own name and servers, instead of one.")

    def checks(self) -> Iterator[tuple[Location, str]]:
        """One sender or several, not both; names are unique."""
        if not self.senders:
            yield from super().checks()
            return
        for key in sorted(self.model_fields_set - {"senders", "enabled"}):
            yield (key,), f"{key} belongs into the items of senders, because there are several"
        names = [sender.name for sender in self.senders]
        for index, name in enumerate(names):
            if name in names[:index]:
                yield ("senders", index, "name"), f"there is a sender {name} above; names of senders are unique"
        bounded = {sender.name for sender in self.senders if sender.rate is not None}
        for place, name in self.senders_named():
            if name in bounded:
                yield place, f"{name} has a rate, in which what it takes over would not be counted"

    def senders_named(self) -> Iterator[tuple[Location, str]]:
        """Senders of ``fallback``, which may be of another plugin."""
        for place, sender in [((), self), *self.parts(RelaySettings)]:
            yield from (((*place, "fallback", index), name) for index, name in enumerate(sender.fallback))

    def all_senders(self) -> list[RelaySettings]:
        """The settings of every sender, in whichever of the two forms they were given."""
        return list(self.senders) or [self]

    def sender_names(self) -> list[str]:
        """The senders that connections may name."""
        return [sender.name for sender in self.all_senders()]
