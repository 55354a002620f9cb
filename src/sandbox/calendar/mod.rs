//! Calendar v3: calendar lists, calendars, events.
