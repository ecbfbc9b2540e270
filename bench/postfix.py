"""A private Postfix instance: the peer that SMTP figures are compared with, and a partner in interop tests."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

MASTER = """\
127.0.0.1:{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
local unix - n n - - local
virtual unix - n n - - virtual
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


def available() -> bool:
    """True when a Postfix can be started: it is installed and we are root, which its master insists on."""
    return shutil.which("postfix") is not None and os.geteuid() == 0


def version() -> str:
    """Such as "3.7.11"."""
    return subprocess.run(["postconf", "-d", "-h", "mail_version"], capture_output=True, text=True, check=True).stdout.strip()


def free_port() -> int:
    """A port on the loopback address that is free just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def settings(folder: Path) -> dict[str, str]:
    """main.cf for mail to any user at example.test into maildirs below ``folder``, safe (fsync) as Postfix always is."""
    user = pwd.getpwnam("postfix")
    return {
        "compatibility_level": "3.6",
        "queue_directory": str(folder / "queue"),
        "data_directory": str(folder / "data"),
        "maillog_file": str(folder / "log" / "postfix.log"),
        "maillog_file_prefixes": str(folder / "log"),
        "myhostname": "postfix.example.test",
        "mydestination": "",
        "inet_interfaces": "127.0.0.1",
        "inet_protocols": "ipv4",
        "mynetworks": "127.0.0.0/8",
        "smtpd_relay_restrictions": "permit_mynetworks, reject_unauth_destination",
        "virtual_mailbox_domains": "example.test",
        "virtual_mailbox_base": str(folder / "mail"),
        "virtual_mailbox_maps": "static:box/",
        "virtual_minimum_uid": "1",
        "virtual_uid_maps": f"static:{user.pw_uid}",
        "virtual_gid_maps": f"static:{user.pw_gid}",
        "virtual_mailbox_limit": "0",
        "alias_maps": "",
        "alias_database": "",
        "smtpd_client_connection_count_limit": "0",
        "default_process_limit": "100",
        "smtp_dns_support_level": "disabled",
    }


@contextlib.contextmanager
def running(folder: Path, extra: Mapping[str, str] | None = None, services: str = "") -> Iterator[int]:
    """A started instance below ``folder`` (which others must be able to enter); yields its port, stops it at the end."""
    port = free_port()
    user = pwd.getpwnam("postfix")
    for name in ("etc", "queue", "data", "mail", "log"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for parent in [folder, *folder.parents][:4]:
        with contextlib.suppress(PermissionError):
            parent.chmod(parent.stat().st_mode | 0o011)
    os.chown(folder / "data", user.pw_uid, -1)
    os.chown(folder / "mail", user.pw_uid, user.pw_gid)
    lines = {**settings(folder), **(extra or {})}
    (folder / "etc" / "main.cf").write_text("".join(f"{name} = {value}\n" for name, value in lines.items()))
    (folder / "etc" / "master.cf").write_text(MASTER.format(port=port) + services)
    os.utime(folder / "etc" / "main.cf", (0, 0))  # Postfix waits with a file that may still be written: until it is a second old
    command = ["postfix", "-c", str(folder / "etc")]
    started = subprocess.run([*command, "start"], capture_output=True, text=True)
    if started.returncode != 0:
        raise RuntimeError(f"postfix did not start: {started.stderr}")
    try:
        _wait_for(port)
        yield port
    finally:
        subprocess.run([*command, "stop"], capture_output=True)


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1) as probe:
            if probe.recv(100).startswith(b"220"):
                return
        time.sleep(0.05)
    raise RuntimeError("postfix does not answer")
