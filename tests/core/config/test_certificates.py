"""Notes on certificates that can be used and that clients complain of."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from postroom.config.certificates import remarks
from postroom.config.load import ConfigError, load
from postroom.wire.certificates import DAYS, self_signed

NOW = dt.datetime.now(dt.UTC)
END = NOW + dt.timedelta(days=DAYS)


def notes(folder: Path, hostname: str, now: dt.datetime = NOW) -> list[str]:
    """What is noted of a certificate for mail.example.test."""
    made = self_signed(folder, "mail.example.test")
    (folder / "config.yaml").write_text(f"server: {{hostname: {hostname}}}\ntls: {{certificate: {made}, key: {made}}}\n")
    config = load(folder / "config.yaml").config
    assert config is not None
    return [".".join(map(str, place)) + ": " + words for place, words in remarks(config, now)]


def test_a_certificate_for_the_host_name_is_nothing_to_note(tmp_path: Path) -> None:
    assert notes(tmp_path, "mail.example.test") == []


@pytest.mark.parametrize(
    ("now", "words"),
    [
        (END + dt.timedelta(days=1), f"expired on {END:%Y-%m-%d}; clients refuse it until it is renewed"),
        (END - dt.timedelta(days=3), f"expires on {END:%Y-%m-%d}; renew it before"),
        (NOW - dt.timedelta(days=9), "is valid only from "),
    ],
)
def test_the_dates_of_a_certificate_are_noted(tmp_path: Path, now: dt.datetime, words: str) -> None:
    [note] = notes(tmp_path, "mail.example.test", now)
    assert note.startswith("tls.certificate: " + words)


def test_a_certificate_for_another_name_is_noted(tmp_path: Path) -> None:
    [note] = notes(tmp_path, "mx.example.test")
    assert note.startswith("tls.certificate: is not for mx.example.test (server.hostname) but for mail.example.test, localhost;")


def test_a_key_of_another_kind_belongs_to_another_certificate(tmp_path: Path) -> None:
    made, key = self_signed(tmp_path, "mail.example.test"), tmp_path / "key.pem"
    pem = ed25519.Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    key.write_bytes(pem)
    (tmp_path / "config.yaml").write_text(f"tls: {{certificate: {made}, key: {key}}}\n")
    with pytest.raises(ConfigError, match="the key belongs to another certificate"):
        load(tmp_path / "config.yaml")


def test_without_a_certificate_there_is_nothing_to_note(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("")
    config = load(tmp_path / "config.yaml").config
    assert config is not None
    assert list(remarks(config, NOW)) == []
