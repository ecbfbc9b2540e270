"""What ``postroom serve`` does: turns a configuration into the supervisor's plan."""

from __future__ import annotations

import datetime as dt
import fcntl
import os
import secrets
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

from . import log as logs
from . import metrics
from .binding import Address, CannotListen
from .config.certificates import remarks
from .config.document import Problem
from .config.load import ConfigError, inspect
from .config.schema import Config, ServiceSettings
from .generation import Plan, Start
from .ownership import hand_over, identity
from .plugins import Plugins, examine
from .store.migrate import SchemaNewer
from .supervisor import Supervisor

if TYPE_CHECKING:
    from .store.database import Database

ADMINISTRATOR = "postmaster"


class CannotServe(Exception):
    """The server cannot start; the text is for people."""


def serve(path: Path, say: Callable[[str], None], *, log_format: str | None = None) -> int:
    """Run until stopped; the exit status. Raises ConfigError, CannotListen and CannotServe before anything has started."""

    def load() -> tuple[Config, Plugins, list[Problem]]:
        loaded = inspect(path)
        config, plugins = examine(loaded)
        for place, message in remarks(config, dt.datetime.now(dt.UTC)):
            loaded.remark(place, message)
        log = config.log.model_copy(update={"format": log_format}) if log_format else config.log
        return config.model_copy(update={"log": log}), plugins, loaded.notes  # the workers read the log's format too

    def next_plan() -> Plan:
        config, plugins, notes = waiting.pop() if waiting else load()
        for note in notes:
            logs.get().warning("config.note", text=str(note))
        return plan(config, plugins, say)

    waiting = [load()]
    config = waiting[0][0]
    logs.configure(config.log.format, config.log.level)
    with only_one(config.server.run_dir):
        metrics.prepare(config.server.run_dir / "metrics")
        return Supervisor(next_plan, say, logs.get()).run()


def plan(config: Config, plugins: Plugins, say: Callable[[str], None]) -> Plan:
    """One generation of workers as this configuration wants it."""
    names = {
        Address(plugin, service.id, listen): f"{service.name} ({plugin} {service.id}, {service.encryption})"
        for plugin, chosen in plugins.items()
        for _, service in chosen.settings.parts(ServiceSettings)
        for listen in service.listen
    }

    def work(start: Start) -> int:
        from .worker import work  # in the child: it brings the hub

        return work(config, plugins, start)

    return Plan(
        workers=config.server.workers,
        addresses=tuple(names),
        names=names,
        base=config.base,
        stop_timeout=config.server.stop_timeout,
        prepare=lambda: prepare(config, say),
        work=work,
        drop_privileges=lambda: drop_privileges(config),
    )


def prepare(config: Config, say: Callable[[str], None]) -> int:
    """In a child before the workers: schema, administrator, certificate. Says in one line what is wrong, exit status 1."""
    from .credentials import UnreadableSecret, Vault
    from .sending.via import Locker
    from .store.database import StoreUnavailable, connect
    from .store.locking import lock_targets
    from .store.migrate import migrate
    from .wire.tls import ServerTls

    os.umask(0o077)
    try:
        migrate(config.database.url, base=config.base)
        ServerTls(config.tls, config.server).context()  # a self-signed certificate is there before anybody asks for it
        database = connect(config.database.url, pool=config.database.pool, base=config.base)
        try:
            make_administrator(database, say)
            lock_targets(database, Locker(Vault(config.server.data_dir)).keep)
        finally:
            database.close()
    except (SchemaNewer, StoreUnavailable, UnreadableSecret, OSError, ValueError) as error:
        sys.stderr.write(f"postroom: {' '.join(str(error).split())}\n")  # libpq explains itself on several lines
        return 1
    return 0


def make_administrator(database: Database, say: Callable[[str], None]) -> None:
    """Without any administrator: make one and say its password, once and nowhere else."""
    from .credentials import make_credentials
    from .store.accounts import Accounts
    from .store.database import Conflict

    accounts = Accounts(database)
    if any(account.admin for account in accounts.list()) or accounts.get(ADMINISTRATOR):
        return
    password = secrets.token_urlsafe(12)
    try:
        accounts.add(ADMINISTRATOR, admin=1, **make_credentials(password))
    except Conflict:
        return  # another node was faster
    say(f"First start: the administrator is {ADMINISTRATOR} with the password {password} (shown only now)")


@contextmanager
def only_one(run_dir: Path) -> Iterator[IO[str]]:
    """Hold the run directory: two servers on one data directory would be in each other's way. Raises CannotServe."""
    try:
        run_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        run_dir.parent.chmod(0o700)
        file = (run_dir / "postroom.pid").open("a+")
    except OSError as error:
        raise CannotServe(f"the data directory {run_dir.parent} cannot be used: {error.strerror}; see server.data_dir") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            file.seek(0)
            words = f"a server is already running with this data directory (process {file.read().strip()})"
            raise CannotServe(f"{words}; stop it, or give this one a server.data_dir of its own") from error
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield file
        file.truncate(0)


def drop_privileges(config: Config) -> None:
    """Become ``server.run_as``, giving it the data directory. Raises CannotListen with the reason."""
    if config.server.run_as is None:
        return
    try:
        uid, gid = identity(config.server.run_as)
        hand_over(config.server.data_dir, uid, gid)
        os.initgroups(config.server.run_as.partition(":")[0], gid)
        os.setgid(gid)
        os.setuid(uid)
    except (KeyError, PermissionError) as error:
        words = str(error) if os.geteuid() == 0 else "only root can; start the server as root, or leave server.run_as out"
        raise CannotListen(f"cannot become {config.server.run_as} (server.run_as): {words}") from error


__all__ = ["ADMINISTRATOR", "CannotListen", "CannotServe", "ConfigError", "serve"]
