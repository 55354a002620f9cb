//! Lists in pages, full or since a sync token: connections, other contacts, groups.
//!
//! The keys of a list are fixed when its first page is asked for; the sync token of its last page says what could be seen at
//! that moment, so that whatever changed while paging comes again in the next delta.
use super::super::seal::{open, seal};
use super::Ctx;
use super::errors::Refusal;
use super::state::{Book, Object, State};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Sync tokens end so long after the full sync that they go back to; deltas in between do not prolong it.
const LIFE_US: i64 = 7 * 24 * 3_600 * 1_000_000;
/// Later pages of older listings than this many are forgotten.
const REMEMBERED: usize = 1000;

/// What a client had seen of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// Changes up to this position had been made.
    pub position: u64,
    /// Of these, the ones that were visible at this time.
    pub at_us: i64,
}

impl Seen {
    /// Whether a change is among what was seen.
    pub fn covers(self, position: u64, visible_us: i64) -> bool {
        position <= self.position && visible_us <= self.at_us
    }
}

/// How far a client has read one stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SyncToken {
    stream: String,
    user: String,
    epoch: u64,
    seen: Seen,
    /// When the full sync was made that this token goes back to.
    full_us: i64,
    /// The parameters of the first call, which all later calls repeat.
    shape: String,
}

/// Where the next page starts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct PageToken {
    listing: u64,
    offset: usize,
    /// One-based number of this page.
    page: usize,
}

/// One answered list with its later pages.
#[derive(Debug, Clone)]
pub struct Listing {
    token: SyncToken,
    /// The sync token that it answers; later pages repeat it.
    asked_with: Option<String>,
    /// What a delta's token had seen.
    pub since: Option<Seen>,
    keys: Vec<String>,
    /// Whether the last page carries a sync token.
    syncable: bool,
}

/// A list call, its parameters read.
pub struct Question<'a> {
    /// Which list.
    pub stream: &'static str,
    /// All parameters that a later call must repeat, as their canonical text.
    pub shape: String,
    /// Items a page.
    pub size: usize,
    /// Whether a sync token is wanted.
    pub syncable: bool,
    /// The call.
    pub ctx: &'a Ctx<'a>,
}

/// One page to render.
pub struct Page {
    /// The listing it is a page of.
    pub since: Option<Seen>,
    /// What it shows.
    pub keys: Vec<String>,
    /// How many items all pages have together.
    pub total: usize,
    /// `nextPageToken` or `nextSyncToken`.
    pub next: Object,
}

impl State {
    /// The page that a call asks for. `keys` gives the items of a full list or of a delta since what was seen.
    pub fn page(
        &mut self,
        question: &Question<'_>,
        keys: impl FnOnce(&mut State, Option<Seen>) -> Result<Vec<String>, Refusal>,
    ) -> Result<Page, Refusal> {
        let since = self.sync_token(question)?;
        if let Some((token, listing)) = self.later_page(question)? {
            return Ok(self.cut(&token, listing, question.size));
        }
        let ctx = question.ctx;
        let account = self.account(&ctx.user)?;
        let token = SyncToken {
            stream: question.stream.to_owned(),
            user: ctx.user.clone(),
            epoch: account.epoch,
            seen: Seen {
                position: account.position,
                at_us: ctx.now,
            },
            full_us: since.as_ref().map_or(ctx.now, |since| since.full_us),
            shape: question.shape.clone(),
        };
        let seen = since.map(|since| since.seen);
        let mut keys = keys(self, seen)?;
        if self.switches.duplicate_items {
            keys = keys.iter().flat_map(|key| [key.clone(), key.clone()]).collect();
        }
        let listing = Listing {
            token,
            asked_with: ctx.token("syncToken").map(str::to_owned),
            since: seen,
            keys,
            syncable: question.syncable,
        };
        let number = self.listings.back().map_or(1, |(number, _)| number + 1);
        if self.listings.len() == REMEMBERED {
            self.listings.pop_front();
        }
        self.listings.push_back((number, listing.clone()));
        let token = PageToken {
            listing: number,
            offset: 0,
            page: 1,
        };
        Ok(self.cut(&token, listing, question.size))
    }

    /// The sync token of a call, found good; the parameters must be those of the first call.
    fn sync_token(&self, question: &Question<'_>) -> Result<Option<SyncToken>, Refusal> {
        let ctx = question.ctx;
        let Some(text) = ctx.token("syncToken") else {
            return Ok(None);
        };
        let token: SyncToken = open(text).ok_or_else(Refusal::invalid_argument)?;
        if token.stream != question.stream || token.user != ctx.user || token.shape != question.shape {
            return Err(Refusal::invalid_argument());
        }
        let account = self.account(&ctx.user)?;
        let aged = ctx.now.saturating_sub(token.full_us) >= LIFE_US;
        if aged || token.epoch != account.epoch || token.seen.position < account.purged {
            return Err(Refusal::expired_sync_token(self.switches.expiry_form));
        }
        Ok(Some(token))
    }

    fn later_page(&self, question: &Question<'_>) -> Result<Option<(PageToken, Listing)>, Refusal> {
        let ctx = question.ctx;
        let Some(text) = ctx.token("pageToken") else {
            return Ok(None);
        };
        let token: PageToken = open(text).ok_or_else(Refusal::invalid_argument)?;
        let found = self.listings.iter().find(|(number, _)| *number == token.listing);
        let (_, listing) = found.ok_or_else(Refusal::invalid_argument)?;
        let same_call = listing.token.stream == question.stream
            && listing.token.user == ctx.user
            && listing.token.shape == question.shape
            && listing.asked_with.as_deref() == ctx.token("syncToken");
        if !same_call {
            return Err(Refusal::invalid_argument());
        }
        Ok(Some((token, listing.clone())))
    }

    fn cut(&self, token: &PageToken, listing: Listing, size: usize) -> Page {
        let size = self.switches.page_size.map_or(size, |limit| limit.min(size)).max(1);
        let every = self.switches.empty_page_every;
        let empty = every.is_some_and(|every| token.page.is_multiple_of(every));
        let total = listing.keys.len();
        let start = token.offset.min(total);
        let end = if empty { start } else { (start + size).min(total) };
        let mut next = Object::new();
        if end < total || empty {
            let token = PageToken {
                listing: token.listing,
                offset: end,
                page: token.page + 1,
            };
            next.insert("nextPageToken".into(), json!(seal(&token)));
        } else if listing.syncable {
            next.insert("nextSyncToken".into(), json!(seal(&listing.token)));
        }
        Page {
            since: listing.since,
            keys: listing.keys[start..end].to_vec(),
            total,
            next,
        }
    }

    /// The contacts of a book that a list has to show: all that are visible, or those that changed since.
    pub fn listed(&self, ctx: &Ctx<'_>, book: Book, since: Option<Seen>) -> Result<Vec<u64>, Refusal> {
        let contacts = self.account(&ctx.user)?.book(book).values();
        let shown = contacts.filter(|contact| match (contact.visible(ctx.now), since) {
            (None, _) => false,
            (Some(version), None) => version.gone.is_none(),
            (Some(version), Some(seen)) => {
                let merged = matches!(version.gone, Some(super::state::Gone::MergedInto(_)));
                !merged && !seen.covers(version.position, version.visible_us)
            }
        });
        Ok(shown.map(|contact| contact.id).collect())
    }
}
