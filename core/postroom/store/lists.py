"""Distribution lists and their members."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from postroom.ids import new_id

from .changes import Changes, checked_name, refuse_taken
from .database import Tx


class Lists(Changes):
    """Reads and changes distribution lists."""

    def lists(self) -> dict[str, tuple[str, ...]]:
        """Every distribution list with its members."""
        sql = "SELECT name, target FROM dlist LEFT JOIN dlist_member ON list_id = id ORDER BY name, position"
        found: dict[str, list[str]] = {}
        for name, target in self.db.read_slow(lambda tx: tx.execute(sql)):
            found.setdefault(name, []).extend([] if target is None else [target])
        return {name: tuple(members) for name, members in found.items()}

    def add_list(self, name: str, members: Iterable[str] = ()) -> None:
        """A new distribution list. Raises BadName, and Conflict when the name is taken by an account or a list."""
        name, wanted = checked_name(name), self._kept(members)

        def work(tx: Tx) -> None:
            refuse_taken(tx, name)
            tx.do("INSERT INTO dlist (id, name) VALUES (?, ?)", (new_id(), name))
            _set_members(tx, name, wanted)

        self.change(work)

    def set_members(self, name: str, members: Iterable[str]) -> None:
        """Give a list these members instead of those it has. Raises KeyError when there is no such list."""
        wanted = self._kept(members)
        self.change(lambda tx: _set_members(tx, name.lower(), wanted))

    def _kept(self, members: Iterable[str]) -> list[str]:
        return [self.keep(member.strip()) for member in members]

    def remove_list(self, name: str) -> bool:
        """Remove a list; False when there was none."""

        def work(tx: Tx) -> bool:
            row = tx.one("DELETE FROM dlist WHERE name = ? RETURNING id", (name.lower(),))
            if row is not None:
                tx.do("DELETE FROM dlist_member WHERE list_id = ?", row)
                # The members of a later list of this name must not get the rights that were given to the present ones
                tx.do("DELETE FROM acl WHERE identifier IN (?, ?)", (f"${name.lower()}", f"-${name.lower()}"))
            return row is not None

        return self.change(work)


def _set_members(tx: Tx, name: str, members: Sequence[str]) -> None:
    row = tx.one("SELECT id FROM dlist WHERE name = ?", (name,))
    if row is None:
        raise KeyError(name)
    tx.do("DELETE FROM dlist_member WHERE list_id = ?", row)
    rows = [(row[0], position, member) for position, member in enumerate(dict.fromkeys(members))]
    tx.many("INSERT INTO dlist_member (list_id, position, target) VALUES (?, ?, ?)", rows)
