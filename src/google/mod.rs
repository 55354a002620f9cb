//! The wire to Google: transport, OAuth, Calendar; no database.
