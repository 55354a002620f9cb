//! Recurrence rules: reading, checking and expanding them.
