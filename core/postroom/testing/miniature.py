"""A whole server without processes and ports: real hooks, routing, queue and store in a folder of the test."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import gevent
import yaml

from .. import app, ids
from .. import plugins as loading
from ..store.migrate import migrate
from ..store.traces import Traces
from ..tally import Tally
from .clock import Clock
from .passwords import cheap_credentials
from .peer import Peer
from .plugins.outbox import Outbox
from .resolver import FakeResolver
from .values import client as stranger
from .values import wire

if TYPE_CHECKING:
    from ..provided import Service

PATIENCE = 30.0  # seconds to wait for what should take milliseconds
LOOK = 0.005
TEXT = "Subject: Hello\n\nHello.\n"
OUR_PLUGINS = Path(__file__).resolve().parent / "plugins"

BASE: dict[str, Any] = {
    "server": {"hostname": "mail.example.test", "data_dir": "./data", "workers": 1},
    "domains": {"default": "example.test", "local": ["example.test"]},
    "plugin_dirs": [str(OUR_PLUGINS)],
}
USUAL: dict[str, Any] = {
    "local_delivery": {},
    "smtp_server": {
        "services": [
            {"id": 1, "name": "SMTP", "listen": ["127.0.0.1:0"], "auth": "optional"},
            {"id": 2, "name": "Submission", "listen": ["127.0.0.1:0"], "auth": "required"},
        ]
    },
    "outbox": {},
}


class Miniature:
    """``plugins``: sections of plugins, put before the usual ones (the same name replaces). ``settings``: other sections of config.yaml.

    Mail for example.test is kept, mail for other domains leaves through ``outbox``. Raises ConfigError with the same words as
    ``postroom check``. Nothing listens: ``connect`` talks to a service directly. Close it, or use it in a ``with`` block.
    """

    def __init__(
        self,
        folder: Path,
        plugins: Mapping[str, Any] | None = None,
        settings: Mapping[str, Any] | None = None,
        *,
        resolver: FakeResolver | None = None,
    ) -> None:
        self.clock = Clock()
        self.resolver = resolver or FakeResolver()
        (folder / "data").mkdir(parents=True, exist_ok=True)
        path = folder / "config.yaml"
        path.write_text(yaml.safe_dump(_configuration(plugins or {}, settings or {}), sort_keys=False), encoding="utf-8")
        config, chosen = loading.read(path)
        migrate(config.database.url, base=config.base)
        self.app = app.build(config, chosen, Tally(1), clock=self.clock, resolver=self.resolver)
        self.context = self.app.context
        self.services: dict[str, Service] = {one.settings.name: one for one in self.context.ask.collect("register_services")}
        self.outbox: Outbox = self.plugin("outbox").outbox
        self.app.runner.start()
        self.app.runs.start()
        self.context.ask.tell("worker_started")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def plugin(self, name: str) -> Any:
        """The object of a plugin, by its name in the configuration."""
        return self.app.manager.get_plugin(name)

    def add_user(self, name: str, password: str | None = None, **fields: Any) -> None:
        """Make an account; without a password nobody can log in to it. ``fields`` are columns such as ``internet=False``."""
        credentials: Mapping[str, Any] = cheap_credentials(password) if password else {}
        self.context.accounts.add(name, **credentials, **fields)
        self.context.directory.refresh()

    def connect(self, service: str = "SMTP", **facts: Any) -> Peer:
        """A client on the service of that name; ``facts`` are fields of ``Client`` that differ from a stranger's."""
        found = self.services[service]
        known = {"session": ids.text(ids.new_id()), "protocol": found.protocol, "service": found.settings.id, "service_name": service}
        return Peer(found, stranger(**(known | facts)))

    def send(self, sender: str, *recipients: str, text: str = TEXT, service: str = "SMTP", **facts: Any) -> str:
        """Send a message by SMTP; the reply that ended it: of the message, or the first that refused."""
        data = b"".join(b"." + line if line.startswith(b".") else line for line in wire(text).splitlines(keepends=True))
        commands = ["EHLO client.example", f"MAIL FROM:<{sender}>", *(f"RCPT TO:<{one}>" for one in recipients), "DATA"]
        with self.connect(service, **facts) as peer:
            reply = peer.greeting
            for command in commands:
                if not reply.startswith(("2", "3")):
                    return reply
                reply = peer.say(command)
            if reply.startswith("3"):
                peer.send(data + b".\r\n")
                reply = peer.reply()
            return reply

    def mailbox(self, name: str, folder: str = "INBOX") -> list[bytes]:
        """The messages in a folder of an account, oldest first."""
        account = self.context.accounts.get(name)
        found = self.context.mailboxes.find(account.id, folder) if account else None
        assert found is not None, f"there is no folder {folder} of {name}"
        return [b"".join(self.context.mailboxes.content(found.id, entry.uid)) for entry in self.context.mailboxes.listing(found.id)]

    def wait_for(self, number: int) -> None:
        """Wait until the outbox has been asked for so many attempts, all of them recorded."""
        with gevent.Timeout(PATIENCE, AssertionError(f"{self.outbox.attempts} attempts instead of {number}")):
            while self.outbox.attempts < number or any(line.held for line in self.app.runner.desk.lines):
                gevent.sleep(LOOK)

    def later(self, seconds: float) -> None:
        """Let time pass for the queue: attempts that are due by then begin."""
        self.clock.advance(seconds)
        self.context.news.publish("queue")

    def events(self, trace: str) -> list[str]:
        """The recorded life of a message, in the words of ``postroom trace``."""
        return [event.event for event in Traces(self.context.db).life(ids.parse(trace))]

    def close(self) -> None:
        """Stop it, as a worker stops."""
        self.context.ask.tell("worker_stopping")
        self.app.runner.stop(1.0)
        self.app.runs.stop(1.0)
        self.context.db.close()
        self.context.news.close()


def _configuration(plugins: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """config.yaml: what the test wants comes before the usual, and mail leaves through the outbox."""
    sections = {**plugins, **{name: section for name, section in USUAL.items() if name not in plugins}}
    folders = [*settings.get("plugin_dirs", ()), *BASE["plugin_dirs"]]
    return {
        "connections": [{"name": "Internet", "sender": "Outbox", "default": True, "immediate": True}],
        **BASE,
        **settings,
        "plugin_dirs": [str(folder) for folder in folders],
        "plugins": {name: dict(section or {}) for name, section in sections.items()},
    }
