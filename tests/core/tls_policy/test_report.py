"""TLS reports as RFC 8460 wants them."""

from __future__ import annotations

import email
import email.policy
import gzip
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.store.tls_results import TlsCount, TlsWay
from postroom.tls_policy.report import Destination, Reporter, TlsReport, wanted_by

REPORTER = Reporter("Example Inc.", "postmaster@sender.test", "tls@sender.test", "mx.sender.test")
LINES = ("version: STSv1", "mode: testing", "mx: *.site.test", "max_age: 86400")
STS = ("sts", "site.test", LINES, ("*.site.test",))
COUNTS = (
    TlsCount(TlsWay(17_000, "site.test", *STS, "", "", "", "", ""), "", 5326),
    TlsCount(
        TlsWay(17_000, "site.test", *STS, "certificate-expired", "2001:db8::1", "mx1.site.test", "192.0.2.9", "mx1"), "it is old", 100
    ),
    TlsCount(
        TlsWay(17_000, "site.test", "tlsa", "mx.site.test", ("3 1 1 aa",), (), "validation-failure", "", "mx.site.test", "", ""), "", 2
    ),
)
REPORT = TlsReport(REPORTER, "site.test", 17_000, COUNTS)


@pytest.mark.parametrize(
    ("record", "destinations"),
    [
        ("v=TLSRPTv1; rua=mailto:reports@site.test", [Destination("reports@site.test")]),
        (
            "v=TLSRPTv1;rua=mailto:a@site.test,https://site.test/v1/tlsrpt;",
            [Destination("a@site.test"), Destination("", "site.test", 443, "/v1/tlsrpt")],
        ),
        ("v=TLSRPTv1; rua=mailto:a%2Cb@site.test , mailto:c@site.test; ext=1", [Destination("c@site.test")]),
        ("v=TLSRPTv1; rua=https://site.test:8443/?a=b", [Destination("", "site.test", 8443, "/?a=b")]),
        ("v=TLSRPTv1; rua=mailto:tls%2Breports@site.test?subject=x", [Destination("tls+reports@site.test")]),
        ("v=TLSRPTv1; rua=http://site.test/", []),
        ("v=TLSRPTv1; rua=mailto:nobody", []),
        ("v=TLSRPTv1; rua=https://user@site.test/", []),
        ("v=TLSRPTv1; rua=", []),
        ("v=TLSRPTv1", []),
        ("v=TLSRPTv2; rua=mailto:a@site.test", []),
        ("v=TLSRPTv1; rua=mailto:a@site.test; rua=mailto:b@site.test", []),
        ("v=TLSRPTv1; nonsense; rua=mailto:a@site.test", []),
    ],
)
def test_a_record_says_where_reports_go(record: str, destinations: list[Destination]) -> None:
    assert list(wanted_by([record, "v=spf1 -all"])) == destinations


def test_two_records_are_none() -> None:
    assert wanted_by(["v=TLSRPTv1; rua=mailto:a@site.test"] * 2) == ()


def test_of_many_destinations_five_are_used() -> None:
    assert len(wanted_by(["v=TLSRPTv1; rua=" + ",".join(f"mailto:a{n}@site.test" for n in range(20))])) == 5


URIS = (
    "mailto:a@site.test", "mailto:a%0d%0ab@site.test", "mailto:%00@site.test", "mailto:%", "mailto:", "MAILTO:a@site.test?cc=b", "https://",
    "https://site.test/x", "https://site.test:0/", "https://site.test:99999/", "https://[::1]/", "https://[", "https://site.test/a b",
    "https://site.test?x=%0d", "https://site.test/#f", "https://%0d/", "https:///x", "https://user:p@site.test/", "ftp://site.test/",
)  # fmt: skip


@given(st.lists(st.sampled_from(URIS), max_size=4).map(",".join) | st.text(max_size=30), st.sampled_from([";", " ;\t", "; x=y; "]))
def test_no_record_does_harm(uris: str, mark: str) -> None:
    for one in wanted_by([f"v=TLSRPTv1{mark}rua={uris}"]):
        assert (one.address + one.host + one.path).isascii()
        assert (one.address + one.host + one.path).isprintable()
        assert one.address.count("@") == 1 if one.address else (0 < one.port < 65536 and one.path[0] == "/" and " " not in one.path)


def test_the_document_has_the_shape_of_section_4_4() -> None:
    document = REPORT.document()
    assert document["organization-name"] == "Example Inc."
    assert document["date-range"] == {"start-datetime": "2016-07-18T00:00:00Z", "end-datetime": "2016-07-18T23:59:59Z"}
    assert document["contact-info"] == "postmaster@sender.test"
    sts, dane = document["policies"]
    assert sts["policy"] == {"policy-type": "sts", "policy-string": list(LINES), "policy-domain": "site.test", "mx-host": ["*.site.test"]}
    assert sts["summary"] == {"total-successful-session-count": 5326, "total-failure-session-count": 100}
    assert dane["policy"] == {"policy-type": "tlsa", "policy-string": ["3 1 1 aa"], "policy-domain": "mx.site.test"}


def test_a_failure_is_told_with_all_that_is_known_of_it() -> None:
    sts, dane = REPORT.document()["policies"]
    assert sts["failure-details"] == [
        {
            "result-type": "certificate-expired",
            "sending-mta-ip": "2001:db8::1",
            "receiving-mx-hostname": "mx1.site.test",
            "receiving-mx-helo": "mx1",
            "receiving-ip": "192.0.2.9",
            "failed-session-count": 100,
            "failure-reason-code": "it is old",
        }
    ]
    assert dane["failure-details"] == [
        {"result-type": "validation-failure", "receiving-mx-hostname": "mx.site.test", "failed-session-count": 2},
    ]


def test_successes_alone_have_no_details() -> None:
    report = TlsReport(REPORTER, "site.test", 17_000, COUNTS[:1])
    assert "failure-details" not in report.document()["policies"][0]


def test_the_mail_carries_the_report_as_section_5_3_says() -> None:
    data = REPORT.mail("reports@site.test", 1_500_000_000.0)
    message = email.message_from_bytes(data, policy=email.policy.default)
    subject = f"Report Domain: site.test Submitter: mx.sender.test Report-ID: <{REPORT.id}>"
    assert " ".join(str(message["Subject"]).split()) == subject
    assert (message["From"], message["To"]) == ("tls@sender.test", "reports@site.test")
    assert (message["TLS-Report-Domain"], message["TLS-Report-Submitter"]) == ("site.test", "mx.sender.test")
    assert (message.get_content_type(), message.get_param("report-type")) == ("multipart/report", "tlsrpt")
    words, report = message.iter_parts()
    assert "5326 were well, 102 failed" in words.get_content()
    assert report.get_content_type() == "application/tlsrpt+gzip"
    assert re.fullmatch(r"mx\.sender\.test!site\.test!1468800000!1468886399![A-Za-z0-9]+\.json\.gz", report.get_filename() or "")
    assert json.loads(gzip.decompress(report.get_content())) == REPORT.document()


def test_the_mail_is_one_that_every_server_takes() -> None:
    data = REPORT.mail("reports@site.test", 1_500_000_000.0)
    assert data.isascii()
    assert data.replace(b"\r\n", b"").find(b"\n") == data.replace(b"\r\n", b"").find(b"\r") == -1
    assert max(map(len, data.split(b"\r\n"))) < 500


def test_the_same_report_has_the_same_id_and_bytes() -> None:
    assert REPORT.mail("a@site.test", 1.0) == TlsReport(REPORTER, "site.test", 17_000, COUNTS).mail("a@site.test", 1.0)
    assert REPORT.id != TlsReport(REPORTER, "site.test", 17_001, COUNTS).id
