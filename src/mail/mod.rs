//! The wire of mail: from a [`Letter`](crate::domain::mail::Letter) to bytes, and to an SMTP server. No database.
