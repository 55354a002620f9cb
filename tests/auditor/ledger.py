"""An exported ledger: its chain, its commitments, and the rules that its rows must keep among themselves.

Written from docs/ledger.md alone.
"""

import hashlib
import hmac
import json
import struct

CLOSING = {"declined", "withdrawn", "superseded", "expired"}
EVENTS = CLOSING | {
    "proposed",
    "prompted",
    "approved",
    "sending",
    "result",
    "overtaken",
    "notice",
    "suppressed",
    "suppression_lifted",
    "paused",
    "resumed",
}
NOTICES = {"consent_request", "reconnect_google", "admin_digest", "test"}
# After these an attempt has certainly not delivered anything, and there may be another one.
NOT_DELIVERED = {"deferred", "unable"}


class NotALedger(Exception):
    """The file is no whole export."""


def commitment(salt, value):
    """HMAC-SHA-256 under the salt, over the length of the value as 8 bytes big endian and the value."""
    return hmac.new(salt, struct.pack(">Q", len(value)) + value, hashlib.sha256).hexdigest()


def parsed(line):
    """JSON in which no member is there twice."""

    def members(pairs):
        found = dict(pairs)
        if len(found) != len(pairs):
            raise ValueError("a member is there twice")
        return found

    value = json.loads(line, object_pairs_hook=members)
    if not isinstance(value, dict):
        raise ValueError("it is no object")
    return value


class Attempt:
    """One handing over: its row, how it ended (None while that is not known) and whether a result of it is there."""

    def __init__(self, entry):
        self.entry = entry
        self.outcome = None
        self.is_told = False
        self.ended_at = None


class Message:
    """Everything that the ledger says of one mail, in order."""

    def __init__(self):
        self.proposed = self.approved = self.notice = self.content_salt = None
        self.closings = []
        self.attempts = []


class Ledger:
    """A ledger that was read, and what was found while reading (`report(finding, detail, **where)`).

    `tolerance`: ms that may pass between looking at the clock and writing a row.
    """

    def __init__(self, lines, report, tolerance, head=None):
        self.messages = {}
        self.recipient_salts = {}  # commitment to a recipient's key -> salt
        self.suppressed = {}  # commitment -> row
        self.paused = {}  # user -> row
        self.report = report
        self.tolerance = tolerance
        self.outside = head
        lines = (line for line in lines if line.strip())
        try:
            header = parsed(next(lines))
        except (StopIteration, ValueError) as error:
            raise NotALedger("it does not begin with a header") from error
        if header.get("format") != "accord-ledger-1":
            raise NotALedger("its format is not accord-ledger-1")
        if header.get("from") != 1:
            raise NotALedger("it does not begin with row 1: export it without --from")
        self.tenant = header.get("tenant")
        self.seq, self.hash = 0, hashlib.sha256(f"accord-ledger-1 {self.tenant}".encode()).digest()
        self.compare_with_outside()
        for line in lines:
            try:
                self.line(parsed(line))
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                report("chain", f"a line after row {self.seq} cannot be read: {error}", row=self.seq)
        if header.get("head") != {"seq": self.seq, "hash": self.hash.hex()}:
            report("chain", "the head in the header is not the last row: rows or head were changed", row=self.seq)
        if head and head[0] > self.seq:
            report("chain", f"row {head[0]} was noted outside, and the ledger ends before it", row=self.seq)

    def compare_with_outside(self):
        if self.outside and self.outside[0] == self.seq and self.outside[1] != self.hash.hex():
            self.report("chain", "the row has another hash than was noted outside", row=self.seq)

    def line(self, line):
        if "salt" in line:
            owner, _, name = line["salt"].partition(":")
            salt = bytes.fromhex(line["value"])
            if owner == "recipient":
                self.recipient_salts[commitment(salt, bytes.fromhex(name))] = salt
            elif owner == "message" and name in self.messages:
                self.messages[name].content_salt = salt
            return
        seq, text = line["seq"], line["entry"]
        if seq != self.seq + 1:
            self.report("chain", f"row {self.seq + 1} should come here, not row {seq}", row=seq)
        # After a gap nobody knows what the row followed; the gap was told.
        elif hashlib.sha256(self.hash + text.encode()).hexdigest() != line["hash"]:
            self.report("chain", "the hash does not follow from the row before and the entry", row=seq)
        self.seq, self.hash = seq, bytes.fromhex(line["hash"])
        self.compare_with_outside()
        entry = parsed(text)
        if entry["seq"] != seq or entry["at"] != line["at"]:
            self.report("chain", "number or time of the row are not those of its entry", row=seq)
        if entry["event"] not in EVENTS:
            self.report("unknown_event", f"nobody knows what {entry['event']} allows", row=seq)
            return
        self.event(entry)

    def event(self, entry):
        """The rules that rows keep among themselves, whether a mail was seen or not."""
        event, seq = entry["event"], entry["seq"]
        if event == "paused":
            self.paused[entry["user"]] = seq
        elif event == "resumed":
            self.paused.pop(entry["user"], None)
        elif event == "suppressed":
            self.suppressed[entry["recipient"]] = seq
        elif event == "suppression_lifted":
            self.suppressed.pop(entry["recipient"], None)
        else:
            self.of_message(entry, self.messages.setdefault(entry["message"], Message()))

    def of_message(self, entry, message):
        event = entry["event"]

        def wrong(finding, detail):
            self.report(finding, detail, row=entry["seq"], message=entry["message"])

        if event in ("proposed", "notice"):
            if message.proposed or message.notice:
                wrong("proposed_twice", "the message was there already")
            if event == "notice" and entry["kind"] not in NOTICES:
                wrong("unknown_notice", f"{entry['kind']} is no kind of mail that needs no consent")
            setattr(message, event, entry)
        elif event == "approved":
            self.approve(entry, message, wrong)
        elif event in CLOSING:
            message.closings.append(entry)
        elif event == "sending":
            (self.send_customer if entry["class"] == "customer" else self.send_notice)(entry, message, wrong)
            last = message.attempts[-1] if message.attempts else None
            if last and last.outcome not in NOT_DELIVERED:
                wrong("sent_again", f"the attempt before ended as {last.outcome or 'nobody knows'}")
            message.attempts.append(Attempt(entry))
        elif event in ("result", "overtaken"):
            last = message.attempts[-1] if message.attempts else None
            # A worker that was taken for dead may still learn its result; the attempt stays one that may have delivered.
            is_late = last and last.outcome == "overtaken" and event == "result" and not last.is_told
            if not last or (last.outcome and not is_late) or last.entry["attempt"] != entry["attempt"]:
                wrong("result_without_sending", "no such attempt was in hand")
                return
            last.outcome = last.outcome or entry.get("result", "overtaken")
            last.is_told, last.ended_at = event == "result", entry["at"]

    def approve(self, entry, message, wrong):
        if message.approved:
            wrong("approved_twice", "one message has one consent")
            return
        message.approved = entry
        if not message.proposed:
            wrong("approved_unproposed", "nothing was proposed")
            return
        if entry["user"] != message.proposed["user"]:
            wrong("consent_of_another_user", "the user who said yes is not the one who was asked")
        if entry["content"] != message.proposed["content"]:
            wrong("consent_to_other_content", "the yes is to another content than was proposed")
        if message.closings:
            wrong("approved_closed", f"the message was {message.closings[0]['event']} already")
        if entry["at"] > entry["expires_at"] + self.tolerance:
            wrong("approved_expired", "the yes came when it was worth nothing any more")
        if entry["how"] not in ("mailbox", "sign_in", "app_asserted"):
            wrong("unknown_way", f"nobody can say yes by {entry['how']}")
        if (entry["how"] == "app_asserted") != ("key" in entry):
            wrong("unknown_way", "a yes that an app asserts names its key, and no other does")

    def send_customer(self, entry, message, wrong):
        if message.notice:
            wrong("sending_without_consent", "a notice is handed over as mail to a customer")
        if not message.approved or not message.proposed:
            wrong("sending_without_consent", "nobody said yes before")
            return
        same = all(entry[name] == message.proposed[name] for name in ("recipient", "address", "content"))
        if not same or entry["content"] != message.approved["content"]:
            wrong("sending_differs", "recipient or content are not those of the consent")
        if entry["at"] > message.approved["expires_at"] + self.tolerance:
            wrong("sending_after_expiry", "the consent had ended")
        for closing in message.closings:
            wrong(f"sending_after_{closing['event']}", f"row {closing['seq']} ended it")
        if entry["recipient"] in self.suppressed:
            wrong("sending_while_suppressed", f"row {self.suppressed[entry['recipient']]} forbids it")
        if message.proposed["user"] in self.paused:
            wrong("sending_while_paused", f"row {self.paused[message.proposed['user']]} forbids it")

    def send_notice(self, entry, message, wrong):
        if entry["class"] != "notice" or not message.notice:
            wrong("sending_without_consent", "neither a consent nor a notice was noted before")
            return
        if any(entry[name] != message.notice[name] for name in ("recipient", "address", "content")):
            wrong("sending_differs", "recipient or content are not those of the notice")
        for closing in message.closings:
            wrong(f"sending_after_{closing['event']}", f"row {closing['seq']} ended it")
