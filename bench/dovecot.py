"""A private Dovecot: the peer that IMAP figures are compared with, and a partner in interop tests."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from .mailbag import Letter
from .postfix import free_port

USER = "mail"  # who the maildir belongs to; Debian has this user without Dovecot
CONFIG = """\
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/dovecot.log
protocols = imap
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
first_valid_uid = 1
mail_location = maildir:{folder}/mail/%u
namespace inbox {{
  inbox = yes
  separator = /
}}
passdb {{
  driver = passwd-file
  args = scheme=PLAIN {folder}/users
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={folder}/mail/%u
}}
service imap-login {{
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service imap {{
  process_limit = 4096
}}
protocol imap {{
  mail_max_userip_connections = 20000
}}
"""


def available() -> bool:
    """True when a Dovecot can be started: it is installed and we are root, so that it may use its own users."""
    return shutil.which("dovecot") is not None and os.geteuid() == 0


def version() -> str:
    """Such as "2.3.19.1"."""
    return subprocess.run(["dovecot", "--version"], capture_output=True, text=True, check=True).stdout.split()[0]


def fill(folder: Path, name: str, letters: Iterable[Letter]) -> None:
    """Write messages into the INBOX of a user before Dovecot starts, as a delivery agent does: one file each, lines end with LF."""
    user, box = pwd.getpwnam(USER), folder / "mail" / name
    for place in (folder / "mail", box, box / "cur", box / "new", box / "tmp"):
        place.mkdir(exist_ok=True, parents=True)
        os.chown(place, user.pw_uid, user.pw_gid)
    for number, letter in enumerate(letters):
        content, second = letter.content.replace(b"\r\n", b"\n"), int(letter.received.timestamp())
        path = box / "cur" / f"{second}.M{number:06d}P1.peer,S={len(content)},W={len(letter.content)}:2,"
        path.write_bytes(content)
        os.utime(path, (second, second))
        os.chown(path, user.pw_uid, user.pw_gid)


@contextlib.contextmanager
def running(folder: Path, users: dict[str, str]) -> Iterator[tuple[int, int]]:
    """A started Dovecot with these users (name → password) below ``folder``; yields its port and process id, stops it at the end."""
    port, user = free_port(), pwd.getpwnam(USER)
    for parent in [folder, *folder.parents][:4]:
        with contextlib.suppress(PermissionError):
            parent.chmod(parent.stat().st_mode | 0o011)
    (folder / "mail").mkdir(exist_ok=True)
    os.chown(folder / "mail", user.pw_uid, user.pw_gid)
    (folder / "users").write_text("".join(f"{name}:{password}\n" for name, password in users.items()))
    (folder / "users").chmod(0o644)
    config = folder / "dovecot.conf"
    config.write_text(CONFIG.format(folder=folder, port=port, uid=user.pw_uid, gid=user.pw_gid))
    process = subprocess.Popen(["dovecot", "-F", "-c", str(config)], stdin=subprocess.DEVNULL)
    try:
        _wait_for(port, folder / "dovecot.log")
        yield port, process.pid
    finally:
        process.terminate()
        process.wait(20)


def _wait_for(port: int, log: Path) -> None:
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1) as probe:
            if probe.recv(1000).startswith(b"* OK"):
                return
        time.sleep(0.05)
    raise RuntimeError(f"dovecot does not answer\n{log.read_text() if log.exists() else ''}")
