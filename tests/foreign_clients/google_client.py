"""Google's own client against the sandbox: what it sends must be taken, and what comes back must be what it expects."""
import json
import os

from google.oauth2.credentials import Credentials
from googleapiclient.discovery import build_from_document
from googleapiclient.discovery_cache import get_static_doc
from googleapiclient.errors import HttpError
from httplib2 import Http

SANDBOX = os.environ["SANDBOX"]
ANA = os.environ["USER_EMAIL"]


def switch(command, body):
    """Posts a command of the sandbox's own."""
    headers = {"content-type": "application/json"}
    response, content = Http().request(f"{SANDBOX}/_sandbox/{command}", "POST", json.dumps(body), headers)
    assert response.status < 300, content


def refused(request, status, reason):
    """Runs a request that must be refused, and shows how the client understood the refusal."""
    try:
        request.execute()
    except HttpError as error:
        assert error.status_code == status, f"{error.status_code} instead of {status}: {error}"
        reasons = [detail["reason"] for detail in error.error_details]
        assert reasons == [reason], f"{reasons} instead of {reason}"
        assert error.reason, "a refusal has words"
        return error
    raise AssertionError(f"{request.method} {request.uri} was not refused")


def timed(summary, day, **more):
    zone = "Europe/Madrid"
    return {
        "summary": summary,
        "start": {"dateTime": f"2026-03-{day:02}T10:00:00", "timeZone": zone},
        "end": {"dateTime": f"2026-03-{day:02}T11:00:00", "timeZone": zone},
        **more,
    }


# The client's own copy of the discovery document, with nothing changed but where the service is.
document = json.loads(get_static_doc("calendar", "v3"))
document["rootUrl"] = f"{SANDBOX}/"
credentials = Credentials(
    token=None,
    refresh_token=os.environ["REFRESH_TOKEN"],
    token_uri=f"{SANDBOX}/token",
    client_id=os.environ["CLIENT_ID"],
    client_secret=os.environ["CLIENT_SECRET"],
)
service = build_from_document(document, credentials=credentials)
events = service.events()

# The first request refreshes; an access token that ends early is refreshed again.
calendars = service.calendarList().list().execute()
assert [entry["id"] for entry in calendars["items"]] == [ANA], calendars
assert calendars["items"][0]["accessRole"] == "owner" and calendars["items"][0]["primary"] is True
first_token = credentials.token
assert first_token and credentials.expiry, "no access token came of the refresh"
switch("tokens/expire_access", {"email": ANA})
assert service.calendars().get(calendarId="primary").execute()["id"] == ANA
assert credentials.token != first_token, "the ended token was not refreshed"

# Insert, get, patch, update, delete, with etags.
made = events.insert(calendarId="primary", body=timed("Dentist", 4, location="Ground floor")).execute()
assert made["kind"] == "calendar#event" and made["status"] == "confirmed" and made["sequence"] == 0, made
event = {"calendarId": "primary", "eventId": made["id"]}
assert events.get(**event).execute() == made
unchanged = events.get(**event)
unchanged.headers["If-None-Match"] = made["etag"]
try:
    unchanged.execute()
    raise AssertionError("If-None-Match with the current etag is 304")
except HttpError as error:
    assert error.status_code == 304, error

patch = events.patch(**event, body={"summary": "Dentist, moved"})
patch.headers["If-Match"] = made["etag"]
patched = patch.execute()
assert patched["summary"] == "Dentist, moved" and patched["location"] == "Ground floor", patched
assert patched["etag"] != made["etag"]

late = events.patch(**event, body={"summary": "Too late"})
late.headers["If-Match"] = made["etag"]
refused(late, 412, "conditionNotMet")

body = timed("Dentist, replaced", 4)
update = events.update(**event, body=body)
update.headers["If-Match"] = patched["etag"]
updated = update.execute()
assert updated["summary"] == "Dentist, replaced" and "location" not in updated, updated

delete = events.delete(**event, sendUpdates="none")
delete.headers["If-Match"] = updated["etag"]
assert delete.execute() == ""
assert events.get(**event).execute()["status"] == "cancelled"
refused(events.delete(**event), 410, "deleted")

# Refusals are understood, words and all.
refused(events.get(calendarId="primary", eventId="nosuchevent"), 404, "notFound")
refused(events.list(calendarId="nobody@example.com"), 404, "notFound")
refused(events.insert(calendarId="primary", body={"summary": "When?"}), 400, "required")
taken = timed("Mine", 5, id="chosenhere0001")
events.insert(calendarId="primary", body=taken).execute()
refused(events.insert(calendarId="primary", body=taken), 409, "duplicate")

# Pages, then deltas.
for number in range(7):
    events.insert(calendarId="primary", body=timed(f"Page {number}", 6 + number)).execute()


def pages(request):
    found, answer, count = {}, None, 0
    while request is not None:
        answer = request.execute()
        count += 1
        found.update((item["id"], item) for item in answer["items"])
        request = events.list_next(request, answer)
    assert "nextSyncToken" in answer, answer
    return found, answer["nextSyncToken"], count


everything, token, count = pages(events.list(calendarId="primary", maxResults=3))
assert count == 3 and len(everything) == 8, (count, sorted(everything))
assert made["id"] not in everything, "a full list shows no deleted event"
nothing, token, _ = pages(events.list(calendarId="primary", syncToken=token))
assert nothing == {}, nothing
gone = next(id for id, item in everything.items() if item["summary"] == "Page 0")
events.delete(calendarId="primary", eventId=gone).execute()
extra = events.insert(calendarId="primary", body=timed("Extra", 20)).execute()
delta, token, _ = pages(events.list(calendarId="primary", syncToken=token, maxResults=1))
assert {id: item["status"] for id, item in delta.items()} == {gone: "cancelled", extra["id"]: "confirmed"}, delta
switch("calendar/expire_sync_tokens", {"calendar": ANA})
refused(events.list(calendarId="primary", syncToken=token), 410, "fullSyncRequired")
everything, token, _ = pages(events.list(calendarId="primary"))
assert extra["id"] in everything and gone not in everything

# A series, its instances, one of them changed and one cancelled.
series = events.insert(
    calendarId="primary", body=timed("Weekly", 3, recurrence=["RRULE:FREQ=WEEKLY;COUNT=5"])
).execute()
occurrences = {"calendarId": "primary", "eventId": series["id"]}
found = events.instances(**occurrences).execute()["items"]
assert len(found) == 5 and all(item["recurringEventId"] == series["id"] for item in found), found
# The clocks of Madrid go forward on 29 March 2026.
assert [item["start"]["dateTime"][-6:] for item in found] == ["+01:00"] * 4 + ["+02:00"], found
events.patch(calendarId="primary", eventId=found[1]["id"], body={"summary": "Weekly, but longer"}).execute()
events.delete(calendarId="primary", eventId=found[2]["id"]).execute()
titles = [item["summary"] for item in events.instances(**occurrences).execute()["items"]]
assert titles == ["Weekly", "Weekly, but longer", "Weekly", "Weekly"], titles
window = dict(timeMin="2026-03-10T00:00:00Z", timeMax="2026-03-11T00:00:00Z", singleEvents=True, orderBy="startTime")
expanded = events.list(calendarId="primary", **window).execute()["items"]
assert "Weekly, but longer" in [item["summary"] for item in expanded], expanded
delta, token, _ = pages(events.list(calendarId="primary", syncToken=token))
assert set(delta) == {series["id"], found[1]["id"], found[2]["id"]}, sorted(delta)
assert delta[found[2]["id"]]["originalStartTime"]["dateTime"], delta

# A batch: each part has its own answer, and a bad one spoils no other.
answers = {}
batch = service.new_batch_http_request(callback=lambda id, answer, error: answers.update({id: (answer, error)}))
batch.add(events.get(calendarId="primary", eventId=extra["id"]), request_id="get")
batch.add(events.insert(calendarId="primary", body=timed("Batched: ñ, €", 21)), request_id="insert")
batch.add(events.get(calendarId="primary", eventId="nosuchevent"), request_id="missing")
batch.add(events.delete(calendarId="primary", eventId=extra["id"]), request_id="delete")
batch.execute()
assert set(answers) == {"get", "insert", "missing", "delete"}, answers
for id in ("get", "insert", "delete"):
    assert answers[id][1] is None, answers[id]
assert answers["insert"][0]["summary"] == "Batched: ñ, €", answers["insert"]
assert isinstance(answers["missing"][1], HttpError) and answers["missing"][1].status_code == 404, answers["missing"]
# A batch whose access token has ended: the client refreshes and sends the refused parts again.
switch("tokens/expire_access", {"email": ANA})
answers.clear()
batch = service.new_batch_http_request(callback=lambda id, answer, error: answers.update({id: (answer, error)}))
batch.add(events.get(calendarId="primary", eventId=series["id"]), request_id="again")
batch.execute()
assert answers["again"][1] is None and answers["again"][0]["summary"] == "Weekly", answers

# What else the document names.
assert service.settings().get(setting="timezone").execute()["value"] == "Europe/Madrid"
assert "calendar" in service.colors().get().execute()
query = {"timeMin": "2026-03-03T00:00:00Z", "timeMax": "2026-03-04T00:00:00Z", "items": [{"id": ANA}]}
busy = service.freebusy().query(body=query).execute()["calendars"][ANA]["busy"]
assert len(busy) == 1, busy
other = service.calendars().insert(body={"summary": "Team", "timeZone": "Europe/Prague"}).execute()
assert other["summary"] == "Team" and service.calendarList().get(calendarId=other["id"]).execute()["accessRole"] == "owner"
moved = events.insert(calendarId="primary", body=timed("Moving", 22)).execute()
events.move(calendarId="primary", eventId=moved["id"], destination=other["id"]).execute()
assert events.get(calendarId=other["id"], eventId=moved["id"]).execute()["summary"] == "Moving"
service.calendars().delete(calendarId=other["id"]).execute()
