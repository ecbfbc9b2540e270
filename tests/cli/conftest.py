"""Runs commands in this process, against a configuration and store of their own."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import structlog

from postroom.cli.main import run
from postroom.config.load import load
from postroom.store.database import Database, connect

CONFIG = """
domains: {default: example.test, local: [example.test]}
plugins:
  local_delivery: {}
  smtp_relay:
    senders:
      - {name: Relay, servers: ["127.0.0.1:9"]}
connections:
  - {name: Internet, sender: Relay, default: true}
"""


@dataclass
class Done:
    """What a command printed, and its exit status."""

    status: int
    out: str
    err: str


Command = Callable[..., Done]


@pytest.fixture
def config(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """The configuration; modules that use ``database_url`` run on both engines, the others on the SQLite of the defaults."""
    file = tmp_path / "config.yaml"
    chosen = "database_url" in request.fixturenames
    file.write_text(CONFIG + (f"database: {{url: {request.getfixturevalue('database_url')!r}}}\n" if chosen else ""))
    return file


def opened(config: Path) -> Database:
    """The database of a configuration; the caller closes it."""
    settings = load(config).config
    assert settings is not None
    return connect(settings.database.url, base=settings.base)


@pytest.fixture
def postroom(config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Command]:
    """Runs one command; ``feed`` is its standard input."""

    def command(*arguments: str, feed: str = "") -> Done:
        monkeypatch.setattr("sys.stdin", io.StringIO(feed))
        capsys.readouterr()  # what was printed before is not the command's
        status = run([*arguments, "-c", str(config)])
        return Done(status, *capsys.readouterr())

    yield command
    structlog.reset_defaults()  # the standard error that the log was set up for is this test's
