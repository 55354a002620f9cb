//! The scheduler: what is due, when, and how many at once.
