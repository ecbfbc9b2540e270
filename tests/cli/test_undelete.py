"""``postroom user undelete``, on both databases."""

from __future__ import annotations

import json
import time
from contextlib import closing
from pathlib import Path

import pytest

from postroom.cli.failures import Failure
from postroom.cli.moments import moment
from postroom.store.accounts import Accounts
from postroom.store.blobs import Blobs
from postroom.store.mailboxes import Mailboxes, append
from tests.cli.conftest import Command, opened


def deleted(config: Path, name: str, folders: dict[str, int]) -> None:
    """Deliver and delete so many messages, just now."""
    with closing(opened(config)) as db:
        account = Accounts(db).get(name)
        assert account is not None
        for path, count in folders.items():
            for _ in range(count):
                draft = Blobs(db).draft()
                draft.write(b"Subject: x\r\n\r\n")
                values = {"size": draft.size, "prefix": b"", "received_at": 7}
                box, uid = db.write(lambda tx: append(tx, account.id, path, blob_id=draft.store(tx), **values))  # type: ignore[arg-type]  # noqa: B023
                Mailboxes(db, Blobs(db)).delete(box, [uid])


def messages(config: Path, name: str, path: str) -> int:
    with closing(opened(config)) as db:
        account = Accounts(db).get(name)
        assert account is not None
        folder = Mailboxes(db, Blobs(db)).find(account.id, path)
        return folder.messages if folder else 0


@pytest.fixture
def ann(postroom: Command, config: Path, database_url: str) -> None:
    assert postroom("user", "add", "ann").status == 0
    deleted(config, "ann", {"INBOX": 2, "Work": 1})


@pytest.mark.usefixtures("ann")
def test_deleted_messages_come_back_and_are_counted_by_folder(postroom: Command, config: Path) -> None:
    assert postroom("user", "undelete", "Ann", "--since", "1h").out == "folder  came back\nINBOX   2\nWork    1\n"
    assert (messages(config, "ann", "INBOX"), messages(config, "ann", "Work")) == (2, 1)
    assert "nothing was deleted" in postroom("user", "undelete", "ann", "--since", "1h").out


@pytest.mark.usefixtures("ann")
def test_a_dry_run_only_says_what_would_come_back(postroom: Command, config: Path) -> None:
    done = postroom("user", "undelete", "ann", "--since", "1h", "--folder", "Work", "--dry-run", "--json")
    assert json.loads(done.out) == {"account": "ann", "dry_run": True, "folders": [{"folder": "Work", "messages": 1}]}
    assert messages(config, "ann", "Work") == 0


@pytest.mark.usefixtures("ann")
def test_wrong_names_and_times_are_told(postroom: Command) -> None:
    for arguments, words in ((("bob", "--since", "1h"), "no account bob"), (("ann", "--since", "soon"), "neither a time ago")):
        done = postroom("user", "undelete", *arguments)
        assert done.status == 1
        assert words in done.err


def test_new_accounts_have_the_folders_of_the_configuration(postroom: Command, config: Path, database_url: str) -> None:
    config.write_text(config.read_text() + "store: {folders: [{name: Entwürfe, use: drafts}, {name: Privat/Alt}]}\n")
    assert postroom("user", "add", "ann").status == 0
    with closing(opened(config)) as db:
        rows = db.read(lambda tx: tx.execute("SELECT path, special FROM mailbox ORDER BY path"))
    assert rows == [("Entwürfe", "\\Drafts"), ("INBOX", ""), ("Privat/Alt", "")]


def test_a_moment_is_a_time_ago_or_a_date() -> None:
    assert moment("2h", now=10_000.0) == 2_800_000
    assert moment("1970-01-02T00:00:00+00:00") == 86_400_000
    assert moment("2026-05-31 14:30") == int(time.mktime((2026, 5, 31, 14, 30, 0, 0, 0, -1))) * 1000
    for wrong in ("", "yesterday", "-2h", "2031-01-01", "9999-12-31"):
        with pytest.raises(Failure):
            moment(wrong, now=1_800_000_000.0)
