"""``postroom index``, on both databases."""

from __future__ import annotations

import io
import json
from contextlib import closing
from pathlib import Path

import pytest

from postroom.store.accounts import Accounts
from postroom.store.blobs import Blobs
from postroom.store.fulltext import places
from postroom.store.mailboxes import append
from tests.cli.conftest import Command, opened


@pytest.fixture(autouse=True)
def mail(postroom: Command, config: Path, database_url: str) -> None:
    """Three messages of ann, none of bob."""
    assert postroom("user", "add", "ann").status == postroom("user", "add", "bob").status == 0
    with closing(opened(config)) as db:
        account = Accounts(db).get("ann")
        assert account is not None
        for number in range(3):
            draft = Blobs(db).draft()
            draft.write(b"Subject: %d\r\n\r\nhello\r\n" % number)
            db.write(lambda tx: append(tx, account.id, "INBOX", blob_id=draft.store(tx), size=draft.size, prefix=b"", received_at=7))  # noqa: B023


def states(postroom: Command) -> dict[str, tuple[int, int, int]]:
    """Messages, waiting and volumes of each account."""
    found = json.loads(postroom("index", "status", "--json").out)
    return {one["name"]: (one["messages"], one["waiting"], one["volumes"]) for one in found}


def test_the_status_tells_what_waits(postroom: Command) -> None:
    assert states(postroom) == {"ann": (3, 3, 0), "bob": (0, 0, 0)}
    lines = postroom("index", "status").out.splitlines()
    assert [line.split() for line in lines[:2]] == [
        ["name", "messages", "waiting", "volumes", "text"],
        ["ann", "3", "3", "0", "0.0", "MB"],
    ]


def test_the_index_is_made_anew(postroom: Command, config: Path) -> None:
    assert postroom("index", "rebuild").out == "index made anew: 3 messages\n"
    assert states(postroom) == {"ann": (3, 0, 1), "bob": (0, 0, 0)}
    before = volumes(config)
    assert json.loads(postroom("index", "rebuild", "ann", "--json").out) == {"messages": 3}
    assert len(before) == len(volumes(config)) == 1
    assert before != volumes(config)


def volumes(config: Path) -> list[int]:
    with closing(opened(config)) as db:
        account = Accounts(db).get("ann")
        assert account is not None
        return places.volumes(db, account.id)


def test_one_account_leaves_the_others_alone(postroom: Command) -> None:
    assert postroom("index", "rebuild", "bob").out == "index made anew: 0 messages\n"
    assert states(postroom)["ann"] == (3, 3, 0)


def test_a_name_that_is_not_there_is_told(postroom: Command) -> None:
    done = postroom("index", "rebuild", "an")
    assert (done.status, "no account an" in done.err) == (1, True)


def test_a_terminal_sees_a_bar(postroom: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = io.StringIO()
    terminal.isatty = lambda: True  # type: ignore[method-assign]
    monkeypatch.setattr("sys.stderr", terminal)
    assert postroom("index", "rebuild").status == 0
    assert "Digesting" in terminal.getvalue()
    assert "100%" in terminal.getvalue()
