//! One strict template environment for pages.
