"""Keys that sign outgoing mail: two for each domain, rotated without a gap."""

from __future__ import annotations

from pathlib import Path

import pytest

from postroom.credentials import UnreadableSecret, Vault
from postroom.mail.dkim import generate, is_published, parse_record
from postroom.store.database import Conflict, Database
from postroom.store.signing_keys import SigningKeys

DOMAIN = "example.test"


@pytest.fixture
def keys(db: Database, tmp_path: Path) -> SigningKeys:
    return SigningKeys(db, Vault(tmp_path), lambda: 1_800_000_000.0)


def states(keys: SigningKeys) -> dict[str, str]:
    return {key.selector: key.state for key in keys.of(DOMAIN)}


def test_both_keys_of_a_domain_sign_and_RSA_comes_first(keys: SigningKeys) -> None:
    keys.add(DOMAIN, [("a-ed", generate("ed25519")), ("a-rsa", generate("rsa", 1024))], active=True)
    assert [(key.selector, key.state) for key in keys.active(DOMAIN)] == [("a-rsa", "active"), ("a-ed", "active")]
    assert keys.active("other.test") == []


def test_a_key_comes_back_as_it_was_stored_and_is_encrypted_in_the_database(keys: SigningKeys, db: Database, tmp_path: Path) -> None:
    made = generate("ed25519")
    (stored,) = keys.add(DOMAIN, [("a", made)], active=True)
    assert keys.private(stored).public() == made.public()
    assert parse_record(stored.record).public == made.public()
    assert "PRIVATE" not in stored.secret
    (tmp_path / "secrets.key").unlink()
    with pytest.raises(UnreadableSecret):
        SigningKeys(db, Vault(tmp_path)).private(stored)


def test_a_new_key_waits_and_then_takes_the_place_of_the_old_one(keys: SigningKeys) -> None:
    keys.add(DOMAIN, [("a", generate("ed25519"))], active=True)
    (new,) = keys.add(DOMAIN, [("b", generate("ed25519"))], active=False)
    assert states(keys) == {"a": "active", "b": "next"}
    assert keys.activate(new)
    assert states(keys) == {"a": "retired", "b": "active"}
    assert [key.retired_at for key in keys.of(DOMAIN)] == [1_800_000_000_000, 0]


def test_a_key_is_activated_once(keys: SigningKeys) -> None:
    (new,) = keys.add(DOMAIN, [("a", generate("ed25519"))], active=False)
    assert keys.activate(new)
    assert not keys.activate(new)


def test_keys_of_other_algorithms_and_domains_stay_as_they_are(keys: SigningKeys) -> None:
    keys.add("other.test", [("a", generate("ed25519"))], active=True)
    keys.add(DOMAIN, [("r", generate("rsa", 1024)), ("e", generate("ed25519"))], active=True)
    keys.add(DOMAIN, [("e2", generate("ed25519"))], active=True)
    assert states(keys) == {"r": "active", "e": "retired", "e2": "active"}
    assert [key.state for key in keys.of("other.test")] == ["active"]


def test_a_selector_is_used_once_and_nothing_is_stored_by_halves(keys: SigningKeys) -> None:
    keys.add(DOMAIN, [("a", generate("ed25519"))], active=True)
    with pytest.raises(Conflict, match="has a key with the selector a already"):
        keys.add(DOMAIN, [("b", generate("rsa", 1024)), ("a", generate("ed25519"))], active=False)
    assert states(keys) == {"a": "active"}


def test_one_new_key_at_a_time_waits(keys: SigningKeys) -> None:
    keys.add(DOMAIN, [("a", generate("ed25519"))], active=False)
    with pytest.raises(Conflict, match="waits for its record in the DNS"):
        keys.add(DOMAIN, [("b", generate("ed25519"))], active=False)


def test_a_removed_key_is_gone(keys: SigningKeys) -> None:
    keys.add(DOMAIN, [("a", generate("ed25519"))], active=True)
    assert keys.remove(DOMAIN, "a")
    assert not keys.remove(DOMAIN, "a")
    assert keys.all() == []


def test_a_record_is_published_when_a_text_says_the_same_key(keys: SigningKeys) -> None:
    (key,) = keys.add(DOMAIN, [("a", generate("ed25519"))], active=True)
    assert is_published(key.record, ["v=spf1 -all", key.record.replace("h=sha256; ", "")])
    assert not is_published(key.record, ["v=DKIM1; k=ed25519; p=", "nonsense"])
