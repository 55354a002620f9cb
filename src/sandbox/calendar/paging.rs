//! Pages of a list: the keys are fixed when the first page is asked for, the items are shown as they are at each page.
//!
//! The sync token of the last page is the position at which the *first* page was asked for, so whatever changed while
//! paging comes again in the next delta.
use super::super::params::Params;
use super::errors::Refusal;
use super::state::{Object, State, Switches};
use super::time::When;
use super::tokens::{self, PageToken, SyncToken};
use serde_json::{Value, json};

/// What a page shows one of.
#[derive(Debug, Clone, PartialEq)]
pub enum Key {
    /// A stored event, a calendar list entry or an access rule, by id.
    Stored(String),
    /// An unchanged occurrence of a series.
    Virtual(String, When),
    /// An occurrence that is gone with its series, or that the series lost.
    Lost(String, When),
    /// Left the window of this stream's token.
    Left(String),
}

/// One answered list with its later pages.
#[derive(Debug, Clone)]
pub struct Listing {
    /// Stream, user, generation, position and window of the sync token to come.
    pub token: SyncToken,
    /// All parameters but `maxResults` and `pageToken`: later pages must repeat them.
    pub fingerprint: String,
    /// What is to be shown.
    pub keys: Vec<Key>,
    /// Whether it answers a sync token.
    pub delta: bool,
    /// Whether the last page may carry a sync token.
    pub syncable: bool,
}

/// One page to render.
pub struct Page {
    /// The listing it is a page of.
    pub listing: Listing,
    /// What it shows.
    pub keys: Vec<Key>,
    /// `nextPageToken` or `nextSyncToken`.
    pub next: Object,
}

/// Later pages of older listings than this many are forgotten.
const REMEMBERED: usize = 1000;

/// Reads the sync token of a call: `None` when there is none, 400 or 410 when it is of no use.
/// `epoch` and `oldest` belong to the stream as it is now.
pub fn sync_token(
    params: &Params,
    stream: &str,
    user: &str,
    epoch: u64,
    oldest: u64,
) -> Result<Option<SyncToken>, Refusal> {
    let Some(text) = params.text("syncToken") else {
        return Ok(None);
    };
    let token: SyncToken = tokens::open(text).ok_or_else(Refusal::sync_token)?;
    if token.stream != stream || token.user != user {
        return Err(Refusal::sync_token());
    }
    if token.epoch != epoch || token.position < oldest {
        return Err(Refusal::full_sync_required());
    }
    Ok(Some(token))
}

impl State {
    /// The page a `pageToken` names; `None` when the call has none. The parameters must be those of the first page.
    pub fn later_page(
        &self,
        params: &Params,
        stream: &str,
        user: &str,
        epoch: u64,
    ) -> Result<Option<(PageToken, Listing)>, Refusal> {
        let Some(text) = params.text("pageToken") else {
            return Ok(None);
        };
        let bad = || Refusal::parameter("invalid", "Invalid page token value.", "pageToken");
        let token: PageToken = tokens::open(text).ok_or_else(bad)?;
        let found = self.listings.iter().find(|(n, _)| *n == token.listing);
        let (_, listing) = found.ok_or_else(bad)?;
        if listing.token.stream != stream || listing.token.user != user {
            return Err(bad());
        }
        if listing.fingerprint != fingerprint(params) {
            return Err(bad());
        }
        if listing.delta && listing.token.epoch != epoch {
            return Err(Refusal::full_sync_required());
        }
        Ok(Some((token, listing.clone())))
    }

    /// Remembers a new listing, in the order that the switches want, and gives its first page's token.
    pub fn first_page(&mut self, mut listing: Listing) -> (PageToken, Listing) {
        if let Some(seed) = self.switches.shuffle_seed {
            shuffle(&mut listing.keys, seed);
        }
        if self.switches.duplicate_items {
            listing.keys = listing.keys.iter().flat_map(|key| [key.clone(), key.clone()]).collect();
        }
        let number = self.listings.back().map_or(1, |(n, _)| n + 1);
        if self.listings.len() == REMEMBERED {
            self.listings.pop_front();
        }
        self.listings.push_back((number, listing.clone()));
        let token = PageToken {
            listing: number,
            offset: 0,
            page: 1,
        };
        (token, listing)
    }
}

/// Cuts one page out of a listing and makes its next token: exactly one of the two, except where a test hides both
/// and in ordered lists, which give no sync token.
pub fn cut(token: &PageToken, listing: Listing, size: usize, switches: &Switches) -> Page {
    let size = switches.page_size.map_or(size, |limit| limit.min(size)).max(1);
    let empty = switches
        .empty_page_every
        .is_some_and(|every| token.page.is_multiple_of(every));
    let start = token.offset.min(listing.keys.len());
    let end = if empty {
        start
    } else {
        (start + size).min(listing.keys.len())
    };
    let mut next = Object::new();
    if end < listing.keys.len() || empty {
        let token = PageToken {
            listing: token.listing,
            offset: end,
            page: token.page + 1,
        };
        next.insert("nextPageToken".into(), json!(tokens::seal(&token)));
    } else if listing.syncable {
        next.insert("nextSyncToken".into(), json!(tokens::seal(&listing.token)));
    }
    if switches.hide_page_tokens {
        next.clear();
    }
    Page {
        keys: listing.keys[start..end].to_vec(),
        listing,
        next,
    }
}

/// The parameters that must be equal on every page.
pub fn fingerprint(params: &Params) -> String {
    params.fingerprint(&["maxResults", "pageToken"])
}

/// A collection's etag: moves with every change.
pub fn collection_etag(position: u64) -> Value {
    json!(format!("\"p3{}0g\"", tokens::base32hex(&position.to_be_bytes())))
}

/// Fisher-Yates with a small congruential generator: the same seed gives the same order.
fn shuffle(keys: &mut [Key], seed: u64) {
    let mut state = seed.wrapping_mul(2).wrapping_add(1);
    for last in (1..keys.len()).rev() {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let pick = (state >> 33) as usize % (last + 1);
        keys.swap(last, pick);
    }
}
