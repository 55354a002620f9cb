//! REST API, OAuth redirect, pages.
