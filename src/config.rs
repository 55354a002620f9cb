//! Typed settings: default < file < environment < systemd credential.
