//! Logging, signals, a gentle and then a firm stop, sd_notify.
