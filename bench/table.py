"""The figures of one run: what was measured, the goal, and whether it was reached."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    what: str
    ours: str
    peer: str
    ratio: str
    goal: str
    reached: bool


def compared(what: str, ours: list[float], peer: list[float], goal: float, peer_name: str = "Postfix") -> Row:
    """Rates (more is better) against a peer's: medians, and their ratio against the goal."""
    mine, theirs = median(ours), median(peer)
    return Row(what, f"{mine:,.0f}/s", f"{peer_name} {theirs:,.0f}/s", f"{mine / theirs:.2f}×", f"≥ {goal:g}×", mine / theirs >= goal)


def bounded(what: str, value: float, unit: str, limit: float, digits: int = 1) -> Row:
    """A figure that must not be above a limit."""
    return Row(what, f"{value:,.{digits}f} {unit}", "", "", f"≤ {limit:g} {unit}", value <= limit)


def at_least(what: str, value: float, unit: str, limit: float) -> Row:
    """A figure that must not be below a limit."""
    return Row(what, f"{value:,.0f} {unit}", "", "", f"≥ {limit:,.0f} {unit}", value >= limit)


def markdown(rows: list[Row]) -> str:
    """The table for docs/benchmarks.md."""
    lines = ["| what | Postroom | peer | ratio | goal | reached |", "|---|---|---|---|---|---|"]
    lines += [f"| {r.what} | {r.ours} | {r.peer} | {r.ratio} | {r.goal} | {'yes' if r.reached else '**no**'} |" for r in rows]
    return "\n".join(lines) + "\n"
