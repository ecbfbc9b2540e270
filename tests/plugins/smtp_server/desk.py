"""A desk whose parts are in memory: real hooks and logins, a small router, a queue that is a list."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import structlog

from postroom import Client, Envelope, Refuse, Reply, Route, ToMailbox, ToQueue, hookimpl, ids
from postroom.asking import Asker
from postroom.auth import Authenticator
from postroom.credentials import Vault, make_credentials
from postroom.hookspecs import new_manager
from postroom.queue.submission import Submission
from postroom.store.accounts import Account
from postroom.store.database import StoreUnavailable
from postroom_smtp_server.desk import Desk
from postroom_smtp_server.session import Session
from postroom_smtp_server.settings import SmtpService

NOW = 1_790_000_000.0


@dataclass
class MemoryDraft:
    """A draft that keeps everything in memory; ``full``: the store fails beyond so many bytes."""

    full: int = 1 << 40
    data: bytes = b""
    sealed: bool = False
    abandoned: bool = False

    @property
    def size(self) -> int:
        return len(self.data)

    @property
    def head(self) -> bytes:
        return self.data[: 256 << 10]

    def write(self, data: bytes) -> None:
        if len(self.data) + len(data) > self.full:
            raise StoreUnavailable("disk full")
        self.data += data

    def chunks(self) -> Iterator[bytes]:
        yield self.data

    def seal(self) -> None:
        self.sealed = True

    def abandon(self) -> None:
        self.abandoned = True


@dataclass
class MemoryBlobs:
    full: int = 1 << 40
    drafts: list[MemoryDraft] = field(default_factory=list)

    def draft(self) -> MemoryDraft:
        self.drafts.append(MemoryDraft(self.full))
        return self.drafts[-1]


@dataclass
class MemoryQueue:
    """Keeps what is put; ``fails`` is raised instead."""

    taken: list[Submission] = field(default_factory=list)
    fails: Exception | None = None

    def put(self, submission: Submission) -> str:
        if self.fails is not None:
            raise self.fails
        self.taken.append(submission)
        return ids.text(submission.id)

    @property
    def content(self) -> bytes:
        """The last message as it would be stored."""
        last = self.taken[-1]
        lines = b"".join(line + b"\r\n" for line in last.envelope.headers)
        return last.received + lines + last.draft.head


class Router:
    """Bob, alice and postmaster live here; full@ refuses for now; other domains are outside."""

    local = frozenset({"bob", "alice", "postmaster", "jörg"})

    @hookimpl
    def route(self, address: str, envelope: Envelope) -> Route | None:
        local, _, domain = address.rpartition("@")
        if domain not in {"example.test", "münchen.test"}:
            return Route((ToQueue(address),), ("outside",))
        if local.lower() in self.local:
            return Route((ToMailbox(1, local.lower()),), ("user",))
        if local == "full":
            return Route((Refuse(Reply(452, "4.2.2", "Mailbox full")),), ("quota",))
        return None if local == "nobody" else Route((Refuse(Reply(550, "5.1.1", f"No such user: {address}"[:100])),), ("unknown",))


class Witness:
    """Remembers what clients were blamed for."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str]] = []

    @hookimpl
    def client_misbehaved(self, event: str, detail: str) -> None:
        self.events.append((event, detail))


class People:
    """The accounts: bob may send anywhere, alice only inside and only small mail; both have the password ``secret``."""

    def __init__(self, vault: Vault) -> None:
        made = credentials(vault)
        self._accounts = {
            "bob": Account(id=1, name="bob", **made),
            "alice": Account(id=2, name="alice", internet=False, max_size=1000, **made),
        }
        self.fails: Exception | None = None

    def get(self, name: str) -> Account | None:
        if self.fails is not None:
            raise self.fails
        return self._accounts.get(name)

    def any_reversible(self) -> bool:
        return True


@cache
def vault() -> Vault:
    return Vault(Path(tempfile.mkdtemp(prefix="postroom-test-")))


@cache
def credentials(vault: Vault) -> Any:
    return make_credentials("secret", vault)


class Office:
    """A desk with handles on its parts, and sessions at it."""

    def __init__(self, *plugins: Any, **settings: Any) -> None:
        self.witness = Witness()
        self.faults: list[tuple[str, str]] = []
        manager = new_manager()
        for plugin in (*reversed(plugins), self.witness, Router()):
            manager.register(plugin, type(plugin).__name__)
        self.ask = Asker(manager.hook, lambda: 0.0, lambda plugin, hook, error, arguments: self.faults.append((plugin, hook)))
        self.blobs, self.queue, self.people = MemoryBlobs(), MemoryQueue(), People(vault())
        self.counted: list[str] = []
        self.desk = Desk(
            service=SmtpService.model_validate({"id": 1, "name": "SMTP", "listen": ["127.0.0.1:0"]} | settings),
            hostname="mail.example.test",
            authserv_ids=frozenset({"mail.example.test"}),
            domain="example.test",
            ask=self.ask,
            auth=self._auth(),
            blobs=self.blobs,  # type: ignore[arg-type]
            queue=self.queue,
            clock=lambda: NOW,
            new_id=ids.new_id,
            log=structlog.wrap_logger(structlog.testing.CapturingLogger(), processors=[]),
            count=lambda name, **labels: self.counted.append(name),
        )

    def client(self, **facts: Any) -> Client:
        """A stranger's client; ``facts`` change it."""
        known: dict[str, Any] = {"session": "s1", "protocol": "SMTP", "address": "192.0.2.7", "service": 1, "service_name": "SMTP"}
        return Client(**(known | facts))

    def session(self, *, early: bool = False, **facts: Any) -> Session:
        """A new session of a stranger; ``facts`` change the client."""
        return Session(self.desk, self.client(**facts), early=early)

    def _auth(self) -> Authenticator:
        return Authenticator(
            self.people,
            self.ask,
            offload=lambda fn, *arguments: fn(*arguments),
            domains=["example.test"],
            vault=vault(),
            hostname="mail.example.test",
            clock=lambda: 0.0,
            sleep=lambda seconds: None,
        )
