"""mutt, driven by its own commands on a terminal of the test: reads, flags, moves, deletes and sees new mail."""

from __future__ import annotations

import contextlib
import os
import pty
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from imapclient import IMAPClient

from tests.interop.boxes import PASSWORD, Box, box
from tests.interop.programs import SECONDS, message, need, wait_until

__all__ = ["box"]

RULES = """\
set imap_user="{user}" imap_pass="{password}"
set folder="imap://127.0.0.1:{port}/" spoolfile="imap://127.0.0.1:{port}/INBOX"
set ssl_starttls=no ssl_force_tls=no
set record="" postponed="" sendmail=/bin/false
set confirmappend=no delete=yes move=no mark_old=no quit=yes wait_key=no
set sort=mailbox-order mail_check=1 timeout=1 imap_idle={idle} imap_condstore={extensions} imap_qresync={extensions}
set header_cache="{folder}/headers"
set pipe_decode=no
"""


class Terminal:
    """A running mutt and its screen."""

    def __init__(self, folder: Path, rules: str) -> None:
        file = folder / "muttrc"
        file.write_text(rules)
        self._screen, terminal = pty.openpty()
        environment = {**os.environ, "TERM": "vt100", "HOME": str(folder), "LC_ALL": "C.UTF-8", "LINES": "40", "COLUMNS": "120"}
        self.process = subprocess.Popen(
            ["mutt", "-n", "-F", file], stdin=terminal, stdout=terminal, stderr=terminal, env=environment, cwd=folder
        )
        os.close(terminal)
        self.shown = b""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        with contextlib.suppress(OSError):
            while data := os.read(self._screen, 65_536):
                self.shown += data

    def wait_for(self, text: bytes) -> None:
        """Wait until it has been on the screen."""
        wait_until(lambda: text in self.shown, lambda: f"{text!r} is nowhere in\n{self.shown.decode(errors='replace')}")

    def type(self, keys: bytes) -> None:
        """Press these keys."""
        os.write(self._screen, keys)

    def close(self) -> None:
        """Wait until it has left by itself."""
        try:
            self.process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"mutt does not leave:\n{self.shown.decode(errors='replace')}") from None
        finally:
            self.process.kill()
            self.process.wait()
            os.close(self._screen)
        assert self.process.returncode == 0, self.shown.decode(errors="replace")


@contextmanager
def mutt(folder: Path, box: Box, *push: str, idle: str = "no", extensions: str = "no") -> Iterator[Terminal]:
    """A running mutt that is typed ``push`` first (keys and ``<functions>``); it must leave by itself."""
    need("mutt")
    rules = RULES.format(user=box.name, password=PASSWORD, port=box.port, folder=folder, idle=idle, extensions=extensions)
    terminal = Terminal(folder, rules + (f"push '{''.join(push)}'\n" if push else ""))
    try:
        yield terminal
    except BaseException:
        terminal.process.kill()
        raise
    terminal.close()


@pytest.mark.parametrize("extensions", ["no", "yes"], ids=["plain", "QRESYNC"])
def test_mutt_reads_flags_moves_and_deletes(box: Box, tmp_path: Path, extensions: str) -> None:
    mails = [message(subject=f"Message {number}") for number in range(6)]
    box.fill("INBOX", mails)
    keys = (
        f'<search>~s"Message 1"<enter><pipe-message>cat > {tmp_path}/piped<enter>',
        '<search>~s"Message 2"<enter><flag-message>',
        '<search>~s"Message 3"<enter><save-message>=Archive<enter>',
        '<search>~s"Message 4"<enter><delete-message>',
        '<search>~s"Message 5"<enter><display-message><exit>',
        "<sync-mailbox><quit>",
    )
    with mutt(tmp_path, box, *keys, extensions=extensions):
        pass
    assert (tmp_path / "piped").read_bytes().replace(b"\n", b"\r\n") == mails[1]
    assert [held.data for held in box.held()] == [mails[0], mails[1], mails[2], mails[5]]
    flags = [held.flags for held in box.held()]
    assert "\\Flagged" in flags[2] and "\\Seen" in flags[3] and "\\Seen" not in flags[0]
    assert [held.data for held in box.held("Archive")] == [mails[3]]


@pytest.mark.parametrize("idle", ["no", "yes"], ids=["NOOP", "IDLE"])
def test_mutt_sees_mail_that_comes_meanwhile(box: Box, tmp_path: Path, idle: str) -> None:
    box.fill("INBOX", [message(subject="Here already")])
    with mutt(tmp_path, box, idle=idle) as terminal:
        terminal.wait_for(b"Here already")
        with IMAPClient("127.0.0.1", box.port, ssl=False, timeout=20) as other:
            other.login(box.name, PASSWORD)
            other.append("INBOX", message(subject="Come meanwhile"))
        terminal.wait_for(b"Come meanwhile")
        terminal.type(b"q")
