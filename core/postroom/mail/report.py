"""Delivery status reports (RFC 3464, and RFC 6533 for internationalized mail): plain words first, then the same for programs.

Pure: everything, the time too, is handed in, and the bytes of the report come back.
"""

from __future__ import annotations

import binascii
import re
from dataclasses import dataclass
from email.header import Header
from email.utils import formatdate
from ipaddress import ip_address
from typing import Literal

from .message import Message
from .report_texts import BUILT_IN, ReportTexts

Kind = Literal["failure", "delay", "success"]
Action = Literal["failed", "delayed", "delivered", "relayed", "expanded"]  # RFC 3464 2.3.3

_XTEXT = re.compile(r"\+([0-9A-F]{2})")
_UNICODE = re.compile(r"\\x\{([0-9A-F]{2,6})\}")
_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")  # would end a field or a line; never written as given
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]+")  # what a display name may hold without quotes (RFC 5322 3.2.3)
TOOK = ("delivered", "relayed", "expanded")
LINE = 900  # octets of a text in one line, which has at most 998 with its name (RFC 5322 2.1.1)


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of one recipient."""

    address: str  # where it was sent
    original: str  # what the sender wrote
    action: Action
    status: str  # enhanced code, "5.1.1"
    words: str = ""  # what was answered: "550 5.1.1 No such user"
    server: str = ""  # who answered, "mx.example.net[192.0.2.1]:25"; "" is this server itself
    orcpt: str = ""  # as given, xtext
    attempts: int = 0
    last_try: float = 0.0  # epoch seconds, 0 is never


@dataclass(frozen=True, slots=True)
class Report:
    """One report to the sender of one message. Times are epoch seconds."""

    kind: Kind
    sender: str  # of the message: who gets the report
    fates: tuple[Fate, ...]
    original: bytes  # the message, or its beginning with the whole header
    whole: bool  # ``original`` is all of it and goes back with the report
    trace: str  # of the message
    id: str  # of the report
    hostname: str
    domain: str  # Mailer_Daemon@domain sends it
    now: float
    queued_at: float
    until: float = 0.0  # when we shall give up
    envid: str = ""  # as given, xtext
    utf8: bool = False  # the message came with SMTPUTF8: so may the report
    texts: ReportTexts = BUILT_IN

    @property
    def global_form(self) -> bool:
        """True when the report must use the forms of RFC 6533 and be sent with SMTPUTF8."""
        header = Message.whole(self.original)
        parts = [self.sender, *(fate.address + fate.original for fate in self.fates)]
        return self.utf8 and not ("".join(parts).isascii() and self.original[: header.header_size].isascii())


def build(report: Report) -> bytes:
    """The whole report as a message, CRLF line ends, at most 998 octets a line but for what is returned."""
    message = Message.whole(report.original)
    utf8 = report.global_form
    boundary = f"=_{report.id}.{report.trace}"
    parts = [_text_part(report, message), _status_part(report, utf8=utf8), _returned_part(report, message, utf8=utf8)]
    mark = b"--" + boundary.encode()
    body = b"".join(mark + b"\r\n" + part for part in parts) + mark + b"--\r\n"
    return _header(report, message, boundary, utf8=utf8).encode("utf-8") + b"\r\n" + body


def _header(report: Report, message: Message, boundary: str, *, utf8: bool) -> str:
    subject = _clean(message.header("Subject") or "")[:200]
    title = report.texts.words(f"subject.{report.kind}") + (f": {subject}" if subject else "")
    name = report.texts.words("from")
    lines = [
        f"From: {_encoded(name) if not name.isascii() else _phrase(name)} <Mailer_Daemon@{report.domain}>",
        f"Reply-To: <postmaster@{report.domain}>",  # RFC 3464 2: an answer reaches somebody who can help
        f"To: <{_clean(report.sender)}>",
        f"Subject: {title if title.isascii() or (utf8 and len(title.encode()) <= LINE) else _encoded(title)}",
        f"Date: {formatdate(report.now, localtime=True)}",
        f"Message-ID: <{report.id}@{report.hostname}>",
    ]
    about = _clean(message.header("Message-ID") or "")
    if about.startswith("<") and len(about) < 900 and about.isascii():
        lines += [f"In-Reply-To: {about}", f"References: {about}"]  # mail programs show the report beside the message
    lines += [
        "Auto-Submitted: auto-replied",  # RFC 3834 5: nobody's autoresponder answers this
        "MIME-Version: 1.0",
        f'Content-Type: multipart/report; report-type={"global-delivery-status" if utf8 else "delivery-status"};\r\n boundary="{boundary}"',
    ]
    return "\r\n".join(lines) + "\r\n"


def _phrase(name: str) -> str:
    return name if _ATOMS.fullmatch(name) else '"' + re.sub(r'(["\\])', r"\\\1", name) + '"'


def _encoded(text: str) -> str:
    return Header(text, "utf-8").encode(linesep="\r\n")  # RFC 2047


def _text_part(report: Report, message: Message) -> bytes:
    texts, subject = report.texts, _clean(message.header("Subject") or "")[:200]
    named = texts.words("message.titled", subject=subject) if subject else texts.words("message.untitled")
    moments = {"date": texts.date(report.queued_at)} | ({"until": texts.date(report.until)} if report.kind == "delay" else {})
    opening = texts.words(f"opening.{report.kind}", message=named, **moments)
    closing = texts.words("closing", hostname=report.hostname, number=report.trace)
    text = "\n\n".join([opening, *(_told(fate, report) for fate in report.fates), closing]).replace("\n", "\r\n") + "\r\n"
    if text.isascii() and all(len(line) <= 998 for line in text.split("\r\n")):
        return b"Content-Type: text/plain; charset=us-ascii\r\n\r\n" + text.encode() + b"\r\n"
    encoded = binascii.b2a_qp(text.encode("utf-8"), istext=True)
    return b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n" + encoded + b"\r\n"


def _told(fate: Fate, report: Report) -> str:
    texts = report.texts
    lines = [texts.words("recipient.leads", address=_clean(fate.address))] if fate.address != fate.original else []
    if fate.words:
        key = "ours" if not fate.server else "taken" if fate.action in TOOK else "answered"
        who = {"server": _clean(fate.server)} if fate.server else {}
        lines += [texts.words(f"recipient.{key}", **who), "  " + _clean(fate.words)[:LINE]]
    if fate.action == "relayed":
        lines.append(texts.words("recipient.last"))
    if report.kind != "success":
        lines += _advice(fate, report)
    return "\n    ".join([f"  {_clean(fate.original)}", *"\n".join(lines).splitlines()])


def _advice(fate: Fate, report: Report) -> list[str]:
    """What it means, what to do, and how often it was tried."""
    texts = report.texts
    meaning, advice = texts.remedy(fate.status)
    lines = [texts.words("recipient.meaning", meaning=meaning)] if meaning else []
    lines += [texts.words("recipient.advice", advice=advice)] if report.kind == "failure" else []
    if fate.attempts and fate.last_try:
        often = {"times": fate.attempts} if fate.attempts > 1 else {}
        lines.append(texts.words("recipient.often" if often else "recipient.once", date=texts.date(fate.last_try), **often))
    return lines


def _status_part(report: Report, *, utf8: bool) -> bytes:
    fields = [f"Original-Envelope-Id: {_ascii(_from_xtext(report.envid))}"] if report.envid else []  # RFC 3461 6.3 (a)
    fields.append(f"Reporting-MTA: dns; {report.hostname}")  # RFC 3464 2.2.2
    fields.append(f"Arrival-Date: {formatdate(report.queued_at, localtime=True)}")
    fields.append(f"X-Postroom-Trace: {report.trace}")  # RFC 3464 2.4: by which it is found in the log
    groups = [fields, *(_status_fields(fate, report, utf8=utf8) for fate in report.fates)]
    text = "\r\n\r\n".join("\r\n".join(group) for group in groups) + "\r\n"
    kind = "message/global-delivery-status" if utf8 else "message/delivery-status"
    encoding = "" if text.isascii() else "Content-Transfer-Encoding: 8bit\r\n"
    return f"Content-Type: {kind}\r\n{encoding}\r\n{text}\r\n".encode()


def _status_fields(fate: Fate, report: Report, *, utf8: bool) -> list[str]:
    fields = []
    if fate.orcpt:  # RFC 3461 6.3 (d): the field must not stand there without an ORCPT of the sender's
        fields.append(f"Original-Recipient: {_original_recipient(fate.orcpt, utf8=utf8)}")
    # RFC 3464 2.3.2: the address as it was when this server took the message, wherever it has led since
    fields += [f"Final-Recipient: {_typed(fate.original, utf8=utf8)}", f"Action: {fate.action}", f"Status: {fate.status}"]
    if fate.server:
        fields.append(f"Remote-MTA: dns; {_ascii(_mta(fate.server))}")  # RFC 3464 2.3.5
    if fate.words:
        kind = "smtp" if fate.server else "x-postroom"  # RFC 3464 2.3.6: smtp only for what a server said
        words = _clean(fate.words) if utf8 else _ascii(fate.words)
        fields.append(f"Diagnostic-Code: {kind}; {words.encode()[:LINE].decode(errors='ignore')}")
    if fate.last_try:
        fields.append(f"Last-Attempt-Date: {formatdate(fate.last_try, localtime=True)}")
    if report.kind == "delay":
        fields.append(f"Will-Retry-Until: {formatdate(report.until, localtime=True)}")  # RFC 3464 2.3.9
    if fate.server and fate.address != fate.original:  # RFC 3461 6.3 (j)
        fields.append(f"SMTP-Remote-Recipient: {_clean(fate.address) if utf8 else _typed(fate.address, utf8=False).partition('; ')[2]}")
    return fields


def _returned_part(report: Report, message: Message, *, utf8: bool) -> bytes:
    data = report.original if report.whole else report.original[: message.header_size]
    names = {
        (True, True): "message/global",
        (True, False): "message/rfc822",
        (False, True): "message/global-headers",
        (False, False): "text/rfc822-headers",
    }
    lines = f"Content-Type: {names[report.whole, utf8]}\r\n"
    if not data.isascii():
        lines += "Content-Transfer-Encoding: 8bit\r\n"
    end = b"" if data.endswith(b"\r\n") else b"\r\n"
    return lines.encode() + b"\r\n" + data + end + b"\r\n"


def _mta(server: str) -> str:
    """The name of a server that answered, or its address as a literal (RFC 5321 4.1.3)."""
    name, _, rest = server.partition("[")
    host = name.partition(":")[0] if name else rest.partition("]")[0]
    try:
        address = ip_address(host)
    except ValueError:
        return host
    return f"[IPv6:{host}]" if address.version == 6 else f"[{host}]"


def _typed(address: str, *, utf8: bool) -> str:
    """An address with its type: RFC 6533 3 has three spellings for one that is not ASCII."""
    cleaned = _clean(address)
    if cleaned.isascii():
        return f"rfc822; {cleaned}"
    return f"utf-8; {cleaned if utf8 else _utf8_xtext(cleaned)}"


def _original_recipient(orcpt: str, *, utf8: bool) -> str:
    kind, _, address = orcpt.partition(";")
    decoded = _from_xtext(address)
    if kind.lower() == "utf-8":
        return _typed(_UNICODE.sub(_character, decoded), utf8=utf8)
    return f"{_ascii(kind)}; {_ascii(decoded)}"


def _character(match: re.Match[str]) -> str:
    number = int(match[1], 16)
    return chr(number) if number < 0x110000 and not 0xD800 <= number < 0xE000 else "?"


def _utf8_xtext(address: str) -> str:
    r"""utf-8-addr-xtext (RFC 6533 3): ``\x{…}`` for what is not plain ASCII."""
    return "".join(c if "!" <= c <= "~" and c not in "\\+=" else f"\\x{{{ord(c):02X}}}" for c in address)


def _from_xtext(text: str) -> str:
    """RFC 3461 4, decoded; what would break a line is made harmless."""
    return _clean(_XTEXT.sub(lambda match: chr(int(match[1], 16)), text))


def _clean(text: str) -> str:
    return _UNSAFE.sub(" ", text).strip()


def _ascii(text: str) -> str:
    return _clean(text).encode("ascii", "replace").decode()
