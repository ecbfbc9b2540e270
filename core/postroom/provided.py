"""What plugins provide, described: services that listen, senders that send, jobs that run now and then."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from .config.schema import ServiceSettings
    from .mail.client import Client
    from .mail.delivery import Outcome
    from .wire.limits import Limits
    from .wire.stream import Stream


@dataclass(frozen=True)
class Service:
    """One listening service. ``handle`` talks to one client and returns when the session is over."""

    protocol: str  # "SMTP"
    settings: ServiceSettings  # id, name, listen, encryption, …
    handle: Callable[[Stream, Client], None]  # the stream is already TLS when encryption is "tls"
    limits: Limits
    refuse: Callable[[str], bytes]  # words to say to a client that may not connect ("too many connections …"), as bytes
    choose_encryption: Callable[[Client], str] | None = None  # for one connection, before anything is said on it; None: as configured

    def encryption(self, client: Client) -> str:
        """How the connection of ``client``, which has just been made, is to be encrypted."""
        return self.settings.encryption if self.choose_encryption is None else self.choose_encryption(client)


@dataclass(frozen=True)
class QueuedRecipient:
    """One recipient of a queued message, as a sender sees it."""

    id: int
    address: str
    notify: str = ""
    orcpt: str = ""
    attempts: int = 0


@dataclass(frozen=True)
class Outgoing:
    """One attempt: a message and those of its recipients that are due at one site."""

    trace: str
    sender: str
    size: int  # bytes of prefix and blob together
    recipients: tuple[QueuedRecipient, ...]
    chunks: Callable[[], Iterator[bytes]]  # the message with its added headers, from the start at each call
    body: str = "7BIT"
    smtputf8: bool = False
    requiretls: bool = False
    ret: str = ""
    envid: str = ""
    user: str | None = None
    channel: str = "out"
    queued_at: float = 0.0  # epoch seconds
    notes: dict[str, object] = field(default_factory=dict)


class Sender(Protocol):
    """A way out. The queue calls ``send`` from several greenlets at once, up to ``concurrency`` in each worker."""

    name: str
    concurrency: int

    def site(self, address: str) -> str:
        """The key by which recipients may share one transaction ("" for a relay that takes them all)."""

    def send(self, outgoing: Outgoing) -> Mapping[int, Outcome]:
        """Try to deliver; an outcome for every recipient id. Faults are outcomes; an exception counts as TryLater."""

    def idle(self) -> None:
        """The queue has nothing more just now: close connections that have been unused for long."""


@dataclass(frozen=True)
class Job:
    """Regular work under a lease: whoever of all workers and nodes holds the lease runs it."""

    name: str
    every: float  # seconds between the starts of two runs
    run: Callable[[], None]
