"""What one worker of all throws away now and then."""

from __future__ import annotations

import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from postroom.config.core_sections import StoreSettings
from postroom.config.schema import Config
from postroom.housekeeping import housekeeping
from postroom.leases import Leases
from postroom.store.blobs import Blobs
from postroom.store.database import Database
from postroom.store.kept import Kept
from postroom.store.undelete import recoverable
from postroom.testing.miniature import Miniature
from tests.core.store.post import post


@pytest.mark.parametrize(("keep_deleted", "left"), [("3d", [2]), ("2h", [1]), ("0s", [])])
def test_deleted_mail_is_thrown_away_when_its_time_is_over(db: Database, keep_deleted: str, left: list[int]) -> None:
    joe, now = post(db), int(time.time() * 1000)
    joe.fill(2)
    joe.expunge([1], at=now - 1000)
    joe.expunge([2], at=now - 5 * 3600 * 1000)
    config = Config(store=StoreSettings.model_validate({"keep_deleted": keep_deleted}))
    context: Any = SimpleNamespace(db=db, blobs=Blobs(db), kept=Kept(db), leases=Leases(db, "node/0"), config=config)
    housekeeping(context).run()
    assert [one.messages for one in recoverable(db, joe.account, 0)] == left
    blobs = db.read(lambda tx: tx.one("SELECT count(*) FROM blob"))
    assert blobs == (sum(left),)


def test_the_settings_reach_the_accounts_and_mailboxes_of_a_worker(tmp_path: Path) -> None:
    with Miniature(tmp_path, settings={"store": {"keep_deleted": "0s", "folders": [{"name": "Gesendet", "use": "sent"}]}}) as server:
        server.add_user("joe")
        account = server.context.accounts.get("joe")
        assert account is not None
        folder = server.context.mailboxes.find(account.id, "Gesendet")
        assert folder is not None
        assert folder.special == "\\Sent"
        assert server.context.mailboxes.find(account.id, "Drafts") is None
        assert not server.context.mailboxes.recover
