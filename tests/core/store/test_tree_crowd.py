"""Several changers of one tree at the same time: each change happens whole or is refused in words."""

from __future__ import annotations

import random
import threading
from contextlib import suppress

from postroom.store.accounts import Accounts
from postroom.store.database import Conflict, Database
from postroom.store.folders import FolderMissing, FolderRefused, Folders
from postroom.store.renaming import rename

from .test_folders import NOW
from .test_tree_walk import path

EXPECTED = (Conflict, FolderMissing, FolderRefused)  # FolderExists is a Conflict
CROWD, STEPS = 4, 25


def test_a_crowd_leaves_a_tree_without_doubles(db: Database) -> None:
    folders, account = Folders(db), Accounts(db).add("joe").id
    faults: list[BaseException] = []

    def work(seed: int) -> None:
        chance = random.Random(seed)
        try:
            for _ in range(STEPS):
                with suppress(*EXPECTED):
                    step(chance)
        except BaseException as error:  # whatever a thread dies of is the test's failure
            faults.append(error)

    def step(chance: random.Random) -> None:
        kind = chance.choice(["create", "delete", "rename", "inbox"])
        if kind == "create":
            folders.create(account, path(chance))
        elif kind == "delete":
            folders.delete(account, path(chance), NOW)
        else:
            old, new = "INBOX" if kind == "inbox" else path(chance), path(chance)
            db.write(lambda tx: rename(tx, account, old, new))

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(CROWD)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    found = folders.tree(account)
    assert len({one.uidvalidity for one in found}) == len(found)
    assert "INBOX" in {one.path for one in found}
