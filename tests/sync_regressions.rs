//! Stories that once ended badly, as `sync_property` found and shrank them. Each is told on both databases.
mod support;
mod sync_story;
