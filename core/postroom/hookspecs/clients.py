"""Hooks of clients: they connect, say who they are, and read their mail."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .marks import hookspec

if TYPE_CHECKING:
    from ..mail.client import Client
    from ..mail.listing import ListResult
    from ..mail.verdict import Verdict


# --- a client connects and says who it is ---------------------------------------------------------------------------


@hookspec
def client_connected(client: Client) -> Verdict | None:
    """Decision: a client has connected, before the greeting. ``client``: address, service, access rule result.

    A refusing verdict is sent instead of the greeting and the connection is closed.
    """


@hookspec
def connection_encryption(client: Client, encryption: str) -> str | None:
    """Transform: how an IMAP4 connection is encrypted, before anything is said on it.

    ``encryption``: "none", "starttls" (offered), "starttls-required" or "tls" (from the first byte), as the service is configured;
    ``client`` has no login and no TLS yet. Another word than these four keeps it.
    """


@hookspec
def client_helo(client: Client, name: str) -> Verdict | None:
    """Decision: HELO or EHLO with ``name`` as given (SMTP). A refusing verdict answers the command."""


@hookspec
def translate_username(client: Client, name: str) -> str | None:
    """Transform: the account name to use for the login name that the client gave; None keeps it."""


@hookspec
def client_login(client: Client, name: str, mechanism: str) -> Verdict | None:
    """Decision: a login attempt, before the password is looked at. A refusing verdict fails the login with its reply."""


@hookspec
def login_finished(client: Client, name: str, mechanism: str, success: bool) -> None:
    """Event: a login attempt has succeeded or failed."""


@hookspec
def client_misbehaved(client: Client, event: str, detail: str) -> None:
    """Event: something that counts against an address.

    ``event``: "auth-failure", "relay-denied", "bad-recipient", "syntax-error", "message-too-big", "early-talker",
    "too-many-errors", "bad-data"; ``detail``: text for the log.
    """


# --- a client reads its mail (IMAP4) --------------------------------------------------------------------------------


@hookspec
def imap_capabilities(client: Client, capabilities: tuple[str, ...]) -> Sequence[str] | None:
    """Transform: what is offered in the greeting, after the login and by CAPABILITY; ``client.user`` tells whether somebody is in.

    To take words out is what it is for: a command that is not offered may still be used. None keeps them all.
    """


@hookspec
def imap_list_result(client: Client, result: ListResult) -> ListResult | None:
    """Transform: one folder as LIST and LSUB are about to show it to ``client``.

    ``result``: its name, attributes and extended data; answer with a changed one (``dataclasses.replace``), or hide the folder.
    """
