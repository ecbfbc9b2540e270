"""Ugly mail and random mail for the tests of structure."""

from __future__ import annotations

from hypothesis import strategies as st

LINES = [
    b"Content-Type: multipart/mixed; boundary=b\r\n",
    b'Content-Type: multipart/alternative; boundary="bb"\r\n',
    b"Content-Type: multipart/digest; boundary=b\r\n",
    b"Content-Type: multipart/mixed\r\n",
    b"Content-Type: message/rfc822\r\n",
    b"Content-Type: text/html; charset=utf-8\r\n",
    b"Content-Type: application/x; name*0*=utf-8''%e4; name*1=b\r\n",
    b"Content-Type: text\r\n",
    b"Content-Transfer-Encoding: base64\r\n",
    b"Content-Transfer-Encoding: quoted-printable\r\n",
    b"Content-Disposition: attachment; filename=x\r\n",
    b"Subject: =?utf-8?q?=C3=BC?=\r\n",
    b'From: "a\\"b" <c@d>, group: e@f;, <\r\n',
    b"Date: Mon, 2 Nov 2026 10:11:12 +0100\r\n",
    b"--b\r\n",
    b"--bb\r\n",
    b"--b--\r\n",
    b"--bb--\r\n",
    b"\r\n",
    b"\r\n",
    b"\n",
    b"\r",
    b"text\r\n",
    b"=3D=\r\n",
    b"aGk=\r\n",
    b"<b>&amp;</b><!-- x",
    b"\xff\x00\xe4",
    b" folded\r\n",
]

MESSAGES = st.lists(st.sampled_from(LINES), max_size=30).map(b"".join)


def multipart(*parts: bytes, boundary: bytes = b"b", subtype: bytes = b"mixed") -> bytes:
    """A message of parts, each with its header."""
    head = b"From: a@b\r\nMIME-Version: 1.0\r\nContent-Type: multipart/%s; boundary=%s\r\n\r\n" % (subtype, boundary)
    return head + b"".join(b"--%s\r\n%s\r\n" % (boundary, part) for part in parts) + b"--%s--\r\n" % boundary
