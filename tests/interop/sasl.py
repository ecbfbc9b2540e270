"""A Postfix that takes mail only from clients that log in; Dovecot knows the passwords."""

from __future__ import annotations

import contextlib
import pwd
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from bench import dovecot, postfix

# who has given a wrong password is not kept waiting at the next login
CONFIG = """\
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/dovecot.log
protocols =
ssl = no
auth_mechanisms = plain login
auth_failure_delay = 0
passdb {{
  driver = passwd-file
  args = scheme=PLAIN {folder}/users
}}
userdb {{
  driver = static
  args = uid={uid} gid={uid} home={folder}
}}
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service auth {{
  unix_listener {folder}/sasl {{
    mode = 0666
  }}
}}
"""
ONLY_LOGINS = """\
127.0.0.1:{port} inet n - n - - smtpd
  -o smtpd_client_restrictions=permit_sasl_authenticated,reject
  -o smtpd_discard_ehlo_keywords=8bitmime
"""


def available() -> bool:
    """True when both can be started."""
    return postfix.available() and dovecot.available()


@contextlib.contextmanager
def passwords(folder: Path, users: Mapping[str, str]) -> Iterator[Path]:
    """A running Dovecot that only checks passwords; yields the socket on which a Postfix asks it."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)
    (folder / "users").write_text("".join(f"{name}:{password}\n" for name, password in users.items()))
    (folder / "users").chmod(0o644)
    (folder / "dovecot.conf").write_text(CONFIG.format(folder=folder, uid=pwd.getpwnam(dovecot.USER).pw_uid))
    process = subprocess.Popen(["dovecot", "-F", "-c", str(folder / "dovecot.conf")], stdin=subprocess.DEVNULL)
    deadline = time.monotonic() + 20
    try:
        while not (folder / "sasl").is_socket():
            assert process.poll() is None and time.monotonic() < deadline, "dovecot does not start"
            time.sleep(0.02)
        yield folder / "sasl"
    finally:
        process.terminate()
        process.wait(20)


@contextlib.contextmanager
def running(folder: Path, users: Mapping[str, str], options: Mapping[str, str]) -> Iterator[tuple[int, int]]:
    """A Postfix below ``folder`` with these main.cf options; yields its port, and that for logins only, where it offers no 8BITMIME."""
    guarded = postfix.free_port()
    with passwords(folder / "dovecot", users) as sasl:
        login = {
            "smtpd_sasl_auth_enable": "yes",
            "smtpd_sasl_type": "dovecot",
            "smtpd_sasl_path": str(sasl),
            "smtpd_sasl_authenticated_header": "yes",
            "smtpd_delay_reject": "yes",
        }
        with postfix.running(folder / "postfix", {**login, **options}, ONLY_LOGINS.format(port=guarded)) as port:
            yield port, guarded
