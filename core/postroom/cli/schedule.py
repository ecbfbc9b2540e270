"""``postroom schedule``: when connections run by themselves."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from .call import Call, table

if TYPE_CHECKING:
    from datetime import tzinfo

    from ..queue.marks import Mark
    from ..sending.schedule import ScheduleItem

COLUMNS = ("name", "connect", "when", "enabled", "next start")


@click.group()
def command() -> None:
    """The schedule: when connections run by themselves."""


@command.command("list")
@click.pass_obj
def list_(call: Call) -> None:
    """All items with their next start, whether the schedule is paused, and which connections run or wait for their turn."""
    from ..queue import marks
    from ..queue.timetable import PAUSE_FILE, is_paused
    from ..sending.schedule import next_of

    with call.opened() as store:
        config, zone = store.config, store.config.server.zone
        wishes, paused = store.db.read(marks.wishes), store.db.read(is_paused)
        by_file = (config.server.data_dir / PAUSE_FILE).exists()
    now = datetime.now(UTC)
    items = [settings.item() for settings in config.schedule]
    denying = [item for item in items if item.denies and item.enabled]
    rows = [
        {
            "name": item.name,
            "connect": list(item.connect),
            "when": _when(item),
            "enabled": item.enabled,
            "next": None if item.denies else _moment(next_of(item, now, zone, denying), zone),
        }
        for item in items
    ]
    running = [{"connection": mark.connection, "why": mark.why, "state": _state(mark)} for mark in wishes]
    data = {"paused": paused or by_file, "by_file": by_file, "zone": str(zone), "items": rows, "runs": running}
    call.show(data, lambda: _told(data))


@command.command()
@click.pass_obj
def pause(call: Call) -> None:
    """Run no connection by the schedule or a trigger until `postroom schedule resume`; `postroom connect` still works."""
    from ..queue import timetable

    at = time.time_ns() // 1_000_000
    with call.opened() as store:
        store.db.write(lambda tx: timetable.pause(tx, at))
    call.done("the schedule is paused; `postroom schedule resume` lets it go on")


@command.command()
@click.pass_obj
def resume(call: Call) -> None:
    """Let the schedule go on; what fell into the pause is not made up for."""
    from ..queue import timetable

    with call.opened() as store:
        store.db.write(timetable.resume)
        folder = store.config.server.data_dir
    if (folder / timetable.PAUSE_FILE).exists():
        call.done(f"the schedule stays paused as long as the file {folder / timetable.PAUSE_FILE} is there: remove it")
    else:
        call.done("the schedule goes on")


def _state(mark: Mark) -> str:
    return "running" if mark.began else "running, and runs again after that" if mark.running else "waiting"


def _when(item: ScheduleItem) -> str:
    """The times of an item in words: "every 5m, 09:00-17:00, mon tue"."""
    from ..sending.times import DAYS, EVERY_DAY

    parts = [f"every {_span(item.every)}"] if item.every is not None else []
    parts += [f"at {one:%H:%M}" for one in item.at] + [str(one) for one in item.between]
    parts += [" ".join(DAYS[day] for day in sorted(item.days))] if item.days != EVERY_DAY else []
    return ", ".join(parts) or "always"


def _span(seconds: float) -> str:
    units = (("d", 86400), ("h", 3600), ("m", 60))
    return next((f"{seconds / size:g}{unit}" for unit, size in units if seconds >= size and seconds % size == 0), f"{seconds:g}s")


def _moment(start: datetime | None, zone: tzinfo) -> str | None:
    return None if start is None else start.astimezone(zone).isoformat(sep=" ", timespec="seconds")


def _following(item: dict[str, Any]) -> str:
    from ..sending.schedule import DENY

    return "cancels others" if DENY in item["connect"] else item["next"] or "never"


def _told(data: dict[str, Any]) -> str:
    """The schedule for people."""
    rows = [(item["name"], item["connect"], item["when"], item["enabled"], _following(item)) for item in data["items"]]
    lines = [table(COLUMNS, rows, "the schedule is empty")]
    if data["paused"]:
        how = " by the file CONNECT.PAUSE" if data["by_file"] else ""
        lines.append(f"paused{how}: only `postroom connect` and the file CONNECT.NOW run connections")
    lines += [f"connection {run['connection']} is {run['state']} ({run['why']})" for run in data["runs"]]
    return "\n".join(lines)
