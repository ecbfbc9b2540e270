"""What plugins provide, described: services that listen, senders that send, jobs that run now and then."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from .mail.message import Message
from .mail.sending import ORDINARY

if TYPE_CHECKING:
    from .config.schema import ServiceSettings
    from .mail.client import Client
    from .mail.delivery import Outcome
    from .mail.sending import SessionBounds
    from .sending.filtering import Filter
    from .sending.retry import Retry
    from .sending.windows import Rate
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


SETTLED = "settled"  # in the notes of an attempt: final outcomes by recipient id, which stand though the sender raises afterwards


@dataclass(frozen=True, slots=True)
class QueuedRecipient:
    """One recipient of a queued message, as a sender sees it."""

    id: int
    address: str
    notify: str = ""
    orcpt: str = ""
    attempts: int = 0
    via: str = field(default="", repr=False)  # the server that the route names for it: "[user:password@]server[:port]"
    last_try: float = 0.0  # epoch seconds of the attempt before, 0: there was none


@dataclass(frozen=True)
class Outgoing:
    """One attempt: a message and those of its recipients that are due at one site."""

    trace: str
    sender: str  # the return path as it was given; ``return_path`` is what MAIL FROM says
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
    priority: int = ORDINARY
    client_address: str = ""  # who handed it in, "" when it was made here
    local_origin: bool = True  # False: somebody else's mail that goes on from here
    by: str = ""  # the name of the sender that makes this attempt
    connection: str = ""  # the name of its connection, "" when it has a queue of its own
    return_path: str | None = None  # after the hooks; None: ``sender``
    notes: dict[str, object] = field(default_factory=dict)  # of this attempt, from one plugin to another; "batv": True or False
    total: int = 0  # recipients of the message in all, by whatever way they go, and also those that are done; 0: not known
    everybody: Callable[[], tuple[str, ...]] | None = field(default=None, repr=False, compare=False)  # asks for ``all_recipients``

    @property
    def mail_from(self) -> str:
        """The address for MAIL FROM."""
        return self.sender if self.return_path is None else self.return_path

    @cached_property
    def all_recipients(self) -> tuple[str, ...]:
        """The addresses of all recipients of the message, also those that are no part of this attempt: read when it is first asked for.

        Those that are done are known as long as the message's trace is kept. Raises StoreUnavailable.
        """
        own = tuple(one.address for one in self.recipients)
        return tuple(dict.fromkeys((*self.everybody(), *own))) if self.everybody is not None else own

    @property
    def attempts(self) -> int:
        """How often the most tried of the recipients has been tried."""
        return max((one.attempts for one in self.recipients), default=0)

    def head(self, limit: int = 256 * 1024) -> Message:
        """The message for a look at its header; reads at most ``limit`` bytes and a chunk."""
        parts, size = [], 0
        for chunk in self.chunks():
            parts.append(chunk)
            size += len(chunk)
            if size >= limit or b"\r\n\r\n" in chunk:
                break
        return Message(b"".join(parts)[:limit], self.size, self.chunks)


@dataclass(frozen=True)
class SendingRules:
    """What the queue does for a sender: which mail it takes, in which order, how much in a time, and how it tries again."""

    takes: Filter | None = None  # None: everything
    only_waiting: bool = False  # a run of a connection sends what waited when it began, and nothing that comes while it lasts
    smaller_first: bool = False
    reverse: bool = False  # the newest first, or with smaller_first the largest
    rate: Rate | None = None  # so many messages or recipients in a time, over all workers
    retry: Retry | None = None  # None: as the section ``queue`` says
    max_size: int = 0  # bytes of a message that it takes at most, 0 is any
    wait_for_login: bool = False  # a run begins to send when a collector of the connection has logged in (POP3 before SMTP)


class Sender(Protocol):
    """A way out. The queue calls ``send`` from several greenlets at once, up to ``concurrency`` in each worker."""

    name: str
    concurrency: int
    rules: SendingRules

    def site(self, address: str, via: str = "") -> str:
        """The key by which recipients may share one transaction ("" for a relay that takes them all). Fast: it asks no server.

        A sender whose servers depend on more than the address has ``site_for(outgoing)`` beside it (else None), for one recipient.
        """

    def send(self, outgoing: Outgoing) -> Mapping[int, Outcome]:
        """Try to deliver; an outcome for every recipient id. Faults are outcomes; an exception counts as TryLater."""

    def start(self, bounds: SessionBounds | None) -> None:
        """The queue has mail again after it had none; ``bounds`` is what the hook ``sender_starting`` made of ``self.bounds``."""

    @property
    def bounds(self) -> SessionBounds:
        """How much one connection carries."""

    def idle(self) -> None:
        """The queue has nothing more just now: close connections that have been unused for long."""


class Collector(Protocol):
    """A way in by which mail is fetched: a run of its connection calls ``collect`` once."""

    name: str

    def collect(self, logged_in: Callable[[], None]) -> None:
        """Fetch what there is; call ``logged_in`` once the other server has accepted the login. Raises with the reason in words."""


@dataclass(frozen=True)
class Job:
    """Regular work under a lease: whoever of all workers and nodes holds the lease runs it."""

    name: str
    every: float  # seconds between the starts of two runs
    run: Callable[[], None]
