//! Use cases: the only place that joins store and google.
