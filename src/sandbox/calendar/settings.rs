//! The user's settings and the colour palettes: read-only here.
use super::Ctx;
use super::errors::{Answer, Refusal, ok};
use super::paging;
use super::state::{Object, State};
use super::tokens::{self, SyncToken};
use serde_json::{Value, json};

impl State {
    fn settings(&self, user: &str) -> Vec<(&'static str, String)> {
        let zone = self.users.get(user).map(|user| user.time_zone.clone());
        [
            ("autoAddHangouts", "false"),
            ("dateFieldOrder", "DMY"),
            ("defaultEventLength", "60"),
            ("format24HourTime", "true"),
            ("hideInvitations", "false"),
            ("locale", "en"),
            ("weekStart", "1"),
        ]
        .into_iter()
        .map(|(id, value)| (id, value.to_owned()))
        .chain([("timezone", zone.unwrap_or_default())])
        .collect()
    }

    /// `settings.list`. Settings never change here, so a delta is always empty.
    pub(super) fn list_settings(&mut self, ctx: &Ctx<'_>) -> Answer {
        let since = paging::sync_token(&ctx.params, "settings", &ctx.user, 0, 0)?;
        let items: Vec<Value> = match since {
            Some(_) => Vec::new(),
            None => self.settings(&ctx.user).iter().map(setting).collect(),
        };
        let token = SyncToken {
            stream: "settings".into(),
            user: ctx.user.clone(),
            epoch: 0,
            position: 0,
            shape: String::new(),
            window: (None, None),
        };
        ok(json!({
            "kind": "calendar#settings",
            "etag": paging::collection_etag(1),
            "nextSyncToken": tokens::seal(&token),
            "items": items,
        }))
    }

    /// `settings.get`.
    pub(super) fn get_setting(&mut self, ctx: &Ctx<'_>) -> Answer {
        let settings = self.settings(&ctx.user);
        let found = settings.iter().find(|(id, _)| *id == ctx.segment(3));
        ok(setting(found.ok_or_else(Refusal::not_found)?))
    }
}

fn setting((id, value): &(&'static str, String)) -> Value {
    json!({"kind": "calendar#setting", "etag": "\"1\"", "id": id, "value": value})
}

/// `colors.get`: palettes "1".."11" for events and "1".."24" for calendars; the shades are made up.
pub fn colors() -> Answer {
    let palette = |count: u32| -> Object {
        (1..=count)
            .map(|id| {
                let background = format!("#{:06x}", id * 0x0a_15_2f % 0xff_ffff);
                let shade = json!({"background": background, "foreground": "#1d1d1d"});
                (id.to_string(), shade)
            })
            .collect()
    };
    ok(json!({
        "kind": "calendar#colors",
        "updated": "2012-02-14T00:00:00.000Z",
        "calendar": palette(24),
        "event": palette(11),
    }))
}
