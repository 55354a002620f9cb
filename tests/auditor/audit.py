#!/usr/bin/env python3
"""The auditor: does every mail that was seen have its own, earlier consent?

Usage: audit.py [--tolerance MS] [--head SEQ:HASH] MAILS_DIR LEDGER.jsonl...

MAILS_DIR holds one file NAME.eml for each mail that a server took, as it travelled, and beside it NAME.json:
{"from": envelope sender, "to": [envelope recipients], "at": when it arrived, ms (may be left out)}. LEDGER.jsonl is what
`accord ledger export` prints, one file for each tenant; --head belongs to the first. Shares no code with Accord: what it
knows is docs/ledger.md.

Prints a JSON object for each finding. Its class is "violation", or "cannot_be_told" where a salt that was erased hides the
answer. Exit code 0: none. 1: some. 2: called wrongly, or a file is no export.
"""

import argparse
import json
import pathlib
import re
import sys

sys.dont_write_bytecode = True

from ledger import Ledger, NotALedger, commitment  # noqa: E402
from letter import Letter, Unreadable  # noqa: E402

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


class Mail:
    """A mail that a server took."""

    def __init__(self, path):
        self.name = path.name
        envelope = json.loads(path.with_suffix(".json").read_text("utf-8"))
        self.recipients = envelope["to"]
        self.at = envelope.get("at")
        self.letter = Letter(path.read_bytes())


class Audit:
    """All mails against all ledgers."""

    def __init__(self, tolerance):
        self.tolerance = tolerance
        self.ledgers = []
        self.used = {}  # (tenant, message) -> name of the mail
        self.message_ids = {}
        self.count = 0
        self.unknown = []

    def report(self, finding, detail, kind="violation", **where):
        self.count += 1
        print(json.dumps({"class": kind, "finding": finding, **where, "detail": detail}))

    def read(self, path, head):
        def report(finding, detail, **where):
            self.report(finding, detail, ledger=path, **where)

        with open(path, encoding="utf-8", newline="\n") as lines:
            self.ledgers.append(Ledger(lines, report, self.tolerance, head))

    def claimed(self, letter):
        """The message that the mail says it is: its Message-ID holds the message's id. Only a shortcut, and a name."""
        for uuid in UUID.findall(letter.message_id):
            for ledger in self.ledgers:
                if uuid in ledger.messages:
                    return ledger, uuid, ledger.messages[uuid]
        return None

    def committed(self, letter, message):
        """Whether a row commits to the mail's content; None when that cannot be told."""
        if message.content_salt is None:
            return None
        entries = [message.proposed, message.notice, message.approved, *(a.entry for a in message.attempts)]
        code = commitment(message.content_salt, letter.content_hash)
        return any(entry and entry["content"] == code for entry in entries)

    def find(self, mail):
        """The message that the mail is."""
        claimed = self.claimed(mail.letter)
        if claimed:
            is_it = self.committed(mail.letter, claimed[2])
            if is_it:
                return claimed
            if is_it is None:
                detail = "the salt of its content was erased: whether this is what was approved cannot be told"
                self.report("content", detail, "cannot_be_told", mail=mail.name, message=claimed[1])
                return claimed
        for ledger in self.ledgers:
            for uuid, message in ledger.messages.items():
                if self.committed(mail.letter, message):
                    return ledger, uuid, message
        if claimed:
            detail = "its content is not what the ledger has for this message"
            self.report("content_changed", detail, mail=mail.name, message=claimed[1])
            # How the message fared is still worth knowing.
            return claimed
        self.unknown.append(mail)
        return None

    def mail(self, mail):
        letter = mail.letter

        def wrong(finding, detail, kind="violation"):
            self.report(finding, detail, kind, mail=mail.name, **where)

        where = {}
        for defect in letter.defects:
            wrong("more_than_the_letter", defect)
        if mail.recipients != [letter.to]:
            wrong("other_recipient", "the envelope names other recipients than the letter")
        found = self.find(mail)
        if not found:
            return
        ledger, uuid, message = found
        where["message"] = uuid
        other = self.used.setdefault((ledger.tenant, uuid), mail.name)
        if other != mail.name:
            wrong("used_twice", f"{other} was sent for the same message")
        elif self.message_ids.setdefault(letter.message_id, mail.name) != mail.name:
            wrong("used_twice", f"{self.message_ids[letter.message_id]} has the same Message-ID")
        basis = message.notice if message.notice and not message.proposed else message.approved
        if not basis:
            wrong("no_consent", "nobody said yes to it")
        self.recipient(mail, ledger, message, wrong)
        self.handing_over(mail, message, wrong)

    def recipient(self, mail, ledger, message, wrong):
        """Whether the envelope's recipient is the one that was proposed."""
        first = message.proposed or message.notice
        if not first:
            return
        salt = ledger.recipient_salts.get(first["recipient"])
        if salt is None:
            detail = "the salt of its recipient was erased: whether this is the one that was approved cannot be told"
            wrong("recipient", detail, "cannot_be_told")
        elif any(commitment(salt, to.encode()) != first["address"] for to in mail.recipients):
            wrong("other_recipient", "the envelope names another recipient than the ledger")

    def handing_over(self, mail, message, wrong):
        """Whether an attempt was noted that may have handed it over, and at the time at which it arrived."""
        if not message.attempts:
            wrong("mail_without_sending", "no attempt to send it was noted")
            return
        attempts = [a for a in message.attempts if a.outcome in (None, "accepted", "unknown", "overtaken")]
        if not attempts:
            wrong("mail_of_a_failed_attempt", "every attempt is noted as one that delivered nothing")
            return
        if mail.at is None:
            return
        attempt = attempts[0]
        if mail.at < attempt.entry["at"] - self.tolerance:
            wrong("mail_before_sending", "it arrived before the attempt was noted")
        if attempt.ended_at is not None and mail.at > attempt.ended_at + self.tolerance:
            wrong("mail_after_result", "it arrived when the attempt had ended")
        if message.approved and mail.at > message.approved["expires_at"] + self.tolerance:
            wrong("mail_after_expiry", "it arrived when the consent had ended")
        for closing in message.closings:
            if mail.at > closing["at"] + self.tolerance:
                wrong(f"mail_after_{closing['event']}", f"row {closing['seq']} ended it before")

    def end(self):
        """Mails that no row commits to. Those of erased messages look the same, and each message was sent once at most."""
        hidden = sum(
            message.content_salt is None and bool(message.attempts) and (ledger.tenant, uuid) not in self.used
            for ledger in self.ledgers
            for uuid, message in ledger.messages.items()
        )
        for mail in self.unknown:
            if hidden > 0:
                hidden -= 1
                detail = "it may be one of the messages whose salts were erased"
                self.report("no_consent", detail, "cannot_be_told", mail=mail.name)
            else:
                self.report("no_consent", "no row of any ledger commits to it", mail=mail.name)


def head_of(text):
    seq, _, hash_ = text.partition(":")
    return int(seq), bytes.fromhex(hash_).hex()


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--tolerance", type=int, default=2000, metavar="MS", help="how far clocks may differ")
    arguments.add_argument("--head", type=head_of, metavar="SEQ:HASH", help="a head of the first ledger, noted outside")
    arguments.add_argument("mails", type=pathlib.Path, metavar="MAILS_DIR")
    arguments.add_argument("ledgers", nargs="+", metavar="LEDGER.jsonl")
    given = arguments.parse_args()
    audit = Audit(given.tolerance)
    for number, path in enumerate(given.ledgers):
        try:
            audit.read(path, given.head if number == 0 else None)
        except (NotALedger, OSError, UnicodeError) as error:
            print(f"error: {path}: {error}", file=sys.stderr)
            return 2
    if not given.mails.is_dir():
        print(f"error: {given.mails} is no folder", file=sys.stderr)
        return 2
    for path in sorted(given.mails.glob("*.eml")):
        try:
            audit.mail(Mail(path))
        except (Unreadable, OSError, ValueError, KeyError, TypeError) as error:
            audit.report("unreadable_mail", str(error), mail=path.name)
    audit.end()
    return 1 if audit.count else 0


if __name__ == "__main__":
    sys.exit(main())
