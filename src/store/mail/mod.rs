//! What mail remembers: subjects, messages, consents, attempts, suppressions and links. `0014_mail.sql` tells the way of the data.
pub mod consents;
pub mod deliveries;
pub mod links;
pub mod messages;
pub mod subjects;
pub mod suppressions;
pub mod tenants;
