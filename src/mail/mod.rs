//! The wire of mail: from a [`Letter`](crate::domain::mail::Letter) to bytes, and to an SMTP server. No database.
//!
//! [`address`] reads addresses, [`calendar`] writes what a calendar reads, [`compose`] makes the bytes, [`transport`] hands
//! them over and says on which side of the final dot it ended.
pub mod address;
pub mod calendar;
pub mod compose;
pub mod transport;
