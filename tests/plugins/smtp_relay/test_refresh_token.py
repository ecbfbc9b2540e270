"""The newest refresh token: kept for all workers, unreadable in the database, and second to a new one in the configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from structlog.testing import CapturingLogger

from postroom.clients.oauth import OAuthSettings
from postroom.credentials import Vault
from postroom.store.database import Database
from postroom_smtp_relay.refresh_token import RefreshToken


def refresh_token(db: Database, folder: Path, configured: str = "r1", log: Any = None) -> RefreshToken:
    wanted = OAuthSettings(token_url="https://login.test/token", client_id="app", refresh_token=configured)
    return RefreshToken(db, Vault(folder), log, "Relay", wanted)


def test_the_newest_token_is_there_for_all_workers_and_after_a_restart(db: Database, tmp_path: Path) -> None:
    assert refresh_token(db, tmp_path).kept() == ""
    refresh_token(db, tmp_path).keep("r2")
    refresh_token(db, tmp_path).keep("r3")
    assert refresh_token(db, tmp_path).kept() == "r3"


def test_a_token_that_is_changed_in_the_configuration_wins(db: Database, tmp_path: Path) -> None:
    refresh_token(db, tmp_path).keep("r2")
    assert refresh_token(db, tmp_path, configured="new").kept() == ""


def test_the_database_holds_no_token_in_clear(db: Database, tmp_path: Path) -> None:
    refresh_token(db, tmp_path).keep("a-secret")
    rows = db.read(lambda tx: tx.execute("SELECT name, value FROM state"))
    assert "a-secret" not in str(rows)


def test_a_lost_key_file_is_logged_and_the_configured_token_used(db: Database, tmp_path: Path) -> None:
    refresh_token(db, tmp_path).keep("r2")
    log = CapturingLogger()
    assert refresh_token(db, tmp_path / "elsewhere", log=log).kept() == ""
    assert log.calls[0].args == ("oauth.refresh_token_unread",)
