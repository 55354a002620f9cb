//! Three-way merge of a field that holds several values: emails, phones, addresses, organizations.
//!
//! Values have no ids, so they are first paired: those that are the same text under the same label, then the same value however
//! written, then what stands under the same label. Each pair is merged in two parts, its text and its label, so that a number
//! changed on one side and its label changed on the other both survive. Additions of both sides are united, and the order of the
//! side that changed it wins, because the first value is the primary one.
use super::Verdict;

/// One of several values of a field.
pub trait Entry: Clone {
    /// What it means, however it is written: equal keys are the same value.
    fn key(&self) -> String;
    /// What is written, without the label; compared after normalisation that no person would call an edit.
    fn text(&self) -> String;
    /// Home, work, mobile and so on; empty when there is none.
    fn label(&self) -> &str;
    /// The same text under another label.
    fn relabelled(&self, label: &str) -> Self;
}

/// The four lists that a merge compares. Each side is compared with its own form of the last agreement.
#[derive(Debug, Clone, Copy)]
pub struct Sides<'a, E> {
    /// The app's form at the last agreement.
    pub base_local: &'a [E],
    /// Google's form at the last agreement.
    pub base_remote: &'a [E],
    /// The app's now.
    pub local: &'a [E],
    /// Google's now.
    pub remote: &'a [E],
}

/// One value that both sides changed differently. `None` for a value that a side does not have.
#[derive(Debug, Clone, PartialEq)]
pub struct EntryConflict<E> {
    /// At the last agreement.
    pub base: Option<E>,
    /// In the app.
    pub app: Option<E>,
    /// In Google.
    pub google: Option<E>,
}

/// What a field becomes.
#[derive(Debug, Clone, PartialEq)]
pub struct MergedList<E> {
    /// What the app's side is to hold.
    pub local: Vec<E>,
    /// What Google's side is to hold.
    pub remote: Vec<E>,
    /// The app's form of what Google shows now: the agreement, while what differs from it is still to be pushed.
    pub base_local: Vec<E>,
    /// Both changed the same value.
    pub conflicts: Vec<EntryConflict<E>>,
}

/// A value through its four appearances.
#[derive(Debug, Clone)]
struct Slot<E> {
    base_local: Option<E>,
    base_remote: Option<E>,
    /// Index into the app's list.
    local: Option<usize>,
    /// Index into Google's list.
    remote: Option<usize>,
}

/// What a slot becomes: the forms that both sides are to hold, and the app's form of what Google shows.
struct Settled<E> {
    local: Option<E>,
    remote: Option<E>,
    base_local: Option<E>,
}

/// Merges a field. `verdict` decides what both sides changed differently.
pub fn merge<E: Entry>(sides: &Sides<'_, E>, verdict: Verdict) -> MergedList<E> {
    let slots = slots(sides);
    let mut conflicts = Vec::new();
    let settled: Vec<Settled<E>> = slots
        .iter()
        .map(|slot| settle(slot, sides, verdict, &mut conflicts))
        .collect();
    let order = order(&slots, sides);
    let in_order =
        |form: fn(&Settled<E>) -> &Option<E>| order.iter().filter_map(|at| form(&settled[*at]).clone()).collect();
    MergedList {
        local: in_order(|settled| &settled.local),
        remote: in_order(|settled| &settled.remote),
        base_local: base_order(&slots)
            .into_iter()
            .filter_map(|at| settled[at].base_local.clone())
            .collect(),
        conflicts,
    }
}

/// The slots as Google shows them; what only the app has keeps its place behind its neighbour.
fn base_order<E>(slots: &[Slot<E>]) -> Vec<usize> {
    let mut order = sequence(slots, |slot| slot.remote);
    for at in (0..slots.len()).filter(|at| slots[*at].remote.is_none()) {
        order.insert(behind_neighbour(&order, at), at);
    }
    order
}

/// The slots that a list holds, in its order.
fn sequence<E>(slots: &[Slot<E>], index: fn(&Slot<E>) -> Option<usize>) -> Vec<usize> {
    let mut sequence: Vec<(usize, usize)> = slots
        .iter()
        .enumerate()
        .filter_map(|(at, slot)| Some((index(slot)?, at)))
        .collect();
    sequence.sort_unstable();
    sequence.into_iter().map(|(_, at)| at).collect()
}

/// Whether two lists are the same to a reader: the same texts under the same labels, in the same order.
pub fn same_list<E: Entry>(a: &[E], b: &[E]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
}

fn same<E: Entry>(a: &E, b: &E) -> bool {
    a.text() == b.text() && a.label() == b.label()
}

/// Whether an entry has become another one, each with its place in its list.
type Rule<E> = fn((usize, &E), (usize, &E)) -> bool;

/// Which entry of `now` each entry of `before` has become. No entry is used twice.
fn pair<E: Entry>(before: &[E], now: &[E]) -> Vec<Option<usize>> {
    let mut became = vec![None; before.len()];
    let mut used = vec![false; now.len()];
    let rules: [Rule<E>; 5] = [
        // Equal values in several writings stay in their places.
        |(i, a), (j, b)| i == j && a.key() == b.key() && a.label() == b.label(),
        |(_, a), (_, b)| same(a, b),
        |(_, a), (_, b)| a.key() == b.key() && a.label() == b.label(),
        |(_, a), (_, b)| a.key() == b.key(),
        |(_, a), (_, b)| a.label() == b.label(),
    ];
    for matches in rules {
        for (at, entry) in before.iter().enumerate() {
            if became[at].is_some() {
                continue;
            }
            let found = now
                .iter()
                .enumerate()
                .find(|(there, candidate)| !used[*there] && matches((at, entry), (*there, candidate)));
            if let Some((there, _)) = found {
                used[there] = true;
                became[at] = Some(there);
            }
        }
    }
    became
}

fn slots<E: Entry>(sides: &Sides<'_, E>) -> Vec<Slot<E>> {
    let local_now = pair(sides.base_local, sides.local);
    let remote_now = pair(sides.base_remote, sides.remote);
    let counterpart = pair(sides.base_local, sides.base_remote);
    let mut slots: Vec<Slot<E>> = Vec::new();
    for (at, entry) in sides.base_local.iter().enumerate() {
        let there = counterpart[at];
        slots.push(Slot {
            base_local: Some(entry.clone()),
            base_remote: there.map(|there| sides.base_remote[there].clone()),
            local: local_now[at],
            remote: there.and_then(|there| remote_now[there]),
        });
    }
    for (at, entry) in sides.base_remote.iter().enumerate() {
        if !counterpart.contains(&Some(at)) {
            slots.push(Slot {
                base_local: None,
                base_remote: Some(entry.clone()),
                local: None,
                remote: remote_now[at],
            });
        }
    }
    unite_additions(&mut slots, sides);
    slots
}

/// What one side added meets what the other added, or has alone, if it is the same value. Those under the same label meet first,
/// so that a number under several labels meets itself under each.
fn unite_additions<E: Entry>(slots: &mut Vec<Slot<E>>, sides: &Sides<'_, E>) {
    let rules: [fn(&E, &E) -> bool; 2] = [
        |a, b| a.key() == b.key() && a.label() == b.label(),
        |a, b| a.key() == b.key(),
    ];
    let mut added = additions(slots, sides.remote, |slot| slot.remote);
    for matches in rules {
        added.retain(|at| {
            let met = slots.iter_mut().find(|slot| {
                let is_alone = slot.remote.is_none() && slot.base_remote.is_none();
                is_alone
                    && slot
                        .local
                        .is_some_and(|there| matches(&sides.local[there], &sides.remote[*at]))
            });
            met.map(|slot| slot.remote = Some(*at)).is_none()
        });
    }
    slots.extend(added.into_iter().map(|at| Slot {
        base_local: None,
        base_remote: None,
        local: None,
        remote: Some(at),
    }));
    let mut added = additions(slots, sides.local, |slot| slot.local);
    for matches in rules {
        added.retain(|at| {
            let met = slots.iter_mut().find(|slot| {
                let is_alone = slot.local.is_none() && slot.base_local.is_none();
                is_alone
                    && slot
                        .remote
                        .is_some_and(|there| matches(&sides.remote[there], &sides.local[*at]))
            });
            met.map(|slot| slot.local = Some(*at)).is_none()
        });
    }
    slots.extend(added.into_iter().map(|at| Slot {
        base_local: None,
        base_remote: None,
        local: Some(at),
        remote: None,
    }));
}

/// The places in a list that no slot has.
fn additions<E>(slots: &[Slot<E>], list: &[E], index: fn(&Slot<E>) -> Option<usize>) -> Vec<usize> {
    (0..list.len())
        .filter(|at| !slots.iter().any(|slot| index(slot) == Some(*at)))
        .collect()
}

fn settle<E: Entry>(
    slot: &Slot<E>,
    sides: &Sides<'_, E>,
    verdict: Verdict,
    conflicts: &mut Vec<EntryConflict<E>>,
) -> Settled<E> {
    let app = slot.local.map(|at| &sides.local[at]);
    let google = slot.remote.map(|at| &sides.remote[at]);
    let mut conflict = |base: &Option<E>| {
        conflicts.push(EntryConflict {
            base: base.clone(),
            app: app.cloned(),
            google: google.cloned(),
        });
        verdict
    };
    match (app, google) {
        (None, None) => Settled {
            local: None,
            remote: None,
            base_local: None,
        },
        (Some(app), Some(google)) => settle_both(slot, app, google, conflict),
        (Some(app), None) => {
            let Some(before) = &slot.base_remote else {
                // An addition, or something that the app alone was left with and that nobody touched since.
                let untouched = slot.base_local.as_ref().filter(|old| same(*old, app)).cloned();
                let wanted = untouched.is_none().then(|| app.clone());
                return Settled {
                    local: Some(app.clone()),
                    remote: wanted,
                    base_local: untouched,
                };
            };
            // Deleted in Google.
            let keep = match slot.base_local.as_ref() {
                Some(old) if same(old, app) => false,
                // Another value under the same label: the old one is gone on both sides, the new one is new.
                Some(old) if old.key() != app.key() => true,
                _ => match conflict(&Some(before.clone())) {
                    Verdict::App => true,
                    Verdict::Google => false,
                    Verdict::Neither => {
                        return Settled {
                            local: Some(app.clone()),
                            remote: None,
                            base_local: None,
                        };
                    }
                },
            };
            let kept = keep.then(|| app.clone());
            Settled {
                local: kept.clone(),
                remote: kept,
                base_local: None,
            }
        }
        (None, Some(google)) => {
            let Some(before) = &slot.base_local else {
                // An addition, or something that Google alone was left with and that nobody touched since.
                let untouched = slot.base_remote.as_ref().is_some_and(|old| same(old, google));
                let added = (!untouched).then(|| google.clone());
                return Settled {
                    local: added.clone(),
                    remote: Some(google.clone()),
                    base_local: added,
                };
            };
            // Deleted in the app. While Google still shows it, it stays in the agreement, so that the deletion is pushed.
            let (keep, shown) = match slot.base_remote.as_ref() {
                Some(old) if same(old, google) => (false, before.clone()),
                Some(old) if old.key() != google.key() => (true, google.clone()),
                _ => match conflict(&Some(before.clone())) {
                    Verdict::App => (false, google.clone()),
                    Verdict::Google => (true, google.clone()),
                    Verdict::Neither => {
                        return Settled {
                            local: None,
                            remote: Some(google.clone()),
                            base_local: None,
                        };
                    }
                },
            };
            let kept = keep.then(|| google.clone());
            Settled {
                local: kept.clone(),
                remote: kept,
                base_local: Some(shown),
            }
        }
    }
}

/// A value that both sides have: its text and its label are merged each by itself.
fn settle_both<E: Entry>(
    slot: &Slot<E>,
    app: &E,
    google: &E,
    mut conflict: impl FnMut(&Option<E>) -> Verdict,
) -> Settled<E> {
    let edited = |base: &Option<E>, now: &E| match base {
        Some(base) => (base.text() != now.text(), base.label() != now.label()),
        // Added on both sides: its text is the same value, and a missing label is no label that somebody chose.
        None => (false, !now.label().is_empty()),
    };
    let (app_text, app_label) = edited(&slot.base_local, app);
    let (google_text, google_label) = edited(&slot.base_remote, google);
    let texts_clash = app_text && google_text && app.key() != google.key();
    let labels_clash = app_label && google_label && app.label() != google.label();
    let decided = if texts_clash || labels_clash {
        conflict(&slot.base_local.clone().or_else(|| slot.base_remote.clone()))
    } else {
        Verdict::Google
    };
    if decided == Verdict::Neither {
        return Settled {
            local: Some(app.clone()),
            remote: Some(google.clone()),
            base_local: Some(app.clone()),
        };
    }
    // The app's part goes to Google when the app alone changed it, or when it wins; the rest comes from Google.
    let app_leads = |app_edited: bool, google_edited: bool, clash: bool| {
        app_edited && (!google_edited || (clash && decided == Verdict::App))
    };
    let text_to_google = app_leads(app_text, google_text, texts_clash);
    let label_to_google = app_leads(app_label, google_label, labels_clash);
    let part = |text: &E, label: &E| {
        if text.label() == label.label() {
            text.clone()
        } else {
            text.relabelled(label.label())
        }
    };
    let local = part(
        if google_text && !text_to_google { google } else { app },
        if google_label && !label_to_google { google } else { app },
    );
    let remote = part(
        if text_to_google { app } else { google },
        if label_to_google { app } else { google },
    );
    // The app's form of what Google shows: the app's own writing where Google's is what was agreed on.
    let own = slot.base_local.as_ref().unwrap_or(app);
    let base_local = part(
        if google_text { google } else { own },
        if google_label || slot.base_local.is_none() {
            google
        } else {
            own
        },
    );
    Settled {
        local: Some(local),
        remote: Some(remote),
        base_local: Some(base_local),
    }
}

/// The slots in the order of the merged list: as in the side that leads, with what only the other side has after its own
/// neighbour there. Google leads when it alone changed the order.
fn order<E: Entry>(slots: &[Slot<E>], sides: &Sides<'_, E>) -> Vec<usize> {
    let (local, remote) = (sequence(slots, |slot| slot.local), sequence(slots, |slot| slot.remote));
    let moved = |base: &[E], now: &[E]| {
        let became: Vec<usize> = pair(base, now).into_iter().flatten().collect();
        !became.is_sorted()
    };
    let google_leads =
        moved(sides.base_remote, sides.remote) && !moved(sides.base_local, sides.local) || sides.local.is_empty();
    let (leader, other) = if google_leads { (remote, local) } else { (local, remote) };
    let mut order = leader;
    let mut after = None;
    for at in other {
        if let Some(position) = order.iter().position(|known| *known == at) {
            after = Some(position);
            continue;
        }
        let is_addition = slots[at].base_local.is_none() && slots[at].base_remote.is_none();
        let position = match after {
            Some(position) => position + 1,
            // In front of everything only if it was put in front of something that is known.
            None if is_addition && begins_with_addition(slots, &order) => order.len(),
            None if is_addition => 0,
            None => behind_neighbour(&order, at),
        };
        order.insert(position, at);
        after = Some(position);
    }
    order
}

/// Whether the list of the leading side begins with an addition of its own.
fn begins_with_addition<E>(slots: &[Slot<E>], order: &[usize]) -> bool {
    order
        .first()
        .is_none_or(|at| slots[*at].base_local.is_none() && slots[*at].base_remote.is_none())
}

/// Where a slot belongs that the order lacks: behind the one it stood behind at the last agreement.
fn behind_neighbour(order: &[usize], at: usize) -> usize {
    let neighbour = (0..at)
        .rev()
        .find_map(|before| order.iter().position(|known| *known == before));
    neighbour.map_or(0, |position| position + 1)
}
