"""Looks at the clock for the schedule, and at the two files by which other programs steer it; makes wishes, runs nothing itself."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..provided import Job
from ..sending.schedule import ScheduleItem, starts
from . import marks
from .connections import DEFAULT, named

if TYPE_CHECKING:
    from ..news import News
    from ..store.database import Database, Tx
    from .connections import Connection

TICK = 5.0  # seconds between two looks
CATCH_UP = 600.0  # seconds: what was missed for longer (the server was down) is not made up for
NOW_FILE, PAUSE_FILE = "CONNECT.NOW", "CONNECT.PAUSE"  # in the data directory (reference section 1.2)
LOOKED, PAUSED = "schedule.looked", "schedule.paused"
READ = "SELECT value FROM state WHERE name = ?"
FORGET = "DELETE FROM state WHERE name = ?"


class Timetable:
    """``clock``: epoch seconds. Its jobs run in one worker at a time; the one for the files in one worker of each machine."""

    def __init__(
        self,
        db: Database,
        news: News,
        log: Any,
        *,
        items: Sequence[ScheduleItem],
        connections: Sequence[Connection],
        zone: tzinfo,
        folder: Path,
        clock: Callable[[], float],
    ) -> None:
        self.db, self.news, self.log = db, news, log
        self.items, self.connections = items, connections
        self.zone, self.folder, self.clock = zone, folder, clock
        self._stuck = False  # CONNECT.NOW cannot be removed, and that has been told

    def jobs(self, node: str) -> list[Job]:
        """What is to be done regularly. ``node``: the name of this machine among all."""
        files = Job(f"connect-files:{node}", TICK, self.look_at_files)
        return [Job("schedule", TICK, self.look), files] if self.items else [files]

    def look(self) -> None:
        """Wish for the connections whose time has come since the last look."""
        now = self.clock()
        looked = self.db.read(lambda tx: tx.one(READ, (LOOKED,)))
        since = max(float(looked[0]) if looked else now - TICK, now - CATCH_UP)
        due: list[ScheduleItem] = []
        if since < now and not self.paused():
            due = starts(self.items, datetime.fromtimestamp(since, UTC), datetime.fromtimestamp(now, UTC), self.zone)
        wanted = [([name for word in item.connect for name in named(self.connections, word)], f"schedule {item.name}") for item in due]

        def work(tx: Tx) -> list[tuple[list[str], str]]:  # together: what was looked at is not looked at again: no wish may get lost
            tx.do(marks.WISH, (LOOKED, repr(now)))
            return [(marks.wish(tx, names, int(now * 1000), why, again=False), why) for names, why in wanted]

        for names, why in self.db.write(work):
            self._told(names, why)

    def look_at_files(self) -> None:
        """CONNECT.NOW is a wish for the default connections, and is removed; one that cannot be is not obeyed, or it had no end."""
        path, names = self.folder / NOW_FILE, named(self.connections, DEFAULT)
        if not path.exists():
            self._stuck = False
            return
        try:
            path.unlink()
        except FileNotFoundError:  # whoever removes it obeys it
            return
        except OSError as error:
            if not self._stuck:
                self.log.error(
                    "connection.file_not_removed", file=str(path), reason=f"{error}; no connection is run as long as it is there"
                )
            self._stuck = True
            return
        if not names:
            self.log.warning("connection.none", file=str(path), reason=f"no connection is marked default: true, so {NOW_FILE} runs none")
            return
        try:
            self.wish(names, f"file {NOW_FILE}")
        except BaseException:
            path.touch()  # the next look tries again
            raise

    def paused(self) -> bool:
        """Whether only connections that are asked for by hand run: by a command, or by CONNECT.PAUSE. Raises StoreUnavailable."""
        return (self.folder / PAUSE_FILE).exists() or self.db.read(is_paused)

    def wish(self, names: Sequence[str], why: str, *, again: bool = True, since: int = 0) -> None:
        """Let these connections run; ``again`` and ``since`` as for ``marks.wish``."""
        at = int(self.clock() * 1000)
        self._told(self.db.write(lambda tx: marks.wish(tx, names, at, why, again=again, since=since)), why)

    def _told(self, names: Sequence[str], why: str) -> None:
        if not names:
            return
        self.news.publish("connect")
        self.log.info("connection.wanted", connections=list(names), why=why)


def is_paused(tx: Tx) -> bool:
    """Whether an administrator has paused the schedule."""
    return tx.one(READ, (PAUSED,)) is not None


def pause(tx: Tx, at: int) -> None:
    """From now on only connections that are asked for by hand run. ``at``: ms since 1970."""
    tx.do(marks.WISH, (PAUSED, json.dumps({"at": at})))


def resume(tx: Tx) -> None:
    """The schedule goes on; what fell into the pause is not made up for."""
    tx.do(FORGET, (PAUSED,))
