"""Parameters whose values are text of the client: what is taken as the original recipient, and what is not."""

from __future__ import annotations

import pytest

from postroom.mail.envelope import Recipient
from postroom_smtp_server.parameters import Terms, apply_rcpt

TERMS = Terms(max_size=1, dsn=True, requiretls=False, auth=False)


def code(orcpt: str, *, utf8: bool) -> int:
    refusal = apply_rcpt(f"ORCPT={orcpt}", Recipient("bob@example.test"), TERMS, utf8=utf8)
    return refusal.code if refusal else 250


@pytest.mark.parametrize("utf8", [True, False])
@pytest.mark.parametrize("orcpt", ["rfc822;b+2Bob@example.test", "utf-8;j\\x{F6}rg@example.test"])
def test_an_original_recipient_in_ascii_is_always_taken(orcpt: str, utf8: bool) -> None:
    assert code(orcpt, utf8=utf8) == 250


def test_an_original_recipient_beyond_ascii_needs_SMTPUTF8() -> None:
    assert code("utf-8;jörg@münchen.test", utf8=True) == 250
    assert code("utf-8;jörg@münchen.test", utf8=False) == 501


@pytest.mark.parametrize("character", ["\x01", "\t", "\x7f", "\x85", "\x9b", "\u2028", "\udcff", "="])
def test_an_original_recipient_holds_no_control_characters(character: str) -> None:
    assert code(f"utf-8;a{character}b@example.test", utf8=True) == 501
