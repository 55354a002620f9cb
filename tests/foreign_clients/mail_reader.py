"""Reads mails as other programs do: Python's email package and, for the calendar part, Home Assistant's ical library.

Gets raw messages as a JSON list of base64 texts; prints what it read as a JSON list. Anything that one of the libraries
finds wrong ends it with a traceback.
"""

import base64
import email
import email.policy
import json
import sys

from ical.calendar_stream import IcsCalendarStream


def mailbox(header):
    if header is None:
        return None
    (address,) = header.addresses
    return {"name": address.display_name, "address": address.addr_spec}


def when(value):
    return value.isoformat()


def read(raw):
    message = email.message_from_bytes(raw, policy=email.policy.SMTPUTF8)
    leaves = [part for part in message.walk() if not part.is_multipart()]
    for part in message.walk():
        assert not part.defects, part.defects
    texts = [part.get_payload(decode=True).decode("utf-8") for part in leaves]
    found = {
        "from": mailbox(message["From"]),
        "to": mailbox(message["To"]),
        "reply_to": mailbox(message["Reply-To"]),
        "subject": str(message["Subject"]),
        "message_id": str(message["Message-ID"]),
        "unsubscribe": message["List-Unsubscribe"],
        "kinds": [part.get_content_type() for part in leaves],
        "texts": texts,
    }
    if len(leaves) > 2:
        calendar = IcsCalendarStream.calendar_from_ics(texts[2])
        (event,) = calendar.events
        found["method"] = leaves[2].get_param("method")
        found["event"] = {
            "uid": event.uid,
            "sequence": event.sequence,
            "summary": event.summary,
            "location": event.location,
            "start": when(event.dtstart),
            "end": when(event.dtend),
            "organizer": [event.organizer.common_name, str(event.organizer.uri)],
            "attendees": [[attendee.common_name, str(attendee.uri)] for attendee in event.attendees],
            "starts": [when(occurrence.dtstart) for occurrence in calendar.timeline][:40],
        }
    return found


json.dump([read(base64.b64decode(text)) for text in json.load(sys.stdin)], sys.stdout)
