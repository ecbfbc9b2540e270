"""TLSA records against chains of certificates (RFC 6698, RFC 7671, RFC 7672)."""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import time
from collections.abc import Callable

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from hypothesis import given
from hypothesis import strategies as st

from postroom.dns import Tlsa
from postroom.tls_policy.certificate import BadCertificate, fits, key_of
from postroom.tls_policy.dane import Mistrust, usable, verify
from tests.authority import CLIENT_ONLY, DAY, Issued, issue, root

NOW = time.time()
ROOT = root()
MIDDLE = issue(common_name="Middle", by=ROOT, ca=True)
LEAF = issue("mx.site.test", "*.pool.test", by=MIDDLE)
CHAIN = [one.der for one in LEAF.chain]
OTHER = issue("mx.site.test")
DIGESTS: dict[int, Callable[[bytes], bytes]] = {
    0: bytes,
    1: lambda data: hashlib.sha256(data).digest(),
    2: lambda data: hashlib.sha512(data).digest(),
}


def tlsa(usage: int, selector: int, matching: int, of: Issued) -> Tlsa:
    return Tlsa(usage, selector, matching, DIGESTS[matching](of.der if selector == 0 else of.spki))


def result_of(chain: list[Issued], *records: Tlsa, names: tuple[str, ...] = ("mx.site.test",)) -> str:
    with pytest.raises(Mistrust) as caught:
        verify([one.der for one in chain], records, names, NOW)
    return caught.value.result


# --- which records count


@pytest.mark.parametrize("usage", [2, 3])
@pytest.mark.parametrize("selector", [0, 1])
@pytest.mark.parametrize("matching", [0, 1, 2])
def test_records_for_servers_and_anchors_are_usable(usage: int, selector: int, matching: int) -> None:
    record = tlsa(usage, selector, matching, ROOT)
    assert usable([record]) == (record,)


@pytest.mark.parametrize(
    "record",
    [
        Tlsa(0, 1, 1, bytes(32)),  # RFC 7672 section 3.1.3: PKIX has no place in SMTP
        Tlsa(1, 1, 1, bytes(32)),
        Tlsa(4, 1, 1, bytes(32)),
        Tlsa(3, 2, 1, bytes(32)),
        Tlsa(3, 1, 3, bytes(32)),
        Tlsa(3, 1, 1, bytes(31)),
        Tlsa(3, 1, 2, bytes(32)),
        Tlsa(3, 1, 1, b""),
        Tlsa(3, 0, 0, b"no certificate"),
        Tlsa(2, 1, 0, b"no key"),
    ],
)
def test_other_records_are_not_usable(record: Tlsa) -> None:
    assert usable([record]) == ()


def test_of_several_digests_the_strongest_counts() -> None:
    """RFC 7671 section 9, for each usage and selector by itself."""
    weak, strong, full, elsewhere = tlsa(3, 1, 1, LEAF), tlsa(3, 1, 2, LEAF), tlsa(3, 1, 0, LEAF), tlsa(2, 1, 1, ROOT)
    assert usable([weak, strong, full, elsewhere]) == (strong, full, elsewhere)


@given(st.lists(st.builds(Tlsa, st.integers(0, 255), st.integers(0, 3), st.integers(0, 3), st.binary(max_size=70)), max_size=6))
def test_no_records_do_harm(records: list[Tlsa]) -> None:
    for one in usable(records):
        assert one in records
    with pytest.raises(Mistrust):
        verify(CHAIN, usable(records), ["mx.site.test"], NOW)


@given(st.lists(st.binary(max_size=200), max_size=3), st.integers(2, 3), st.integers(0, 1))
def test_no_certificates_do_harm(chain: list[bytes], usage: int, selector: int) -> None:
    with pytest.raises(Mistrust):
        verify(chain, [Tlsa(usage, selector, 1, bytes(32))], ["mx.site.test"], NOW)


# --- the server's own certificate (usage 3)


@pytest.mark.parametrize("selector", [0, 1])
@pytest.mark.parametrize("matching", [0, 1, 2])
def test_the_servers_certificate_or_key_may_be_named(selector: int, matching: int) -> None:
    record = tlsa(3, selector, matching, LEAF)
    assert verify(CHAIN, [tlsa(3, 1, 1, OTHER), record], ["mx.site.test"], NOW) == record


def test_neither_names_nor_dates_count_for_the_servers_certificate() -> None:
    """RFC 7672 section 3.1.1."""
    old = issue("elsewhere.test", end=-dt.timedelta(hours=1))
    assert verify([old.der], [tlsa(3, 1, 1, old)], ["mx.site.test"], NOW).usage == 3


def test_another_certificate_does_not_fit() -> None:
    assert result_of([OTHER], tlsa(3, 1, 1, LEAF)) == "validation-failure"


def test_the_servers_record_does_not_name_what_is_above_it() -> None:
    assert result_of(LEAF.chain, tlsa(3, 1, 1, ROOT)) == "validation-failure"


@pytest.mark.parametrize("key", [rsa.generate_private_key(65537, 2048), ed25519.Ed25519PrivateKey.generate()], ids=["rsa", "ed25519"])
def test_keys_of_all_kinds_are_found_in_certificates(key: object) -> None:
    issued = issue("mx.site.test", key=key)
    assert key_of(issued.der) == issued.spki


@given(st.integers(0, len(CHAIN[0])), st.binary(max_size=4))
def test_a_damaged_certificate_has_its_key_or_is_none(at: int, data: bytes) -> None:
    damaged = CHAIN[0][:at] + data + CHAIN[0][at + len(data) :]
    for der in (damaged, CHAIN[0][:at]):
        with contextlib.suppress(BadCertificate):
            assert key_of(der) in der


def test_nothing_shown_is_nothing_proven() -> None:
    assert result_of([], tlsa(3, 1, 1, LEAF)) == "validation-failure"


# --- trust anchors (usage 2)


@pytest.mark.parametrize("anchor", [ROOT, MIDDLE], ids=["root", "middle"])
@pytest.mark.parametrize("selector", [0, 1])
@pytest.mark.parametrize("matching", [0, 1, 2])
def test_an_authority_above_the_server_may_be_named(anchor: Issued, selector: int, matching: int) -> None:
    record = tlsa(2, selector, matching, anchor)
    assert verify(CHAIN, [record], ["mx.site.test"], NOW) == record


@pytest.mark.parametrize("selector", [0, 1])
def test_an_authority_whose_whole_certificate_or_key_is_in_the_record_need_not_be_shown(selector: int) -> None:
    record = tlsa(2, selector, 0, ROOT)
    assert verify(CHAIN[:2], [record], ["mx.site.test"], NOW) == record
    assert result_of(LEAF.chain[:2], tlsa(2, selector, 1, ROOT)) == "certificate-not-trusted"


@pytest.mark.parametrize("key", [rsa.generate_private_key(65537, 2048), ed25519.Ed25519PrivateKey.generate()], ids=["rsa", "ed25519"])
def test_a_bare_key_of_any_kind_may_be_the_anchor(key: object) -> None:
    authority = root(key=key)
    leaf = issue("mx.site.test", by=authority)
    assert verify([leaf.der], [tlsa(2, 1, 0, authority)], ["mx.site.test"], NOW).usage == 2
    assert result_of([OTHER], tlsa(2, 1, 0, authority)) == "certificate-not-trusted"


def test_certificates_may_be_shown_in_any_order() -> None:
    assert verify([CHAIN[0], CHAIN[2], CHAIN[1]], [tlsa(2, 1, 1, ROOT)], ["mx.site.test"], NOW).usage == 2


def test_an_anchor_that_did_not_sign_the_chain_proves_nothing() -> None:
    """It is public, so that anybody can show it."""
    assert result_of([OTHER, ROOT], tlsa(2, 1, 1, ROOT)) == "certificate-not-trusted"


def test_an_authority_of_the_same_name_is_another() -> None:
    forged = issue("mx.site.test", by=root())
    assert result_of([forged, ROOT], tlsa(2, 1, 1, ROOT)) == "certificate-not-trusted"


def test_the_certificate_must_be_for_one_of_the_names() -> None:
    record = tlsa(2, 1, 1, ROOT)
    assert result_of(LEAF.chain, record, names=("mx.other.test",)) == "certificate-host-mismatch"
    assert verify(CHAIN, [record], ["mx.other.test", "a.pool.test"], NOW) == record


def test_the_name_of_the_subject_counts_when_there_is_no_list() -> None:
    leaf = issue(common_name="mx.site.test", by=ROOT)
    assert verify([leaf.der, ROOT.der], [tlsa(2, 1, 1, ROOT)], ["mx.site.test"], NOW).usage == 2
    listed = issue("other.test", common_name="mx.site.test", by=ROOT)
    assert result_of([listed, ROOT], tlsa(2, 1, 1, ROOT)) == "certificate-host-mismatch"


@pytest.mark.parametrize("dates", [{"end": -dt.timedelta(hours=1)}, {"start": DAY}], ids=["expired", "not yet"])
def test_dates_count_below_an_anchor(dates: dict[str, dt.timedelta]) -> None:
    assert result_of(issue("mx.site.test", by=ROOT, **dates).chain, tlsa(2, 1, 1, ROOT)) == "certificate-expired"  # type: ignore[arg-type]
    middle = issue(common_name="Old", by=ROOT, ca=True, **dates)  # type: ignore[arg-type]
    assert result_of(issue("mx.site.test", by=middle).chain, tlsa(2, 1, 1, ROOT)) == "certificate-expired"


def test_only_authorities_may_issue() -> None:
    plain = issue("customer.test", by=ROOT)
    assert result_of(issue("mx.site.test", by=plain).chain, tlsa(2, 1, 1, ROOT)) == "certificate-not-trusted"


def test_an_authority_may_be_kept_from_making_others() -> None:
    short = root(path_length=0)
    middle = issue(common_name="Middle", by=short, ca=True)
    assert result_of(issue("mx.site.test", by=middle).chain, tlsa(2, 1, 1, short)) == "certificate-not-trusted"
    direct = issue("mx.site.test", by=short)
    assert verify([direct.der, short.der], [tlsa(2, 1, 1, short)], ["mx.site.test"], NOW).usage == 2


def test_a_certificate_for_clients_is_none_for_servers() -> None:
    leaf = issue("mx.site.test", by=ROOT, purposes=CLIENT_ONLY)
    assert result_of(leaf.chain, tlsa(2, 1, 1, ROOT)) == "certificate-not-trusted"


def test_what_an_authority_may_not_do_and_we_do_not_understand_counts_as_forbidden() -> None:
    limited = issue(common_name="Limited", by=ROOT, ca=True, extra=[(x509.NameConstraints([x509.DNSName("a.test")], None), True)])
    assert result_of(issue("mx.site.test", by=limited).chain, tlsa(2, 1, 1, ROOT)) == "certificate-not-trusted"


@pytest.mark.parametrize(
    ("pattern", "name", "whether"),
    [
        ("mx.site.test", "mx.site.test", True),
        ("*.site.test", "mx.site.test", True),
        ("*.site.test", "a.mx.site.test", False),
        ("*.site.test", "site.test", False),
        ("m*.site.test", "mx.site.test", False),
        ("*.test", "site.test", False),  # a whole top-level domain
        ("*", "test", False),
        ("mx.site.test", "mx2.site.test", False),
    ],
)
def test_a_wildcard_stands_for_one_label(pattern: str, name: str, whether: bool) -> None:
    assert fits(pattern, name) is whether
