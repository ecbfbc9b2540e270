"""``postroom dkim``: keys made, shown, rotated and removed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dns.zone
import pytest

from postroom.mail.dkim import parse_record
from tests.cli.conftest import Command
from tests.nameserver import NameServer

pytestmark = pytest.mark.usefixtures("database_url")
DOMAIN = "example.test"


@pytest.fixture
def nameserver(config: Path) -> Iterator[NameServer]:
    """The DNS that the configuration asks."""
    with NameServer({DOMAIN: {"MX": ["10 mail.example.test."]}}) as server:
        config.write_text(config.read_text() + f"dns: {{servers: ['{server.address}']}}\n")
        yield server


@pytest.fixture
def dkim(postroom: Command, nameserver: NameServer) -> Command:
    return lambda *words: postroom("dkim", *words)


def shown(dkim: Command) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(dkim("show", DOMAIN, "--json").out)
    return found


def states(dkim: Command) -> dict[str, str]:
    return {key["selector"]: key["state"] for key in shown(dkim)}


def test_a_domain_gets_two_keys_that_sign_at_once(dkim: Command) -> None:
    assert dkim("create", DOMAIN, "--selector", "one", "--rsa-bits", "1024").status == 0
    assert states(dkim) == {"one-rsa": "active", "one-ed": "active"}
    assert [key["algorithm"] for key in shown(dkim)] in (["rsa", "ed25519"], ["ed25519", "rsa"])


def test_the_records_are_lines_of_a_zone_file(dkim: Command) -> None:
    out = dkim("create", DOMAIN, "--selector", "one", "--rsa-bits", "4096").out
    lines = [line for line in out.splitlines() if "IN TXT" in line]
    zone = dns.zone.from_text("\n".join(lines), origin=f"{DOMAIN}.", check_origin=False)
    texts = [data.to_text().replace('" "', "").strip('"') for _, _, data in zone.iterate_rdatas("TXT")]
    assert sorted(parse_record(text).kind for text in texts) == ["ed25519", "rsa"]


def test_what_is_in_the_DNS_is_told(dkim: Command, nameserver: NameServer) -> None:
    dkim("create", DOMAIN, "--selector", "one", "--rsa-bits", "1024")
    assert [key["published"] for key in shown(dkim)] == [False, False]
    publish(nameserver, shown(dkim)[:1])
    assert [key["published"] for key in shown(dkim)] == [True, False]


def publish(nameserver: NameServer, keys: list[dict[str, Any]]) -> None:
    for key in keys:
        nameserver.zone[key["name"]] = {"TXT": [key["zone"].partition("( ")[2].removesuffix(" )")]}
    nameserver.changed()


def test_new_keys_wait_until_they_are_in_the_DNS(dkim: Command, nameserver: NameServer) -> None:
    dkim("create", DOMAIN, "--selector", "one", "--rsa-bits", "1024")
    assert "as soon as these records are in the DNS" in dkim("rotate", DOMAIN, "--rsa-bits", "1024").out
    assert sorted(states(dkim).values()) == ["active", "active", "next", "next"]
    publish(nameserver, shown(dkim))
    assert "sign from now on" in dkim("rotate", DOMAIN).out
    assert sorted(states(dkim).values()) == ["active", "active", "retired", "retired"]
    assert states(dkim)["one-rsa"] == "retired"


def test_with_now_nobody_waits_for_the_DNS(dkim: Command) -> None:
    dkim("create", DOMAIN, "--selector", "one", "--rsa-bits", "1024")
    dkim("rotate", DOMAIN, "--rsa-bits", "1024", "--now")
    assert (states(dkim)["one-rsa"], states(dkim)["one-ed"], len(states(dkim))) == ("retired", "retired", 4)


def test_two_rotations_of_one_day_have_selectors_of_their_own(dkim: Command) -> None:
    dkim("create", DOMAIN, "--rsa-bits", "1024")
    dkim("rotate", DOMAIN, "--rsa-bits", "1024", "--now")
    assert dkim("rotate", DOMAIN, "--rsa-bits", "1024", "--now").status == 0
    assert len(states(dkim)) == 6


def test_a_key_that_signs_is_not_removed_by_mistake(dkim: Command) -> None:
    dkim("create", DOMAIN, "--selector", "one", "--rsa-bits", "1024")
    assert "rotate first, or give --force" in dkim("remove", DOMAIN, "one-rsa").err
    assert dkim("remove", DOMAIN, "one-rsa", "--force").status == 0
    assert list(states(dkim)) == ["one-ed"]


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("show", "none.test"), "none.test has no keys; make them with `postroom dkim create none.test`"),
        (("rotate", "none.test"), "none.test has no keys; make them with `postroom dkim create none.test`"),
        (("remove", "none.test", "x"), "none.test has no key x; see `postroom dkim show none.test`"),
        (("create", "localhost"), "'localhost' is not a domain"),
        (("create", DOMAIN, "--selector", "a b"), "'a b' cannot be a selector: letters, digits and - inside are expected"),
    ],
)
def test_mistakes_are_told(dkim: Command, words: tuple[str, ...], error: str) -> None:
    assert dkim(*words).err == f"postroom: {error}\n"


def test_keys_are_made_once(dkim: Command) -> None:
    dkim("create", DOMAIN, "--rsa-bits", "1024")
    assert "has keys already" in dkim("create", DOMAIN).err


def test_a_domain_with_other_letters_is_kept_as_the_DNS_has_it(dkim: Command, postroom: Command) -> None:
    dkim("create", "Bücher.example", "--rsa-bits", "1024")
    assert {key["domain"] for key in json.loads(postroom("dkim", "show", "--json").out)} == {"xn--bcher-kva.example"}
