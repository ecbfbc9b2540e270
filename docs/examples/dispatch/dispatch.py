"""How mail leaves, decided by a plugin at each step: newsletters by night, old servers with care. In a single file."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from pydantic import Field

from postroom import Envelope, Reply, hookimpl
from postroom.config.schema import PluginSettings
from postroom.config.types import Duration
from postroom.context import Context
from postroom.mail.message import Message
from postroom.mail.sending import AttemptPlan, MxServer, Protection, QueuePlan, ServerChoice, ServerVerdict, SessionBounds
from postroom.provided import Outgoing


class Settings(PluginSettings):
    """The section ``dispatch``."""

    night: tuple[int, int] = Field((22, 6), description="The hours between which newsletters leave.")
    newsletter_life: Duration = Field(2 * 86400.0, description="After this time a newsletter is no news: it is taken out of the queue.")
    tries: int = Field(5, ge=1, description="Attempts for a newsletter at most.")
    careful: dict[str, int] = Field({}, description="Senders, and how many messages one of their connections carries.")
    servers: dict[str, str] = Field({}, description="Domains, and the server that takes their mail instead of those of the DNS.")
    avoid: list[str] = Field([], description="Mail servers that get nothing.")
    no_tls: list[str] = Field([], description="Mail servers whose TLS does not work.")
    final: list[str] = Field(["no such user"], description="Words that make a temporary refusal of a recipient a final one.")


class Plugin:
    """Answers the hooks of sending."""

    def __init__(self, context: Context, settings: Settings) -> None:
        self.context, self.settings = context, settings

    # --- the queue ---

    @hookimpl
    def outgoing_queued(self, message: Message, envelope: Envelope, plan: QueuePlan) -> QueuePlan | None:
        """A new outgoing message: newsletters go last, by night, and not for ever."""
        if message.header("Precedence") != "bulk":
            return None
        end = self.context.clock() + self.settings.newsletter_life
        return replace(plan, priority=10, hold_until=self.next_night(), delete_at=end, reason="a newsletter waits for the night")

    @hookimpl
    def attempt_starting(self, outgoing: Outgoing, plan: AttemptPlan) -> AttemptPlan | None:
        """A message is to be sent: a newsletter only by night, and so often at most."""
        if outgoing.head().header("Precedence") != "bulk":
            return None
        start = self.next_night()
        if start:
            return replace(plan, skip=True, hold_until=start, reason="a newsletter waits for the night")
        return replace(plan, last_try=outgoing.attempts + 1 >= self.settings.tries)

    @hookimpl
    def return_path(self, path: str, outgoing: Outgoing) -> str | None:
        """MAIL FROM: reports about a newsletter name the message, so that a program can read who is gone."""
        name, at, domain = path.rpartition("@")
        bulk = bool(at) and outgoing.head().header("Precedence") == "bulk"
        return f"{name}+{outgoing.trace}@{domain}" if bulk else None

    # --- the sender and its servers ---

    @hookimpl
    def sender_starting(self, sender: str, connection: str, bounds: SessionBounds) -> SessionBounds | None:
        """A sender begins: some log off after a few messages."""
        few = self.settings.careful.get(sender)
        return replace(bounds, messages=few) if few is not None else None

    @hookimpl
    def server_choice(self, domain: str, outgoing: Outgoing, choice: ServerChoice) -> ServerChoice | None:
        """Which servers: our own choice, or what the DNS says, asked afresh once something has failed."""
        server = self.settings.servers.get(domain)
        if server is not None:
            host, _, port = server.partition(":")
            return replace(choice, servers=(MxServer(host, int(port or 25)),))
        return replace(choice, use_cache=False) if outgoing.attempts else None

    @hookimpl
    def check_server(self, domain: str, server: str, outgoing: Outgoing, verdict: ServerVerdict) -> ServerVerdict | None:
        """Whether a server may be used; where none is left, the mail waits for half an hour."""
        return ServerVerdict(allowed=False, hold=1800) if server in self.settings.avoid else None

    @hookimpl
    def server_tls(self, domain: str, server: str, outgoing: Outgoing, encryption: Protection) -> Protection | None:
        """How the connection is protected."""
        return "none" if server in self.settings.no_tls else None

    @hookimpl
    def server_connected(self, sender: str, server: str) -> None:
        """A server has greeted us."""
        self.context.metrics.count("dispatch_connections", sender=sender)

    @hookimpl
    def server_replied(self, sender: str, server: str, command: str, reply: Reply) -> Reply | None:
        """A reply of a server: some say "try again" where there is nobody."""
        gone = any(words in reply.text.lower() for words in self.settings.final)
        if command.startswith("RCPT") and reply.temporary and gone:
            return Reply(550, "5.1.1", reply.text)
        return None

    def next_night(self) -> float:
        """When the night begins, in epoch seconds; 0 while it lasts."""
        first, last = self.settings.night
        zone = self.context.config.server.zone
        now = datetime.fromtimestamp(self.context.clock(), zone)
        inside = first <= now.hour or now.hour < last if first > last else first <= now.hour < last
        if inside:
            return 0.0
        start = now.replace(hour=first, minute=0, second=0, microsecond=0)
        return (start if start > now else start + timedelta(days=1)).timestamp()
