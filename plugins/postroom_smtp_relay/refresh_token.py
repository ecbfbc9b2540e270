"""Where the newest OAuth refresh token of a sender is kept: providers replace it with each use, and the configured one expires."""

from __future__ import annotations

import hashlib
from typing import Any

from postroom.clients.oauth import OAuthSettings
from postroom.credentials import UnreadableSecret, Vault
from postroom.store.database import Database, StoreUnavailable

READ = "SELECT value FROM state WHERE name = ?"
WRITE = "INSERT INTO state (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value"


class RefreshToken:
    """The kept refresh token of one sender, for all workers and nodes. A token that is changed in the configuration wins."""

    def __init__(self, db: Database, vault: Vault, log: Any, sender: str, settings: OAuthSettings) -> None:
        self._db, self._vault, self._log, self._sender = db, vault, log, sender
        self._key = state_name(sender, settings)

    def kept(self) -> str:
        """The newest token, "" when none is kept or it cannot be read; that is logged."""
        try:
            row = self._db.read_slow(lambda tx: tx.one(READ, (self._key,)))
            return self._vault.unlock(row[0]) if row else ""
        except (StoreUnavailable, UnreadableSecret) as error:
            self._log.warning("oauth.refresh_token_unread", sender=self._sender, reason=str(error))
            return ""

    def keep(self, token: str) -> None:
        """Keep a new token instead of the last. When that fails it is logged: mail goes on until the server is started anew."""
        try:
            value = self._vault.lock(token)
            self._db.write(lambda tx: tx.do(WRITE, (self._key, value)))
        except (StoreUnavailable, UnreadableSecret, OSError) as error:
            self._log.error("oauth.refresh_token_not_kept", sender=self._sender, reason=str(error))


def state_name(sender: str, settings: OAuthSettings) -> str:
    """The row of table ``state``; it changes with the configured client id and refresh token."""
    configured = settings.refresh_token.get_secret_value() if settings.refresh_token else ""
    digest = hashlib.sha256(f"{settings.client_id}\0{configured}".encode()).hexdigest()
    return f"oauth {sender} {digest[:32]}"
