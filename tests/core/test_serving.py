"""What is made ready before the workers: schema, administrator, certificate."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from postroom import serving
from postroom.binding import CannotListen
from postroom.plugins import read
from postroom.serving import drop_privileges, prepare


@pytest.fixture(autouse=True)
def same_umask() -> Iterator[None]:
    """``prepare`` runs in a child and sets its own."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def prepared(folder: Path) -> list[str]:
    """Prepare a server with the defaults; what it says."""
    (folder / "config.yaml").write_text("")
    said: list[str] = []
    assert prepare(read(folder / "config.yaml")[0], said.append) == 0
    return said


def test_the_self_signed_certificate_is_there_before_anybody_connects(tmp_path: Path) -> None:
    prepared(tmp_path)
    certificate = tmp_path / "data" / "self-signed.pem"
    assert b"BEGIN CERTIFICATE" in certificate.read_bytes()
    assert certificate.stat().st_mode & 0o077 == 0


def test_the_password_of_the_administrator_is_said_once_and_kept_nowhere(tmp_path: Path) -> None:
    [words] = prepared(tmp_path)
    password = words.split(" with the password ")[1].split(" ")[0].encode()
    assert prepared(tmp_path) == []
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and password in path.read_bytes()]


def test_one_who_is_not_root_hears_what_run_as_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    (tmp_path / "config.yaml").write_text("server: {run_as: root}\n")
    monkeypatch.setattr(serving, "hand_over", refuse)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(CannotListen, match="only root can; start the server as root, or leave"):
        drop_privileges(read(tmp_path / "config.yaml")[0])
