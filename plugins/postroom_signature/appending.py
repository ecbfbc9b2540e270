"""A signature put into one text part, in the part's charset and transfer encoding."""

from __future__ import annotations

import binascii
import codecs
import re
from dataclasses import dataclass

from postroom.mail.structure import Part
from postroom.mail.structure.transfer import decoded, known

CRLF = b"\r\n"
LINE = 998 + 1  # octets of a line with its CR (RFC 5322 section 2.1.1)
ARMOR = b"-----BEGIN PGP "  # signed or encrypted inside the text (RFC 9580 section 6.2)
_END = re.compile(rb"</body\s*>|</html\s*>", re.IGNORECASE)
_BARE = re.compile(rb"(?<!\r)\n")  # a line end in mail that came in some other way than by SMTP
_STUFFED = re.compile(r"^(?=[ >]|From )", re.MULTILINE)  # RFC 3676 section 4.4
_TRAILING = re.compile(r"(?<!^--) +$", re.MULTILINE)  # a line that ends in a space would flow into the next
_FLOWING = re.compile(rb" +(?=(?:\r?\n)?\Z)")


class Untouchable(Exception):
    """The part cannot get a signature without harm."""


@dataclass(frozen=True, slots=True)
class Changed:
    """A part with its signature."""

    body: bytes
    charset: str | None = None  # a new one, None keeps the part's
    encoding: str | None = None  # a new transfer encoding, None keeps the part's


def appended(part: Part, body: bytes, text: str, form: str) -> Changed:
    """``body``, the part as stored, with the signature ``text``. Raises Untouchable."""
    if not known(part) or part.md5 is not None:
        raise Untouchable("its transfer encoding is not known, or it has a checksum")
    inside = b"".join(decoded(part, lambda start, length: body[start - part.body_start :][:length]))
    if ARMOR in inside:
        raise Untouchable("it is signed or encrypted")
    codec = _codec(part)
    text = text.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n")
    if form == "plain" and (part.parameter(b"format") or b"").lower() == b"flowed":
        text = _STUFFED.sub(" ", _TRAILING.sub("", text))
        inside = _FLOWING.sub(b"", inside)  # RFC 3676 section 4.1: else the signature would go on with the last paragraph
    inside, data, charset = _in_charset(inside, text.replace("\n", "\r\n"), codec, form)
    whole = _into_html(inside, data) if form == "html" else _below(inside, data)
    return _encoded(part, whole, charset)


def _codec(part: Part) -> str:
    charset = (part.parameter(b"charset") or b"us-ascii").decode("latin-1").strip()
    try:
        name = codecs.lookup(charset).name
        if "</body>\r\n".encode(name) != b"</body>\r\n":
            raise Untouchable("its charset does not contain ASCII")
    except (LookupError, ValueError, TypeError):
        raise Untouchable("its charset is not known") from None
    return name


def _in_charset(inside: bytes, text: str, codec: str, form: str) -> tuple[bytes, bytes, str | None]:
    """The part and the signature in one charset: the part's, or UTF-8 where that has not all characters."""
    try:
        return inside, text.encode(codec), None
    except UnicodeEncodeError:
        if form == "html":
            return inside, text.encode(codec, "xmlcharrefreplace"), None
    try:
        return inside.decode(codec).encode("utf-8"), text.encode("utf-8"), "utf-8"
    except UnicodeDecodeError:  # the part is not in the charset that it names
        return inside, text.encode(codec, "replace"), None


def _below(inside: bytes, data: bytes) -> bytes:
    ended = not inside or inside.endswith(b"\n")
    return inside + (b"" if ended else CRLF) + data + (CRLF if ended else b"")


def _into_html(inside: bytes, data: bytes) -> bytes:
    ends = [match.start() for match in _END.finditer(inside)]
    bodies = [start for start in ends if inside[start + 2 : start + 6].lower() == b"body"]
    if not ends:
        return _below(inside, data)
    start = bodies[-1] if bodies else ends[-1]
    return inside[:start] + data + CRLF + inside[start:]


def _encoded(part: Part, whole: bytes, charset: str | None) -> Changed:
    encoding = (part.encoding or b"7bit").lower()
    if encoding == b"base64":
        lines = (binascii.b2a_base64(whole[start : start + 57], newline=False) for start in range(0, len(whole), 57))
        return Changed(CRLF.join(lines) + CRLF, charset)
    if encoding == b"quoted-printable":
        return Changed(quoted(whole), charset)
    long = encoding != b"binary" and max(map(len, whole.split(b"\n"))) > LINE
    if long or (encoding == b"7bit" and not whole.isascii()):
        return Changed(quoted(_BARE.sub(CRLF, whole)), charset, "quoted-printable")
    return Changed(whole, charset)


def quoted(whole: bytes) -> bytes:
    """Quoted-printable (RFC 2045 section 6.7); line ends stay line ends."""
    lines = whole.split(CRLF)
    return CRLF.join(binascii.b2a_qp(line, istext=False).replace(b"=\n", b"=\r\n") for line in lines)
