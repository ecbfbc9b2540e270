"""What one run of a command shares: which configuration, how to print, and the opened store."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .failures import Failure

if TYPE_CHECKING:
    from ..config.schema import Config
    from ..news import News
    from ..store.accounts import Accounts
    from ..store.database import Database


@dataclass(frozen=True)
class Opened:
    """The store as commands use it, at the same time as a running server."""

    config: Config
    db: Database
    accounts: Accounts
    news: News


@dataclass
class Call:
    """One run of ``postroom``; click hands it to each command (``click.pass_obj``)."""

    config: Path
    debug: bool = False
    json: bool = False

    def settings(self) -> Config:
        """The sections of the core, checked. Raises ConfigError."""
        from ..config.load import load

        config = load(self.config).config
        assert config is not None  # load() raises otherwise
        return config

    @contextmanager
    def opened(self) -> Iterator[Opened]:
        """The store of the configuration, with its schema brought up to date. Raises StoreUnavailable, SchemaNewer, ConfigError."""
        from ..credentials import Vault
        from ..news import News
        from ..sending.via import Locker
        from ..store.accounts import Accounts
        from ..store.database import connect
        from ..store.migrate import migrate

        config = self.settings()
        with as_owner(config):
            migrate(config.database.url, base=config.base)
            db = connect(config.database.url, pool=2, base=config.base)
            news = News(config.server.run_dir)
            if db.dialect == "postgresql":
                news.relays.append(partial(tell_nodes, db))
            try:
                keep = Locker(Vault(config.server.data_dir)).keep
                yield Opened(config, db, Accounts(db, folders=config.store.new_folders, keep=keep), news)
            finally:
                news.close()
                db.close()

    def show(self, data: Any, text: Callable[[], str]) -> None:
        """Print ``data`` as JSON when that is asked for, else what ``text`` returns."""
        output = json.dumps(data, indent=2, ensure_ascii=False, default=str) if self.json else text()
        if output:
            print(output)

    def done(self, sentence: str) -> None:
        """Say what has been done; nothing with ``--json``."""
        if not self.json:
            print(sentence)


def tell_nodes(db: Database, facts: list[dict[str, Any]]) -> None:
    """Tell the servers on other machines that share this PostgreSQL. They also look by themselves, so it may fail."""
    from ..newsgate import CHANNEL
    from ..store.database import StoreUnavailable

    payload = json.dumps({"node": "command", "facts": facts})
    with suppress(StoreUnavailable):
        db.write(lambda tx: tx.execute("SELECT pg_notify(?, ?)", (CHANNEL, payload)))


@contextmanager
def as_owner(config: Config) -> Iterator[None]:
    """Keep what is made inside private, and as root hand it to the server's user (``server.run_as``), who could not open it."""
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)
        if config.server.run_as is not None and os.geteuid() == 0:
            _give_away(config.server.data_dir, config.server.run_as)


def _give_away(folder: Path, owner: str) -> None:
    from ..ownership import hand_over, identity

    try:
        hand_over(folder, *identity(owner))
    except LookupError:
        raise Failure(f"there is no user or group {owner} on this machine; see server.run_as in the configuration") from None


def table(columns: tuple[str, ...], rows: list[tuple[Any, ...]], empty: str) -> str:
    """Aligned columns under a heading; the sentence ``empty`` when there are no rows."""
    if not rows:
        return empty
    cells = [columns, *[tuple(cell(value) for value in row) for row in rows]]
    widths = [max(len(line[index]) for line in cells) for index in range(len(columns))]
    return "\n".join("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip() for line in cells)


def cell(value: Any) -> str:
    """One value for people."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "-"
    return "-" if value is None or value == "" else printable(str(value))


def printable(text: str) -> str:
    """The text without control characters: what strangers wrote must not steer the terminal."""
    return "".join(character if character.isprintable() else "?" for character in text)


def first_line() -> str:
    """The first line of standard input, without its line end. Raises Failure when there is none, or it is not text."""
    try:
        line = sys.stdin.readline()
        line.encode("utf-8")  # fails for what Python has let pass
    except UnicodeError:
        raise Failure("standard input is not UTF-8 text") from None
    if not line:
        raise Failure("standard input is empty: give the password there, as one line")
    return line.rstrip("\r\n")
