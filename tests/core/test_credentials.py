"""What is stored of a password: hash, SCRAM keys, and the encrypted secret with its key file."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.credentials import (
    UnreadableSecret,
    Vault,
    decoy_hash,
    hash_password,
    make_credentials,
    parse_scram,
    password_matches,
    scram_text,
)
from postroom.wire.scram import ScramSecret, derive


def test_a_password_matches_its_hash_and_no_other() -> None:
    stored = hash_password("correct horse")
    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert password_matches(stored, "correct horse")
    assert not password_matches(stored, "Correct horse")


def test_the_same_password_is_stored_differently_each_time() -> None:
    assert hash_password("x") != hash_password("x")


@pytest.mark.parametrize("stored", ["", "x", "$argon2id$", "{SHA}ä", "$argon2id$v=19$m=19456,t=2,p=1$AA$AA"])
def test_a_hash_that_cannot_be_read_matches_nothing(stored: str) -> None:
    assert not password_matches(stored, "x")


def test_a_decoy_costs_the_same_parameters_and_matches_nothing() -> None:
    decoy = decoy_hash()
    assert decoy.split("$")[:4] == hash_password("x").split("$")[:4]
    assert len(decoy) == len(hash_password("x"))
    assert not password_matches(decoy, "")


def test_equivalent_spellings_are_one_password() -> None:
    stored = make_credentials("I\u00adX")
    assert password_matches(stored["password"], "IX")


def test_the_scram_keys_are_those_of_the_password() -> None:
    secret = parse_scram(make_credentials("pencil")["scram"])
    assert secret is not None
    assert secret == derive("pencil", secret.salt, secret.iterations)


@given(st.integers(1, 10**6), st.binary(min_size=1), st.binary(min_size=1), st.binary(min_size=1))
def test_scram_secrets_survive_the_store(iterations: int, salt: bytes, stored: bytes, server: bytes) -> None:
    secret = ScramSecret(iterations, salt, stored, server)
    assert parse_scram(scram_text(secret)) == secret


@pytest.mark.parametrize("text", ["", "4096$a$b", "x$YQ==$YQ==$YQ==", "4096$YQ==$YQ==$?", "4096$YQ==$YQ==$ä"])
def test_a_scram_text_that_cannot_be_read_is_none(text: str) -> None:
    assert parse_scram(text) is None


def test_the_secret_is_kept_only_with_a_vault(tmp_path: Path) -> None:
    vault = Vault(tmp_path)
    assert make_credentials("pencil")["reversible"] == ""
    assert vault.unlock(make_credentials("pencil", vault)["reversible"]) == "pencil"


def test_the_key_file_is_readable_by_its_owner_only_and_shared_by_processes(tmp_path: Path) -> None:
    locked = Vault(tmp_path / "data").lock("pencil")
    assert stat.S_IMODE((tmp_path / "data" / "secrets.key").stat().st_mode) == 0o600
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["secrets.key"]
    assert Vault(tmp_path / "data").unlock(locked) == "pencil"


def test_the_same_secret_is_encrypted_differently_each_time(tmp_path: Path) -> None:
    vault = Vault(tmp_path)
    assert vault.lock("pencil") != vault.lock("pencil")


def test_where_equal_secrets_have_to_stay_equal_they_do_at_one_place_only(tmp_path: Path) -> None:
    locked = Vault(tmp_path).lock_alike("pencil", "fred@a.test")
    assert Vault(tmp_path).lock_alike("pencil", "fred@a.test") == locked
    assert len({locked[:16]} | {Vault(tmp_path).lock_alike(*one)[:16] for one in (("pencil", "fred@b.test"), ("pen", "fred@a.test"))}) == 3
    assert Vault(tmp_path).unlock(locked) == "pencil"


def test_subkeys_differ_by_purpose_and_stay(tmp_path: Path) -> None:
    assert Vault(tmp_path).subkey(b"one") == Vault(tmp_path).subkey(b"one") != Vault(tmp_path).subkey(b"two")


def test_a_missing_key_file_is_told_by_name_and_not_made_anew(tmp_path: Path) -> None:
    locked = Vault(tmp_path / "old").lock("pencil")
    with pytest.raises(UnreadableSecret, match=r"secrets\.key is missing"):
        Vault(tmp_path / "new").unlock(locked)
    assert not (tmp_path / "new").exists()


def test_another_key_file_is_told(tmp_path: Path) -> None:
    locked = Vault(tmp_path / "old").lock("pencil")
    other = Vault(tmp_path / "new")
    other.lock("x")
    with pytest.raises(UnreadableSecret, match="not written with"):
        other.unlock(locked)


def test_a_damaged_key_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "secrets.key").write_bytes(b"short")
    with pytest.raises(UnreadableSecret, match="damaged"):
        Vault(tmp_path).lock("pencil")


@pytest.mark.parametrize("text", ["", "AAAA", "not base64!", "ä", "A" * 64])
def test_a_damaged_secret_is_told(tmp_path: Path, text: str) -> None:
    vault = Vault(tmp_path)
    vault.lock("x")
    with pytest.raises(UnreadableSecret):
        vault.unlock(text)
