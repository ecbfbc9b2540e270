"""The metrics service: what Prometheus and a load balancer ask for."""

from __future__ import annotations

from pydantic import Field

from postroom import Client, Verdict, hookimpl
from postroom.config.addresses import ListenAddress
from postroom.config.schema import Encryption, PluginSettings, ServiceSettings
from postroom.context import Context
from postroom.mail.delivery import Delivered, Failed, Outcome
from postroom.mail.envelope import Envelope
from postroom.provided import Service
from postroom.store.database import StoreUnavailable
from postroom.wire.limits import Limits
from postroom.wire.stream import Stream

from .http import Pages, converse, response


class MetricsService(ServiceSettings):
    """Where the pages are served; there is no TLS and no login, so keep it on a private address."""

    id: int = 1
    name: str = "Metrics"
    listen: list[ListenAddress] = Field(["127.0.0.1:2109"], min_length=1, description="host:port, [v6]:port or unix:PATH.")
    encryption: Encryption = "none"


class Settings(PluginSettings):
    """Settings of the metrics plugin."""

    services: list[MetricsService] = Field(default_factory=lambda: [MetricsService()], description="The listening services")


OUTCOMES = {Delivered: "delivered", Failed: "failed"}
OTHERWISE = "deferred"


class Plugin:
    """Counts what the hooks tell and serves the pages."""

    def __init__(self, context: Context, settings: Settings) -> None:
        self.context, self.settings = context, settings
        self.accepting = False
        self.pages: Pages = {
            b"/metrics": lambda: response(200, context.metrics.render(), b"text/plain; version=0.0.4; charset=utf-8"),
            b"/livez": lambda: response(200, b"alive\n"),
            b"/readyz": self.readiness,
        }

    @hookimpl
    def register_services(self) -> list[Service]:
        """One HTTP service for each entry of the settings."""
        return [
            Service("HTTP", settings, self.handle, Limits.of(settings), lambda words: response(503, words.encode() + b"\n"))
            for settings in self.settings.services
        ]

    def handle(self, stream: Stream, client: Client) -> None:
        """Answer the requests of one connection."""
        converse(stream, self.pages)

    def readiness(self) -> bytes:
        """200 while this worker accepts and its database answers, else 503 with the reason."""
        if not self.accepting:
            return response(503, b"not accepting connections\n")
        try:
            self.context.db.read(lambda tx: tx.one("SELECT 1"))
        except StoreUnavailable as error:
            return response(503, f"database: {error}\n".encode())
        return response(200, b"ready\n")

    @hookimpl
    def worker_started(self) -> None:
        """Ready from now on. What has not happened yet is 0: a series that comes into being with its first event hides that event."""
        self.accepting = True
        count = self.context.metrics.count
        for name in ("messages_accepted", "bytes_accepted"):
            count(name, 0)
        for outcome in (*OUTCOMES.values(), OTHERWISE):
            count("deliveries", 0, outcome=outcome)
        self.context.metrics.gauge("workers", 1)

    @hookimpl
    def worker_stopping(self) -> None:
        """Not ready any more, still alive."""
        self.accepting = False

    @hookimpl
    def client_connected(self, client: Client) -> Verdict | None:
        """Count connections by protocol."""
        self.context.metrics.count("connections", protocol=client.protocol)
        return None

    @hookimpl
    def login_finished(self, client: Client, mechanism: str, success: bool) -> None:
        """Count logins by protocol, mechanism and result."""
        self.context.metrics.count("logins", protocol=client.protocol, mechanism=mechanism, success=str(success).lower())

    @hookimpl
    def client_misbehaved(self, client: Client, event: str) -> None:
        """Count what clients did wrong."""
        self.context.metrics.count("misbehaviour", protocol=client.protocol, event=event)

    @hookimpl
    def message_accepted(self, envelope: Envelope, size: int) -> None:
        """Count accepted messages and their bytes."""
        self.context.metrics.count("messages_accepted")
        self.context.metrics.count("bytes_accepted", size)

    @hookimpl
    def delivery_finished(self, outcome: Outcome) -> None:
        """Count attempts to deliver by outcome."""
        self.context.metrics.count("deliveries", outcome=OUTCOMES.get(type(outcome), OTHERWISE))
