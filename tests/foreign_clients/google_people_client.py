"""Google's own client on the sandbox's People API: what it sends must be taken, and what comes back must be what it expects."""
import json
import os

from google.oauth2.credentials import Credentials
from googleapiclient.discovery import build_from_document
from googleapiclient.discovery_cache import get_static_doc
from googleapiclient.errors import HttpError
from httplib2 import Http

SANDBOX = os.environ["SANDBOX"]
ANA = os.environ["USER_EMAIL"]
FIELDS = "clientData,emailAddresses,memberships,metadata,names,phoneNumbers"


def switch(command, body):
    """Posts a command of the sandbox's own."""
    headers = {"content-type": "application/json"}
    response, content = Http().request(f"{SANDBOX}/_sandbox/{command}", "POST", json.dumps(body), headers)
    assert response.status < 300, content
    return json.loads(content) if content else None


def refused(request, http, status):
    """Runs a request that must be refused, and gives the error as Google's envelope has it."""
    try:
        request.execute()
    except HttpError as error:
        body = json.loads(error.content)["error"]
        assert (error.status_code, body["status"]) == (http, status), f"{http} {status} expected: {error}"
        assert error.reason == body["message"], "the client understands the words"
        return body
    raise AssertionError(f"{request.method} {request.uri} was not refused")


# The client's own copy of the discovery document, with nothing changed but where the service is.
document = json.loads(get_static_doc("people", "v1"))
document["rootUrl"] = f"{SANDBOX}/"
credentials = Credentials(
    token=None,
    refresh_token=os.environ["REFRESH_TOKEN"],
    token_uri=f"{SANDBOX}/token",
    client_id=os.environ["CLIENT_ID"],
    client_secret=os.environ["CLIENT_SECRET"],
)
service = build_from_document(document, credentials=credentials)
people, groups = service.people(), service.contactGroups()
# What a script does in a second, people do in minutes.
switch("switches", {"people_quota": {"critical_reads": 1000, "critical_writes": 1000, "writes": 1000}})


def pages(**changes):
    """All pages of a list: the persons by resource name, and the sync token."""
    query = dict(resourceName="people/me", personFields=FIELDS, requestSyncToken=True, pageSize=3, **changes)
    request, found = people.connections().list(**query), {}
    while request is not None:
        answer = request.execute()
        found.update((person["resourceName"], person) for person in answer.get("connections", []))
        request = people.connections().list_next(request, answer)
    return found, answer["nextSyncToken"]


# Create, get, update; the etag of each answer is good for the next update.
nobody, token = pages()
assert nobody == {}, nobody
eva = people.createContact(
    body={
        "names": [{"givenName": "Eva", "familyName": "Ruiz"}],
        "emailAddresses": [{"value": "eva@example.org", "type": "work"}],
        "phoneNumbers": [{"value": "666 12 34 90", "type": "mobile"}],
        "clientData": [{"key": "test", "value": "1"}],
    },
    personFields=FIELDS,
).execute()
assert eva["names"][0]["displayNameLastFirst"] == "Ruiz, Eva", eva
assert eva["phoneNumbers"][0]["canonicalForm"] == "+34666123490", eva
name = eva["resourceName"]
assert people.get(resourceName=name, personFields=FIELDS).execute() == eva
update = dict(resourceName=name, updatePersonFields="emailAddresses", personFields=FIELDS)
changed = {"etag": eva["etag"], "emailAddresses": [{"value": "eva@example.org"}, {"value": "e@example.org"}]}
updated = people.updateContact(**update, body=changed).execute()
assert [email["value"] for email in updated["emailAddresses"]] == ["eva@example.org", "e@example.org"], updated
assert updated["names"] == eva["names"] and updated["clientData"] == eva["clientData"], updated
refused(people.updateContact(**update, body=changed), 400, "FAILED_PRECONDITION")
updated["emailAddresses"].pop()
updated = people.updateContact(**update, body=updated).execute()
assert len(updated["emailAddresses"]) == 1, updated

# Refusals are understood, words and all.
refused(people.get(resourceName="people/c1", personFields="names"), 404, "NOT_FOUND")
refused(people.get(resourceName=name), 400, "INVALID_ARGUMENT")
refused(people.createContact(body={"nickname": "E"}), 400, "INVALID_ARGUMENT")
refused(people.createContact(body={"names": [{"givenName": "A"}, {"givenName": "B"}]}), 400, "INVALID_ARGUMENT")
refused(service.otherContacts().list(readMask="names"), 403, "PERMISSION_DENIED")

# Batches.
made = people.batchCreateContacts(
    body={
        "contacts": [{"contactPerson": {"names": [{"givenName": f"Batch {number}"}]}} for number in range(7)],
        "readMask": FIELDS,
    }
).execute()
batch = [response["person"] for response in made["createdPeople"]]
assert len(batch) == 7 and all(response["httpStatusCode"] == 200 for response in made["createdPeople"])
got = people.getBatchGet(resourceNames=[batch[0]["resourceName"], "people/c1"], personFields="names").execute()
assert [response.get("person", {}).get("names") is not None for response in got["responses"]] == [True, False], got
renamed = people.batchUpdateContacts(
    body={
        "contacts": {person["resourceName"]: {**person, "names": [{"givenName": "Renamed"}]} for person in batch[:2]},
        "updateMask": "names",
        "readMask": "names",
    }
).execute()
assert {result["person"]["names"][0]["givenName"] for result in renamed["updateResult"].values()} == {"Renamed"}
stale = {person["resourceName"]: person for person in batch[:3]}
error = refused(
    people.batchUpdateContacts(body={"contacts": stale, "updateMask": "names", "readMask": ""}), 400, "FAILED_PRECONDITION"
)
assert set(error["details"][0]["contactErrors"]) == {person["resourceName"] for person in batch[:2]}, error

# Deltas, deletions, the end of a token.
delta, token = pages(syncToken=token)
assert len(delta) == 8 and name in delta, sorted(delta)
people.deleteContact(resourceName=batch[0]["resourceName"]).execute()
people.batchDeleteContacts(body={"resourceNames": [person["resourceName"] for person in batch[1:4]]}).execute()
delta, token = pages(syncToken=token)
assert set(delta) == {person["resourceName"] for person in batch[:4]}, sorted(delta)
assert all(person["metadata"]["deleted"] is True for person in delta.values()), delta
delta, token = pages(syncToken=token)
assert delta == {}, delta
everybody, _ = pages()
assert len(everybody) == 4, sorted(everybody)
refused(people.deleteContact(resourceName=batch[0]["resourceName"]), 404, "NOT_FOUND")
switch("clock", {"advance_ms": 7 * 24 * 3600 * 1000})
query = dict(resourceName="people/me", personFields=FIELDS, requestSyncToken=True, pageSize=3)
error = refused(people.connections().list(**query, syncToken=token), 400, "FAILED_PRECONDITION")
assert error["details"][0]["reason"] == "EXPIRED_SYNC_TOKEN", error

# Groups.
team = groups.create(body={"contactGroup": {"name": "Team"}}).execute()
refused(groups.create(body={"contactGroup": {"name": "Team"}}), 409, "ALREADY_EXISTS")
modify = dict(resourceName=team["resourceName"], body={"resourceNamesToAdd": [name, "people/c1"]})
assert groups.members().modify(**modify).execute() == {"notFoundResourceNames": ["people/c1"]}
members = groups.get(resourceName=team["resourceName"], maxMembers=10).execute()["memberResourceNames"]
assert members == [name], members
team = groups.update(
    resourceName=team["resourceName"], body={"contactGroup": {"name": "Crew", "etag": team["etag"]}}
).execute()
assert "Crew" in [group["name"] for group in groups.list().execute()["contactGroups"]]
groups.delete(resourceName=team["resourceName"]).execute()
refused(groups.get(resourceName=team["resourceName"]), 404, "NOT_FOUND")
assert people.get(resourceName=name, personFields="names").execute()["resourceName"] == name

# An access token that ended: the client refreshes by itself.
switch("tokens/expire_access", {"email": ANA})
assert people.get(resourceName="people/me", personFields="emailAddresses").execute()["emailAddresses"][0]["value"] == ANA
