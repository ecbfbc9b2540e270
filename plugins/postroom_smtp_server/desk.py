"""The desk at which all clients of one service are served: what their sessions share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from postroom.wire.answer import Answer, Then

from . import answers
from .settings import SmtpService

if TYPE_CHECKING:
    from postroom.asking import Asker
    from postroom.auth import Authenticator
    from postroom.queue.submission import Submission
    from postroom.store.blobs import Draft


class Door(Protocol):
    """What is needed of ``queue.put.Queue``: the one way in for mail."""

    def put(self, submission: Submission) -> str:
        """Take the message for good and return its trace id. Raises StoreUnavailable."""


class Drafts(Protocol):
    """What is needed of ``store.blobs.Blobs``."""

    def draft(self) -> Draft:
        """A place for a message that is arriving."""


@dataclass(slots=True)
class Desk:
    """What the sessions of one service share."""

    service: SmtpService
    hostname: str  # of the banner
    authserv_ids: frozenset[str]  # the names under which our own checks tell their results, in lower case without a last dot
    domain: str  # completes bare names
    ask: Asker
    auth: Authenticator
    blobs: Drafts
    queue: Door
    clock: Callable[[], float]  # epoch seconds
    new_id: Callable[[], int]  # ids.new_id
    log: Any
    count: Callable[..., None]  # Metrics.count
    ehlo: dict[tuple[object, ...], Answer] = field(default_factory=dict)  # by TLS and mechanisms: there are few
    greeting: Answer = field(init=False)
    helo: Answer = field(init=False)
    farewell: Answer = field(init=False)

    def __post_init__(self) -> None:
        self.greeting = Answer(f"220 {self.hostname} ESMTP Postroom\r\n".encode("ascii"))  # RFC 5321 section 4.2: no enhanced code here
        self.helo = Answer(f"250 {self.hostname}\r\n".encode("ascii"))
        self.farewell = answers.say(221, "2.0.0", f"{self.hostname} closing connection", Then.CLOSE)
