"""Local delivery: routes recipients to mailboxes, and what is not ours to the outgoing queue."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postroom.asking import PluginFault
from postroom.credentials import UnreadableSecret, Vault
from postroom.hookspecs import hookimpl
from postroom.mail.delivery import Refuse, Route
from postroom.mail.local_domains import LocalDomains
from postroom.mail.reply import Reply
from postroom.sending.lan import switched_on
from postroom.sending.via import Locker
from postroom.store.database import StoreUnavailable
from postroom.store.quota import room

from .finishing import existing_folders, last_resort, outside, return_paths
from .room import while_room
from .router import Router
from .settings import Settings

if TYPE_CHECKING:
    from postroom.context import Context
    from postroom.mail.envelope import Envelope

__all__ = ["Plugin", "Settings"]

STORE_AWAY = Reply(451, "4.3.0", "The directory of users does not answer, try again later")
PLUGIN_AWAY = Reply(451, "4.3.0", "Temporary problem with routing, try again later")

NO_KEY = Reply(451, "4.3.0", "A password cannot be kept in the queue, try again later")


class Plugin:
    """Answers the hook ``route`` for every address; what stands before it in the configuration goes first."""

    def __init__(self, context: Context, settings: Settings) -> None:
        self.context, self.settings = context, settings
        domains = context.config.domains
        lock = Locker(Vault(context.config.server.data_dir)).lock if switched_on(context.config) else None
        self.router = Router(context.directory, LocalDomains(domains.default, domains.local), settings, lock)

    @hookimpl
    def route(self, address: str, envelope: Envelope) -> Route:
        """Where mail for the address goes. Never None: an address of nobody here is refused, one of elsewhere goes out."""
        try:
            route = last_resort(self.router.route(address, envelope), envelope, self.context.ask)
            if self.settings.plus_folder:
                route = existing_folders(route, self.context.mailboxes)
            if envelope.sender or not envelope.local_origin:  # a report of our own is small, and would be lost
                route = while_room(route, envelope.size, self.context.directory.current(), self._has_room)
            return return_paths(outside(route, address, envelope, self.context.ask), address, envelope, self.context.ask)
        except StoreUnavailable as error:  # caught here, because it is no fault of this plugin that should count against it
            return Route((Refuse(STORE_AWAY),), (f"the store does not answer: {error}",), inbound=True)
        except (UnreadableSecret, OSError) as error:  # the key for the passwords of targets SMTP:…
            self.context.log.error("lan.no_key", reason=str(error))
            return Route((Refuse(NO_KEY),), ("the key for passwords in the queue cannot be used; the log says why",), inbound=True)
        except PluginFault as error:
            return Route((Refuse(PLUGIN_AWAY),), (str(error),), inbound=True)

    def _has_room(self, account: int, size: int) -> bool:
        return self.context.db.read(lambda tx: room(tx, account, size))
