"""From a mail as it travelled to the letter that somebody said yes to.

Written from docs/ledger.md alone. What a mail has besides the letter, and what could make two readers see two letters, is
told as a defect.
"""

import base64
import binascii
import email
import hashlib
import quopri
import re

# What the transport, and only it, adds to a letter.
FRAMING = {
    "date",
    "mime-version",
    "content-type",
    "content-transfer-encoding",
    "auto-submitted",
    "dkim-signature",
    "received",
    "return-path",
}
# What a letter is made of. Each at most once.
FIELDS = {"message-id", "from", "reply-to", "to", "subject", "list-unsubscribe", "list-unsubscribe-post"}
ENCODED_WORD = re.compile(r"=\?([A-Za-z0-9_-]+)(?:\*[^?]*)?\?([BbQq])\?([^?\s]*)\?=")


class Unreadable(Exception):
    """It cannot be told what the recipient was shown."""


def decode_words(text):
    """RFC 2047: encoded words become text; the white space between two of them is not shown."""
    out, charset, pending, at = [], None, b"", 0

    def flush():
        nonlocal pending
        if pending:
            out.append(pending.decode(charset))
        pending = b""

    try:
        for match in ENCODED_WORD.finditer(text):
            between = text[at : match.start()]
            if between.strip(" \t") or not pending:
                flush()
                out.append(between)
            if charset != match[1].lower():
                flush()
                charset = match[1].lower()
            if match[2] in "Bb":
                pending += base64.b64decode(match[3], validate=True)
            else:
                pending += quopri.decodestring(match[3].replace("_", "=20").encode("ascii"), header=False)
            at = match.end()
        flush()
    except (LookupError, ValueError, binascii.Error) as error:
        raise Unreadable(f"an encoded word cannot be read: {error}") from error
    return "".join(out) + text[at:]


def mailbox(text):
    """Name and address of a field with exactly one mailbox."""
    if not text:
        return "", ""
    match = re.fullmatch(r'(?:"((?:[^"\\]|\\.)*)"|([^"<>]*?))\s*<([^<>\s]+)>', text)
    if match:
        quoted, phrase, address = match.groups()
        name = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else decode_words(phrase)
    elif re.fullmatch(r"[^\s<>\",;:()]+", text):
        name, address = "", text
    else:
        raise Unreadable("a field has no mailbox, or several")
    if address.count("@") != 1 or re.search(r'[,;:()"\[\]\\]', address):
        raise Unreadable("an address is not plain")
    return name, address


def fields_of(message):
    """The letter's fields, unfolded, and what is there besides."""
    found, defects = {}, []
    for name, raw in message.raw_items():
        name = name.lower()
        value = str(raw).encode("ascii", "surrogateescape").decode("utf-8", "strict")
        value = re.sub(r"\r?\n(?=[ \t])", "", value).strip(" \t\r\n")
        if name in FIELDS:
            if name in found:
                defects.append(f"the field {name} is there twice")
            found[name] = value
        elif name not in FRAMING:
            defects.append(f"the field {name} is in no letter")
    return found, defects


def parts_of(message):
    """The first text, HTML and calendar part, and what is there besides."""
    found, defects, method = {}, [], ""
    for part in message.walk():
        kind = part.get_content_type()
        if part.is_multipart():
            if not kind.startswith("multipart/"):
                defects.append(f"a part is {kind}")
            continue
        charset = (part.get_content_charset() or "utf-8").lower()
        if charset not in ("utf-8", "us-ascii"):
            raise Unreadable(f"a part is written in {charset}")
        text = part.get_payload(decode=True).decode("utf-8", "strict").replace("\r\n", "\n")
        name = {"text/plain": "text", "text/html": "html", "text/calendar": "calendar"}.get(kind)
        if name and name not in found:
            found[name] = text
            if name == "calendar":
                method = (part.get_param("method") or "").upper()
        elif kind not in ("text/calendar", "application/ics") or text != found.get("calendar"):
            # A copy of the calendar part for programs that want a file is no other content.
            defects.append(f"there is a part {kind} besides the letter's")
    return found, method, defects


def angle(text, field):
    """What stands between angle brackets."""
    if not text:
        return ""
    match = re.fullmatch(r"<([^<>\s]+)>", text)
    if not match:
        raise Unreadable(f"{field} is not one value in angle brackets")
    return match[1]


class Letter:
    """One mail: `message_id`, `to`, `content_hash` (SHA-256 of the canonical form) and `defects`."""

    def __init__(self, raw):
        message = email.message_from_bytes(raw)
        try:
            fields, defects = fields_of(message)
            parts, method, more = parts_of(message)
        except UnicodeError as error:
            raise Unreadable(f"it is not UTF-8: {error}") from error
        except (AttributeError, LookupError) as error:
            raise Unreadable(f"a part cannot be decoded: {error}") from error
        from_name, sender = mailbox(fields.get("from", ""))
        reply_to_name, reply_to = mailbox(fields.get("reply-to", ""))
        to_name, self.to = mailbox(fields.get("to", ""))
        self.message_id = angle(fields.get("message-id", ""), "Message-ID")
        post = fields.get("list-unsubscribe-post", "")
        if post not in ("", "List-Unsubscribe=One-Click"):
            more.append("List-Unsubscribe-Post says something unknown")
        self.defects = defects + more
        self.canonical = canonical(
            [
                ("message-id", self.message_id),
                ("from-name", from_name),
                ("from", sender),
                ("reply-to-name", reply_to_name),
                ("reply-to", reply_to),
                ("to-name", to_name),
                ("to", self.to),
                ("subject", decode_words(fields.get("subject", ""))),
                ("text", parts.get("text", "")),
                ("html", parts.get("html", "")),
                ("calendar-method", method),
                ("calendar", parts.get("calendar", "")),
                ("unsubscribe", angle(fields.get("list-unsubscribe", ""), "List-Unsubscribe")),
                ("unsubscribe-post", "one-click" if post else ""),
            ]
        )
        self.content_hash = hashlib.sha256(self.canonical).digest()


def canonical(fields):
    """The bytes that a consent is about."""
    lines = [b"accord-letter-1\n"]
    for name, value in fields:
        value = value.encode("utf-8")
        lines.append(b"%s %d\n%s\n" % (name.encode("ascii"), len(value), value))
    return b"".join(lines)
