//! What becomes of an item that one side or both have removed.
use super::forms::{as_booking, edited_locally, edited_remotely, live_form};
use super::live::both_live;
use super::{Base, Decision, Field, FieldConflict, Local, LocalStep, RemoteForm, RemoteStep, Rules, Waiting, act};
use crate::domain::booking::{Content, Side, Status};
use crate::domain::event::EventContent;
use crate::domain::policy::Inbound;
use serde_json::json;

/// The agreement that the event is gone.
fn gone(base: &Base, local: Content) -> Base {
    Base {
        local: Content {
            status: Status::Cancelled,
            ..local
        },
        remote: RemoteForm {
            status: Status::Cancelled,
            content: base.remote.content.clone(),
            sent: None,
        },
    }
}

pub(super) fn agree_that_it_is_gone(base: &Base, content: &Content) -> Decision {
    act(
        LocalStep::Keep,
        RemoteStep::Keep,
        gone(base, content.clone()),
        Vec::new(),
    )
}

pub(super) fn gone_in_google(base: &Base, content: &Content, rules: &Rules<'_>) -> Decision {
    let agreed_gone = gone(base, content.clone());
    let cancel = |conflicts| {
        let cancelled = Content {
            status: Status::Cancelled,
            ..content.clone()
        };
        act(
            LocalStep::Write(cancelled),
            RemoteStep::Keep,
            agreed_gone.clone(),
            conflicts,
        )
    };
    let revive = |conflicts| act(LocalStep::Keep, RemoteStep::Revive, agreed_gone.clone(), conflicts);
    let record = |winner, rule| FieldConflict {
        field: Field::Status,
        winner,
        rule,
        base: json!(base.local),
        app: json!(content),
        google: json!(Status::Cancelled),
    };
    let (winner, rule) = rules.winner();

    if base.remote.status == Status::Cancelled && base.local.status == Status::Cancelled {
        // Both had agreed that it was gone; the app has confirmed it again.
        return if rules.writable {
            revive(Vec::new())
        } else {
            cancel(vec![record(Some(Side::Google), rule)])
        };
    }
    if edited_locally(base, content, rules.words) {
        return match winner {
            Some(Side::Google) => cancel(vec![record(winner, rule)]),
            Some(Side::App) => revive(vec![record(winner, rule)]),
            None => Decision::Wait(Waiting::Conflict, vec![record(None, rule)]),
        };
    }
    match (rules.answer, rules.inbound_cancel) {
        (Some(Side::App), _) if rules.writable => revive(Vec::new()),
        (None, Inbound::Ask) => Decision::Wait(Waiting::Cancel, Vec::new()),
        _ => cancel(Vec::new()),
    }
}

pub(super) fn gone_in_the_app(
    base: &Base,
    local: Local<'_>,
    content: &Content,
    event: &EventContent,
    rules: &Rules<'_>,
) -> Decision {
    let deleted = matches!(local, Local::Deleted(_));
    let restored = Content {
        status: Status::Confirmed,
        ..content.clone()
    };
    let put_back = |step_base: &Base, conflicts| {
        let step = if deleted {
            LocalStep::Reinstate(restored.clone())
        } else {
            LocalStep::Write(restored.clone())
        };
        both_live(step_base, &restored, event, rules, step, conflicts)
    };
    let record = |winner, rule| FieldConflict {
        field: Field::Status,
        winner,
        rule,
        base: json!(base.local),
        app: json!(Status::Cancelled),
        google: json!(event),
    };

    if base.local.status == Status::Cancelled {
        // Both had agreed that it was gone; somebody brought it back in Google, as it is there now.
        let revived = Content {
            resource_id: content.resource_id,
            ..as_booking(event, rules.words, rules.resources)
        };
        let agreed = Base {
            local: revived.clone(),
            remote: live_form(event, rules.words),
        };
        let step = if deleted {
            LocalStep::Reinstate(revived)
        } else {
            LocalStep::Write(revived)
        };
        return act(step, RemoteStep::Keep, agreed, Vec::new());
    }
    let (winner, rule) = rules.winner();
    if !rules.writable {
        return if deleted {
            act(LocalStep::Hide, RemoteStep::Keep, base.clone(), Vec::new())
        } else {
            put_back(base, vec![record(Some(Side::Google), rule)])
        };
    }
    if edited_remotely(base, event, rules.words) || base.remote.status == Status::Cancelled {
        return match winner {
            None => Decision::Wait(Waiting::Conflict, vec![record(None, rule)]),
            Some(Side::Google) => put_back(base, vec![record(winner, rule)]),
            Some(Side::App) if rules.guests_wait() => Decision::Wait(Waiting::Guests, Vec::new()),
            Some(Side::App) => act(
                LocalStep::Keep,
                RemoteStep::Delete,
                base.clone(),
                vec![record(winner, rule)],
            ),
        };
    }
    match rules.answer {
        Some(Side::Google) => put_back(base, vec![record(Some(Side::Google), rule)]),
        _ if rules.guests_wait() => Decision::Wait(Waiting::Guests, Vec::new()),
        _ => act(LocalStep::Keep, RemoteStep::Delete, base.clone(), Vec::new()),
    }
}
