"""gcal_sync, Home Assistant's calendar library, against the sandbox: it keeps a copy by sync tokens, as Accord does."""
import asyncio
import datetime
import os
from zoneinfo import ZoneInfo

import aiohttp
from gcal_sync.api import GoogleCalendarService, ListEventsRequest, LocalListEventsRequest
from gcal_sync.auth import AbstractAuth
from gcal_sync.exceptions import ApiException
from gcal_sync.model import DateOrDatetime, Event
from gcal_sync.store import InMemoryCalendarStore
from gcal_sync.sync import CalendarEventSyncManager, CalendarListSyncManager

SANDBOX = os.environ["SANDBOX"]
ANA = os.environ["USER_EMAIL"]
MADRID = ZoneInfo("Europe/Madrid")


class Auth(AbstractAuth):
    """Trades the refresh token for a fresh access token every time."""

    def __init__(self, session):
        super().__init__(session, f"{SANDBOX}/calendar/v3")
        self.session = session

    async def async_get_access_token(self):
        form = {
            "grant_type": "refresh_token",
            "refresh_token": os.environ["REFRESH_TOKEN"],
            "client_id": os.environ["CLIENT_ID"],
            "client_secret": os.environ["CLIENT_SECRET"],
        }
        async with self.session.post(f"{SANDBOX}/token", data=form) as answer:
            answer.raise_for_status()
            return (await answer.json())["access_token"]


def at(day, hour):
    # A series needs the zone by name; an offset is not enough.
    return DateOrDatetime(date_time=datetime.datetime(2026, 3, day, hour), timezone="Europe/Madrid")


async def main():
    async with aiohttp.ClientSession() as session:

        async def switch(command, body):
            async with session.post(f"{SANDBOX}/_sandbox/{command}", json=body) as answer:
                answer.raise_for_status()

        async def person(method, path, body=None):
            """What Ana does in her own calendar."""
            headers = {"authorization": f"Bearer person:{ANA}"}
            url = f"{SANDBOX}/calendar/v3/calendars/primary/events{path}"
            async with session.request(method, url, json=body, headers=headers) as answer:
                answer.raise_for_status()
                return await answer.json() if answer.status != 204 else None

        service = GoogleCalendarService(Auth(session))
        store = InMemoryCalendarStore()
        manager = CalendarEventSyncManager(service, calendar_id=ANA, store=store)
        local = manager.store_service

        async def titles(first=1, last=31):
            start = datetime.datetime(2026, 3, first, tzinfo=MADRID)
            end = datetime.datetime(2026, 3, last, tzinfo=MADRID)
            answer = await local.async_list_events(LocalListEventsRequest(start_time=start, end_time=end))
            return [event.summary for event in answer.events]

        # The list of calendars, in full and by sync token.
        lists = CalendarListSyncManager(service, store)
        for _ in range(2):
            await lists.run()
            found = await lists.store_service.async_list_calendars()
            assert [calendar.id for calendar in found.calendars] == [ANA], found

        # An empty calendar, then what others put into it; small pages make it turn them.
        await manager.run()
        assert await titles() == []
        await switch("calendar/paging", {"page_size": 2})
        for day, title in ((4, "Dentist"), (5, "Lunch"), (6, "Call")):
            when = {"dateTime": f"2026-03-{day:02}T10:00:00", "timeZone": "Europe/Madrid"}
            until = {"dateTime": f"2026-03-{day:02}T11:00:00", "timeZone": "Europe/Madrid"}
            await person("POST", "", {"summary": title, "start": when, "end": until})
        await person("POST", "", {"summary": "Holiday", "start": {"date": "2026-03-07"}, "end": {"date": "2026-03-08"}})
        await manager.run()
        assert await titles() == ["Dentist", "Lunch", "Call", "Holiday"], await titles()

        # What it writes itself comes back with the next delta.
        await local.async_add_event(Event(summary="Own", start=at(9, 9), end=at(9, 10)))
        weekly = Event(summary="Weekly", start=at(10, 9), end=at(10, 10), recurrence=["RRULE:FREQ=WEEKLY;COUNT=3"])
        await local.async_add_event(weekly)
        await manager.run()
        assert await titles(9) == ["Own", "Weekly", "Weekly", "Weekly"], await titles(9)
        timeline = await local.async_get_timeline()
        occurrences = [event for event in timeline if event.summary == "Weekly"]
        await local.async_delete_event(occurrences[1].ical_uuid, occurrences[1].id)
        own = next(event for event in timeline if event.summary == "Own")
        await local.async_delete_event(own.ical_uuid)
        await manager.run()
        assert await titles(9) == ["Weekly", "Weekly"], await titles(9)

        # The token ends: everything is read again, and what went meanwhile is gone.
        lunch = next(event for event in timeline if event.summary == "Lunch")
        await person("DELETE", f"/{lunch.id}")
        await switch("calendar/expire_sync_tokens", {"calendar": ANA})
        await manager.run()
        assert await titles() == ["Dentist", "Call", "Holiday", "Weekly", "Weekly"], await titles()
        async with session.get(f"{SANDBOX}/_sandbox/requests?after=0") as answer:
            assert 410 in [request["status"] for request in await answer.json()], "the token did not end"

        # Straight from the service: occurrences expanded by the server, page after page; one event; a refusal.
        start = datetime.datetime(2026, 3, 1, tzinfo=MADRID)
        request = ListEventsRequest(calendar_id=ANA, start_time=start, end_time=start + datetime.timedelta(days=30))
        pages = [[event.summary for event in page.items] async for page in await service.async_list_events(request)]
        assert len(pages) > 1 and len(sum(pages, [])) == 5, pages
        dentist = next(event for event in timeline if event.summary == "Dentist")
        assert (await service.async_get_event(ANA, dentist.id)).summary == "Dentist"
        try:
            await service.async_get_event(ANA, "nosuchevent")
            raise AssertionError("an unknown event was found")
        except ApiException as error:
            assert "404" in str(error), error


asyncio.run(main())
