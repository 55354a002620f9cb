//! What can happen to mail, in the values that whoever it happens to has at hand.
use crate::domain::ids::{ApiKeyId, BookingId, MessageId, UserId};

/// Something that happened, in plain values: [`Event::entry`] makes commitments of those that tell of a person.
///
/// Words (`kind`, `how`, `by`, `reason`, `class`, `result`) are lower-case letters, digits and `_`.
#[derive(Clone, Copy)]
pub enum Event<'a> {
    /// A mail to a customer waits for its user's yes.
    Proposed {
        /// The mail.
        message: MessageId,
        /// What it is about.
        booking: BookingId,
        /// Who is asked.
        user: UserId,
        /// See [`crate::domain::mail::Kind`].
        kind: &'a str,
        /// The key of the address under the tenant's secret.
        recipient_key: &'a [u8],
        /// As the letter has it.
        address: &'a str,
        /// [`crate::domain::mail::Letter::hash`].
        content_hash: [u8; 32],
        /// Not sent after, ms.
        expires_at: i64,
    },
    /// The user was written to about it.
    Prompted {
        /// The mail that waits.
        message: MessageId,
        /// The mail that asks.
        notice: MessageId,
    },
    /// The user said yes.
    Approved {
        /// The mail.
        message: MessageId,
        /// Who.
        user: UserId,
        /// `mailbox`, `sign_in` or `app_asserted`.
        how: &'a str,
        /// Of `app_asserted`: the key of the app that says so.
        key_id: Option<ApiKeyId>,
        /// What was said yes to.
        content_hash: [u8; 32],
        /// Until when the yes is good, ms.
        expires_at: i64,
    },
    /// The user said no.
    Declined {
        /// The mail.
        message: MessageId,
        /// Who.
        user: UserId,
        /// As of a yes; also `tenant_key`.
        how: &'a str,
        /// The key, when it came through the API.
        key_id: Option<ApiKeyId>,
    },
    /// It will not be sent: the user changed their mind, or there is no reason for it any more.
    Withdrawn {
        /// The mail.
        message: MessageId,
        /// `user`, `engine` or `customer`.
        by: &'a str,
        /// One word.
        reason: &'a str,
    },
    /// A newer version took its place.
    Superseded {
        /// The mail.
        message: MessageId,
    },
    /// Nobody decided, or it could not be sent, while it was of use.
    Expired {
        /// The mail.
        message: MessageId,
    },
    /// It is about to be handed to a mail server; written before the first byte is.
    Sending {
        /// The mail.
        message: MessageId,
        /// `customer` or `notice`.
        class: &'a str,
        /// 1, 2, 3.
        attempt: i64,
        /// The key of the address under the tenant's secret.
        recipient_key: &'a [u8],
        /// As the letter has it.
        address: &'a str,
        /// Of the letter that is handed over.
        content_hash: [u8; 32],
    },
    /// How an attempt ended.
    Result {
        /// The mail.
        message: MessageId,
        /// Which attempt.
        attempt: i64,
        /// `accepted`, `deferred`, `refused`, `unknown` (it may have been taken) or `unable` (nothing was handed over).
        result: &'a str,
        /// The three digits that the server said (RFC 5321, section 4.2).
        answer_code: Option<u16>,
    },
    /// A worker ended in the middle of an attempt: the mail may have been sent.
    Overtaken {
        /// The mail.
        message: MessageId,
        /// Which attempt.
        attempt: i64,
    },
    /// A mail to a user or an admin, which needs no yes.
    Notice {
        /// The mail.
        message: MessageId,
        /// Which of the fixed templates.
        kind: &'a str,
        /// The key of the address under the tenant's secret.
        recipient_key: &'a [u8],
        /// As the letter has it.
        address: &'a str,
        /// [`crate::domain::mail::Letter::hash`].
        content_hash: [u8; 32],
    },
    /// An address wants no more mail of this tenant.
    Suppressed {
        /// Its key under the tenant's secret.
        recipient_key: &'a [u8],
        /// The address, where it is known.
        address: Option<&'a str>,
        /// The mail whose link was used.
        message: MessageId,
    },
    /// Whoever reads at the address wants mail again.
    SuppressionLifted {
        /// Its key under the tenant's secret.
        recipient_key: &'a [u8],
        /// The address, where it is known.
        address: Option<&'a str>,
        /// The mail whose link was used.
        message: MessageId,
    },
    /// A user sends no mail to customers for now.
    Paused {
        /// Who.
        user: UserId,
    },
    /// A user sends mail to customers again.
    Resumed {
        /// Who.
        user: UserId,
    },
}
