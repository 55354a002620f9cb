//! What users have granted to clients, and every code and token that lives on it, with the rules by which they die.
//!
//! Nothing here knows HTTP. Times are microseconds of the sandbox's clock.
use super::scopes::{Scopes, is_identity, is_mail};
use crate::sandbox::mint::Mint;

const SECOND_US: i64 = 1_000_000;
const DAY_US: i64 = 86_400 * SECOND_US;
const CODE_LIFE_US: i64 = 600 * SECOND_US;
/// `expires_in` of an access token.
pub const ACCESS_LIFE_S: i64 = 3_599;
/// `refresh_token_expires_in` while the consent screen is in testing: 7 days.
pub const TESTING_LIFE_S: i64 = 604_799;
/// A refresh token dies after six months without use.
const UNUSED_LIFE_US: i64 = 183 * DAY_US;
/// Live refresh tokens per user and client; one more ends the oldest silently.
const REFRESH_TOKENS: usize = 100;

/// How a client proves that it began the flow (RFC 7636).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Challenge {
    /// The verifier itself.
    Plain(String),
    /// Base64url of the verifier's SHA-256.
    S256(String),
}

/// What a user allowed on the consent page; becomes a code.
#[derive(Debug, Clone)]
pub struct Consent {
    /// Account number.
    pub sub: String,
    /// The client that asked.
    pub client_id: String,
    /// Where the code was sent.
    pub redirect_uri: String,
    /// What was granted, earlier grants included when asked for.
    pub scopes: Scopes,
    /// `access_type=offline`.
    pub offline: bool,
    /// `prompt=consent`.
    pub forced: bool,
    /// PKCE.
    pub challenge: Option<Challenge>,
    /// OpenID nonce, repeated in the id token.
    pub nonce: Option<String>,
}

#[derive(Debug)]
struct Code {
    code: String,
    consent: Consent,
    expires_us: i64,
}

#[derive(Debug)]
struct Grant {
    sub: String,
    client_id: String,
    scopes: Scopes,
    had_refresh_token: bool,
}

/// A refresh token that is alive.
#[derive(Debug, Clone)]
pub struct RefreshToken {
    token: String,
    /// Account number.
    pub sub: String,
    /// The client it was given to.
    pub client_id: String,
    /// What it is good for.
    pub scopes: Scopes,
    expires_us: Option<i64>,
    used_us: i64,
}

/// An access token that is alive.
#[derive(Debug, Clone)]
pub struct AccessToken {
    token: String,
    /// Account number.
    pub sub: String,
    /// The client it was given to.
    pub client_id: String,
    /// What it is good for.
    pub scopes: Scopes,
    /// When it ends.
    pub expires_us: i64,
    /// Whether it belongs to an offline grant (tokeninfo shows it).
    pub offline: bool,
}

/// What a code was exchanged for.
#[derive(Debug)]
pub struct Exchange {
    /// The access token.
    pub access_token: String,
    /// Present on the first offline grant and after `prompt=consent`.
    pub refresh_token: Option<String>,
    /// Present with time-based access.
    pub refresh_token_expires_in: Option<i64>,
    /// What was consented to.
    pub consent: Consent,
}

/// All grants, codes and tokens.
#[derive(Debug, Default)]
pub struct Grants {
    codes: Vec<Code>,
    grants: Vec<Grant>,
    refresh: Vec<RefreshToken>,
    access: Vec<AccessToken>,
    /// The consent screen's publishing status: `true` is "Testing".
    pub testing: bool,
}

impl Grants {
    /// No grants yet; `testing` is the consent screen's publishing status.
    pub fn new(testing: bool) -> Self {
        Self {
            testing,
            ..Self::default()
        }
    }

    /// What `sub` has granted `client_id` so far.
    pub fn granted(&self, sub: &str, client_id: &str) -> Scopes {
        self.grant(sub, client_id)
            .map(|grant| grant.scopes.clone())
            .unwrap_or_default()
    }

    fn grant(&self, sub: &str, client_id: &str) -> Option<&Grant> {
        self.grants
            .iter()
            .find(|grant| grant.sub == sub && grant.client_id == client_id)
    }

    /// Makes a code for a consent.
    pub fn issue_code(&mut self, consent: Consent, mint: &mut Mint, now_us: i64) -> String {
        let code = mint.token("4/0A");
        self.codes.push(Code {
            code: code.clone(),
            consent,
            expires_us: now_us + CODE_LIFE_US,
        });
        code
    }

    /// The consent behind a code that is still good.
    pub fn consent_of(&self, code: &str, now_us: i64) -> Option<&Consent> {
        self.codes
            .iter()
            .find(|held| held.code == code && now_us < held.expires_us)
            .map(|held| &held.consent)
    }

    /// Uses a code up. `None` when it is not (or no longer) good.
    pub fn exchange(&mut self, code: &str, mint: &mut Mint, now_us: i64) -> Option<Exchange> {
        let at = self
            .codes
            .iter()
            .position(|held| held.code == code && now_us < held.expires_us)?;
        let consent = self.codes.remove(at).consent;
        let (sub, client_id, scopes) = (consent.sub.clone(), consent.client_id.clone(), consent.scopes.clone());
        let had_refresh_token = self
            .grant(&sub, &client_id)
            .is_some_and(|grant| grant.had_refresh_token);
        let gives_refresh = consent.offline && (consent.forced || !had_refresh_token);
        match self
            .grants
            .iter_mut()
            .find(|grant| grant.sub == sub && grant.client_id == client_id)
        {
            Some(grant) => {
                grant.scopes.extend(scopes.iter().cloned());
                grant.had_refresh_token |= gives_refresh;
            }
            None => self.grants.push(Grant {
                sub: sub.clone(),
                client_id: client_id.clone(),
                scopes: scopes.clone(),
                had_refresh_token: gives_refresh,
            }),
        }
        let time_based = self.testing && !scopes.iter().all(|scope| is_identity(scope));
        let refresh_token_expires_in = (gives_refresh && time_based).then_some(TESTING_LIFE_S);
        let refresh_token = gives_refresh.then(|| mint.token("1//04"));
        if let Some(token) = refresh_token.clone() {
            self.refresh.push(RefreshToken {
                token,
                sub: sub.clone(),
                client_id: client_id.clone(),
                scopes: scopes.clone(),
                expires_us: refresh_token_expires_in.map(|seconds| now_us + seconds * SECOND_US),
                used_us: now_us,
            });
            self.keep_only_the_latest(&sub, &client_id);
        }
        let access_token = self.issue_access(&sub, &client_id, scopes, consent.offline, mint, now_us);
        Some(Exchange {
            access_token,
            refresh_token,
            refresh_token_expires_in,
            consent,
        })
    }

    fn keep_only_the_latest(&mut self, sub: &str, client_id: &str) {
        let is_theirs = |held: &RefreshToken| held.sub == sub && held.client_id == client_id;
        while self.refresh.iter().filter(|held| is_theirs(held)).count() > REFRESH_TOKENS {
            let Some(oldest) = self.refresh.iter().position(is_theirs) else {
                return;
            };
            self.refresh.remove(oldest);
        }
    }

    fn issue_access(
        &mut self,
        sub: &str,
        client_id: &str,
        scopes: Scopes,
        offline: bool,
        mint: &mut Mint,
        now_us: i64,
    ) -> String {
        let token = mint.token("ya29.a0");
        self.access.retain(|held| now_us < held.expires_us);
        self.access.push(AccessToken {
            token: token.clone(),
            sub: sub.to_owned(),
            client_id: client_id.to_owned(),
            scopes,
            expires_us: now_us + ACCESS_LIFE_S * SECOND_US,
            offline,
        });
        token
    }

    /// A live refresh token, whoever asks.
    pub fn refresh_token(&mut self, token: &str, now_us: i64) -> Option<&RefreshToken> {
        self.refresh
            .retain(|held| held.expires_us.is_none_or(|end| now_us < end) && now_us - held.used_us < UNUSED_LIFE_US);
        self.refresh.iter().find(|held| held.token == token)
    }

    /// Whose refresh token this is, alive or about to be found dead.
    pub fn owner_of_refresh_token(&self, token: &str) -> Option<&str> {
        let held = self.refresh.iter().find(|held| held.token == token)?;
        Some(&held.sub)
    }

    /// A new access token for `scopes`, which the caller has checked to be part of the refresh token's.
    pub fn refresh(&mut self, token: &str, scopes: Scopes, mint: &mut Mint, now_us: i64) -> Option<String> {
        let held = self.refresh.iter_mut().find(|held| held.token == token)?;
        held.used_us = now_us;
        let (sub, client_id) = (held.sub.clone(), held.client_id.clone());
        Some(self.issue_access(&sub, &client_id, scopes, true, mint, now_us))
    }

    /// A live access token.
    pub fn access_token(&self, token: &str, now_us: i64) -> Option<&AccessToken> {
        self.access
            .iter()
            .find(|held| held.token == token && now_us < held.expires_us)
    }

    /// Revokes whatever grant this access or refresh token belongs to, whole. `false` when the token is not alive.
    pub fn revoke(&mut self, token: &str, now_us: i64) -> bool {
        let owner = self
            .access_token(token, now_us)
            .map(|held| (held.sub.clone(), held.client_id.clone()))
            .or_else(|| {
                self.refresh_token(token, now_us)
                    .map(|held| (held.sub.clone(), held.client_id.clone()))
            });
        let Some((sub, client_id)) = owner else {
            return false;
        };
        self.refresh
            .retain(|held| held.sub != sub || held.client_id != client_id);
        self.access
            .retain(|held| held.sub != sub || held.client_id != client_id);
        self.grants
            .retain(|held| held.sub != sub || held.client_id != client_id);
        true
    }

    /// Switch: all access tokens of a user end now. Answers how many.
    pub fn expire_access(&mut self, sub: &str) -> usize {
        let before = self.access.len();
        self.access.retain(|held| held.sub != sub);
        before - self.access.len()
    }

    /// Switch: all refresh tokens of a user end now, and a next consent is a first one. Access tokens live on.
    pub fn revoke_refresh(&mut self, sub: &str) -> usize {
        let before = self.refresh.len();
        self.refresh.retain(|held| held.sub != sub);
        self.grants.retain(|held| held.sub != sub);
        before - self.refresh.len()
    }

    /// Switch: the user changes the password, which ends refresh tokens with mail scopes and no others.
    pub fn change_password(&mut self, sub: &str) -> usize {
        let before = self.refresh.len();
        self.refresh
            .retain(|held| held.sub != sub || !held.scopes.iter().any(|scope| is_mail(scope)));
        before - self.refresh.len()
    }

    /// Switch: a scope disappears from everything a user granted. Answers how many tokens lost it.
    pub fn drop_scope(&mut self, sub: &str, scope: &str) -> usize {
        let grants = self
            .grants
            .iter_mut()
            .filter(|held| held.sub == sub)
            .map(|held| &mut held.scopes);
        grants.for_each(|scopes| {
            scopes.remove(scope);
        });
        let refresh = self
            .refresh
            .iter_mut()
            .filter(|held| held.sub == sub)
            .map(|held| &mut held.scopes);
        let access = self
            .access
            .iter_mut()
            .filter(|held| held.sub == sub)
            .map(|held| &mut held.scopes);
        refresh.chain(access).filter_map(|scopes| scopes.take(scope)).count()
    }
}
