//! What an entry looks like, and which changes a chain shows.
use super::chain::{Chain, OutsideHead};
use super::*;
use proptest::prelude::*;
use uuid::Uuid;
