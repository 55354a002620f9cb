//! A local Google, as strict as the real one: OAuth and Calendar v3 over plain HTTP on loopback.
//!
//! It is written from Google's documents and from recorded traffic, and imports nothing else of this crate, so that
//! a wrong belief in `google/` cannot hide behind the same wrong belief here. All state is in memory.
pub mod calendar;
pub mod wire;
