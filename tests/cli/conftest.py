"""Runs commands in this process, against a configuration and store of their own."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from postroom.cli.main import run

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
def config(tmp_path: Path) -> Path:
    file = tmp_path / "config.yaml"
    file.write_text(CONFIG)
    return file


@pytest.fixture
def postroom(config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    """Runs one command; ``feed`` is its standard input."""

    previous = os.umask(0o022)
    os.umask(previous)

    def command(*arguments: str, feed: str = "") -> Done:
        monkeypatch.setattr("sys.stdin", io.StringIO(feed))
        capsys.readouterr()  # what was printed before is not the command's
        status = run([*arguments, "-c", str(config)])
        os.umask(previous)
        return Done(status, *capsys.readouterr())

    return command
