"""What the collector of a worker looks at."""

from __future__ import annotations

from pathlib import Path

from tests.server import serving

WATCHER = """
import gc
import sys
import weakref

from postroom import hookimpl
from postroom.config.schema import PluginSettings as Settings


class Loop:
    def __init__(self):
        self.itself = self


class Plugin:
    def __init__(self, context, settings):
        self.known = 0

    @hookimpl
    def worker_started(self):
        self.known = gc.get_freeze_count()

    @hookimpl
    def worker_stopping(self):
        later = weakref.ref(Loop())
        gc.collect()
        print(f"left out {self.known} {gc.get_freeze_count()} collected {later() is None} {gc.isenabled()}", file=sys.stderr)
"""


def test_a_worker_never_looks_again_at_what_was_there_at_its_start_and_collects_what_came_later(tmp_path: Path) -> None:
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "watcher.py").write_text(WATCHER)
    with serving(tmp_path / "server", {"plugin_dirs": [str(tmp_path / "plugins")], "plugins": {"watcher": {}}}) as server:
        assert server.stop() == 0
        [line] = [line for line in server.log.splitlines() if line.startswith("left out")]
    _, _, inherited, all_of_it, _, *rest = line.split()
    assert 30_000 < int(inherited) < int(all_of_it)
    assert rest == ["True", "True"]
