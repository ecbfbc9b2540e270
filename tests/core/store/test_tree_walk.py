"""A random walk over the changes of a tree, beside a model of it that is too simple to be wrong."""

from __future__ import annotations

import random
from contextlib import suppress

import pytest

from postroom.store.accounts import Accounts
from postroom.store.database import Database
from postroom.store.folders import FolderExists, FolderMissing, FolderRefused, Folders
from postroom.store.renaming import rename

from .test_folders import NOW, USUAL

REFUSALS = (FolderExists, FolderMissing, FolderRefused)
STEPS = 150


class Model:
    """Paths with the id of each folder, and every UIDVALIDITY that a path has had."""

    def __init__(self) -> None:
        self.ids: dict[str, int] = {}
        self.validities: dict[str, list[int]] = {}

    def below(self, path: str) -> list[str]:
        return [one for one in self.ids if one.startswith(f"{path}/")]

    def may_be_made(self, path: str) -> bool:
        return path not in self.ids

    def may_be_deleted(self, path: str) -> bool:
        return path in self.ids

    def may_be_renamed(self, old: str, new: str) -> bool:
        there = old in self.ids or bool(self.below(old))
        free = new not in self.ids and not self.below(new) and old != new
        return there and free and not new.startswith(f"{old}/")

    def renamed(self, old: str, new: str) -> None:
        self.ids = {new + path[len(old) :] if path in (old, *self.below(old)) else path: number for path, number in self.ids.items()}


def path(chance: random.Random) -> str:
    return "/".join(chance.choice("ab_%") for _ in range(chance.randint(1, 3)))


@pytest.mark.parametrize("seed", [1, 2])
def test_the_tree_is_what_the_model_says(db: Database, seed: int) -> None:
    chance, folders, model = random.Random(seed), Folders(db), Model()
    account = Accounts(db).add("joe").id
    for _ in range(STEPS):
        step(chance, db, folders, model, account)
        found = {one.path: one.id for one in folders.tree(account) if one.path not in USUAL}
        for name in found.keys() - model.ids.keys():  # made above a new name
            assert any(one.startswith(f"{name}/") for one in model.ids)
            model.ids[name] = found[name]
        assert found == model.ids


def step(chance: random.Random, db: Database, folders: Folders, model: Model, account: int) -> None:
    """One change, which is refused exactly when the model says so."""
    old, new, kind = path(chance), path(chance), chance.choice(["create", "create", "delete", "rename"])
    done = False
    with suppress(*REFUSALS):
        if kind == "create":
            expected = model.may_be_made(new)
            made = folders.create(account, new)
            seen = model.validities.setdefault(new, [0])
            assert made.uidvalidity > max(seen)
            seen.append(made.uidvalidity)
            model.ids[new] = made.id
        elif kind == "delete":
            expected = model.may_be_deleted(old)
            assert folders.delete(account, old, NOW).id == model.ids.pop(old)
        else:
            expected = model.may_be_renamed(old, new)
            db.write(lambda tx: rename(tx, account, old, new))
            model.renamed(old, new)
        done = True
    assert done == expected, f"{kind} {old} {new}"
