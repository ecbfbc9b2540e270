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


def quicker(what: str, mine: float, theirs: float, goal: float, peer_name: str) -> Row:
    """Milliseconds (less is better) against a peer's, and how many times quicker we are against the goal."""
    digits = 1 if min(mine, theirs) < 100 else 0
    ours, peer = f"{mine:,.{digits}f} ms", f"{peer_name} {theirs:,.{digits}f} ms"
    return Row(what, ours, peer, f"{theirs / mine:.2f}×", f"≥ {goal:g}×", theirs / mine >= goal)


def bounded(what: str, value: float, unit: str, limit: float, digits: int = 1, peer: str = "") -> Row:
    """A figure that must not be above a limit."""
    return Row(what, f"{value:,.{digits}f} {unit}", peer, "", f"≤ {limit:g} {unit}", value <= limit)


def at_least(what: str, value: float, unit: str, limit: float, digits: int = 0) -> Row:
    """A figure that must not be below a limit."""
    shown, wanted = f"{value:,.{digits}f} {unit}".strip(), f"≥ {limit:,.{digits}f} {unit}".strip()
    return Row(what, shown, "", "", wanted, value >= limit)


def markdown(rows: list[Row]) -> str:
    """The table for docs/benchmarks.md."""
    lines = ["| what | Postroom | peer | ratio | goal | reached |", "|---|---|---|---|---|---|"]
    lines += [f"| {r.what} | {r.ours} | {r.peer} | {r.ratio} | {r.goal} | {'yes' if r.reached else '**no**'} |" for r in rows]
    return "\n".join(lines) + "\n"
