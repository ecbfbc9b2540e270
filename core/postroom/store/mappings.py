"""Mappings: addresses that lead to users, lists or other addresses (VPOP3's word for aliases)."""

from __future__ import annotations

from collections.abc import Iterable

from postroom.ids import new_id

from .changes import Changes
from .database import Tx


class Mappings(Changes):
    """Reads and changes mappings."""

    def mappings(self) -> list[tuple[str, tuple[str, ...]]]:
        """Every mapped address with its targets, in the order of addresses."""
        rows = self.db.read_slow(lambda tx: tx.execute("SELECT address, target FROM mapping ORDER BY address, position"))
        found: dict[str, list[str]] = {}
        for address, target in rows:
            found.setdefault(address, []).append(target)
        return [(address, tuple(targets)) for address, targets in found.items()]

    def add_mapping(self, address: str, targets: Iterable[str]) -> None:
        """Add targets to an address (kept in lower case); one that it has already is not added again."""
        address = address.strip().lower()

        def work(tx: Tx) -> None:
            present = [row[0] for row in tx.execute("SELECT target FROM mapping WHERE address = ? ORDER BY position", (address,))]
            for target in dict.fromkeys(targets):
                if target not in present:
                    present.append(target)
                    values = (new_id(), address, target, len(present))
                    tx.do("INSERT INTO mapping (id, address, target, position) VALUES (?, ?, ?, ?)", values)

        targets = [self.keep(target.strip()) for target in targets]
        self.change(work)

    def remove_mapping(self, address: str, target: str | None = None) -> bool:
        """Remove one target of an address, or all; False when there was nothing to remove."""
        sql, params = "DELETE FROM mapping WHERE address = ?", [address.strip().lower()]
        if target is not None:
            sql, params = f"{sql} AND target IN (?, ?)", [*params, target, self.keep(target)]
        return self.change(lambda tx: bool(tx.execute(f"{sql} RETURNING id", params)))
