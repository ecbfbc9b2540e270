"""Targets of the form ``SMTP:<email>@[<user>:<pass>@]<server>[:<port>]``: an address, and the very server that takes mail for it.

They may stand wherever a target address may: in mappings, forwards, lists and assistants.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..config.places import Fault, WrongText
from ..mail.address import BadAddress, parse_address
from .servers import LoginServer, parse_login_server

PREFIX = "smtp:"
LONGEST = 1000  # characters
LOCKED = "{locked}"  # begins a password that is encrypted: so the tables of mappings, lists and accounts keep it
_LOCKED = re.compile(re.escape(LOCKED) + r"[A-Za-z0-9+/]{38,}={0,2}")  # nonce, password and tag take 29 bytes at least
LOCAL = re.compile(r'(?:"(?:[^"\\]|\\.)*"|[^"@])+@')  # a quoted local part may hold an @
WANTED = (
    "a target is expected as SMTP:address@server or SMTP:address@user:password@server:port, such as SMTP:bob@example.com@192.168.1.1:587"
)


@dataclass(frozen=True, slots=True)
class SmtpTarget:
    """An address and its server. ``str`` and ``repr`` hide the password."""

    address: str
    server: LoginServer

    @property
    def masked(self) -> str:
        """The target for people."""
        return f"SMTP:{self.address}@{self.server.masked}"

    @property
    def text(self) -> str:
        """The target as it is written, with the password."""
        return f"SMTP:{self.address}@{self.server.text}"

    @property
    def via(self) -> str:
        """The server as the queue keeps it for a recipient: ``[user:password@]server[:port]``."""
        return self.server.text

    def __str__(self) -> str:
        return self.masked


def is_target(text: str) -> bool:
    """True for what wants to be such a target."""
    return text.strip()[: len(PREFIX)].lower() == PREFIX


def parse_target(text: str) -> SmtpTarget:
    """The target that is written there. Raises WrongText, which never shows the password."""
    longest = LONGEST * 2 if LOCKED in text else LONGEST
    if not is_target(text) or len(text) > longest or len(text.splitlines()) > 1:
        raise WrongText([Fault(1, 1, WANTED)])
    begin = len(text) - len(text.lstrip()) + len(PREFIX)
    rest = text.rstrip()[begin:]
    local = LOCAL.match(rest)
    if local is None:
        raise WrongText([Fault(1, begin + 1, WANTED)])
    # after the address stands "@server" or "@user:password@server"
    domain, at, server = rest[local.end() :].partition("@")
    if not at:
        raise WrongText([Fault(1, begin + local.end() + len(domain) + 1, f"the server is missing after the address; {WANTED}")])
    try:
        address = parse_address(f"{local[0]}{domain}")
    except BadAddress:  # its words may repeat what is a password, when the @ are misplaced
        raise WrongText([Fault(1, begin + 1, f"this is no mail address; {WANTED}")]) from None
    try:
        return SmtpTarget(address, parse_login_server(server))
    except ValueError as error:
        raise WrongText([Fault(1, begin + local.end() + len(domain) + 2, str(error))]) from None


def locked_part(password: str) -> str:
    """What is encrypted of a password that the store has kept, "" for one that is readable."""
    return password.removeprefix(LOCKED) if _LOCKED.fullmatch(password) else ""


def shown(text: str) -> str:
    """A target of any kind for people: one of these without its password, all others as they are written."""
    if not is_target(text):
        return text
    try:
        return parse_target(text).masked
    except WrongText:
        return "SMTP:… (which cannot be read)"
