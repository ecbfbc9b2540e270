"""Whatever strangers write into the fields of ARC, there is a verdict."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from postroom.mail.arc import authentication_results, key_names, validate
from postroom.mail.dkim import verify
from postroom.mail.dkim.canonical import fields
from postroom.mail.message import Message
from tests.core.mail.dkim.keys import UNSIGNED, published

NAMES = st.sampled_from(
    [b"ARC-Seal", b"ARC-Message-Signature", b"ARC-Authentication-Results", b"DKIM-Signature", b"Authentication-Results"]
)
TAGS = st.lists(
    st.sampled_from(
        [b"i=1", b"i=2", b"i=0", b"a=rsa-sha256", b"b=AAAA", b"bh=AAAA", b"d=a.example", b"s=x", b"cv=none", b"cv=pass", b"h=from"]
    )
    | st.binary(max_size=8),
    max_size=10,
).map(b"; ".join)
LINES = st.lists(st.tuples(NAMES, TAGS), min_size=1, max_size=8)


@settings(max_examples=300, deadline=None)
@given(LINES)
def test_any_fields_have_a_verdict(lines: list[tuple[bytes, bytes]]) -> None:
    header = b"".join(name + b": " + value.replace(b"\n", b"") + b"\r\n" for name, value in lines)
    message = Message.whole(header + UNSIGNED)
    chain = validate(message, published, 1_800_000_000)
    assert chain.cv in {"none", "fail"}
    assert all(name.count("._domainkey.") == 1 for name in key_names(message))
    said = authentication_results(fields(message), "mail.example.test", verify(message, published, 1_800_000_000), chain.cv)
    assert said.isascii()
    assert "\n" not in said
