//! The key file: where the keys that seal the database are kept.
//!
//! It is text, one key a line: `id base64 created`, comments after `#`. The newest line by date seals, all open. The file
//! is created at most once, complete or not at all, readable by its owner only, and a file that others could read is
//! refused. Whether creating is allowed (only while the database holds no sealed value) is the caller's knowledge.
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, SecondsFormat, Utc};
use zeroize::Zeroizing;

use crate::domain::clock::{Clock, Entropy};
use crate::domain::seal::{KeyId, KeyRing, SealingKey};

/// Where the keys are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    /// A file of ours, which must be 0600.
    File(PathBuf),
    /// A systemd credential: read-only, and its permissions are systemd's business.
    Credential(PathBuf),
}

impl fmt::Display for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Credential(path) => write!(f, "credential {}", path.display()),
        }
    }
}

/// Why there are no keys. Every message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// There is no file, and sealed values exist that need it.
    #[error(
        "the key file {0} does not exist, but the database holds values sealed with it; restore it from your backup"
    )]
    Missing(PathBuf),
    /// Group or others have some access.
    #[error("the key file {path} is accessible to others (mode {mode:04o}); run: chmod 600 {path}", path = .path.display())]
    TooOpen {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// A line is not `id base64 created`. The line itself is a secret and is not quoted.
    #[error("line {line} of the key file {path} {wrong}; restore the file from your backup", path = .path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Counted from 1; 0 for the file as a whole.
        line: usize,
        /// What is wrong with it.
        wrong: &'static str,
    },
    /// A credential cannot be changed by us.
    #[error(
        "the keys come from the systemd credential {0}, which Accord cannot write; add the new line there yourself"
    )]
    ReadOnly(PathBuf),
    /// The system said no.
    #[error("the key file {path} cannot be {what}; check that the user who runs Accord may do that", path = .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// `read` or `written`.
        what: &'static str,
        /// The system's words.
        source: io::Error,
    },
}

/// Reads the keys, or creates the file with a first one when there is none and `allow_create`.
///
/// # Errors
/// See [`KeyFileError`]. A credential is never created.
pub fn load_or_create(
    source: &KeySource,
    allow_create: bool,
    entropy: &dyn Entropy,
    clock: &dyn Clock,
) -> Result<KeyRing, KeyFileError> {
    let (KeySource::File(path) | KeySource::Credential(path)) = source;
    match (read(source), source) {
        (Err(KeyFileError::Io { source: error, .. }), KeySource::File(_))
            if error.kind() == io::ErrorKind::NotFound =>
        {
            if !allow_create {
                return Err(KeyFileError::Missing(path.clone()));
            }
            let key = Line {
                key: SealingKey::generate(entropy),
                created: clock.now(),
            };
            // Somebody else may have created it meanwhile: then theirs counts.
            write(path, &[key], Replace::Never)?;
            read(source).and_then(|lines| ring(path, lines))
        }
        (lines, _) => lines.and_then(|lines| ring(path, lines)),
    }
}

/// Adds a new key, which seals from now on. Older keys stay, until nothing sealed with them is left.
///
/// # Errors
/// See [`KeyFileError`].
pub fn rotate(source: &KeySource, entropy: &dyn Entropy, clock: &dyn Clock) -> Result<KeyRing, KeyFileError> {
    let path = match source {
        KeySource::File(path) => path,
        KeySource::Credential(path) => return Err(KeyFileError::ReadOnly(path.clone())),
    };
    // Two rotations at once would each write a file without the other's key. The folder is locked, because the file
    // itself is replaced.
    let failed = |source| KeyFileError::Io {
        path: path.clone(),
        what: "written",
        source,
    };
    let folder = File::open(folder(path)).map_err(failed)?;
    folder.lock().map_err(failed)?;
    let mut lines = read(source)?;
    lines.push(Line {
        key: SealingKey::generate(entropy),
        created: clock.now(),
    });
    write(path, &lines, Replace::Always)?;
    read(source).and_then(|lines| ring(path, lines))
}

struct Line {
    key: SealingKey,
    created: DateTime<Utc>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Replace {
    Never,
    Always,
}

fn ring(path: &Path, mut lines: Vec<Line>) -> Result<KeyRing, KeyFileError> {
    lines.sort_by_key(|line| line.created);
    let newest = lines.pop().ok_or(KeyFileError::Malformed {
        path: path.to_owned(),
        line: 0,
        wrong: "holds no key",
    })?;
    Ok(KeyRing::new(
        newest.key,
        lines.into_iter().map(|line| line.key).collect(),
    ))
}

fn read(source: &KeySource) -> Result<Vec<Line>, KeyFileError> {
    let (KeySource::File(path) | KeySource::Credential(path)) = source;
    let failed = |source| KeyFileError::Io {
        path: path.clone(),
        what: "read",
        source,
    };
    let mut file = File::open(path).map_err(failed)?;
    if let KeySource::File(_) = source {
        let mode = file.metadata().map_err(failed)?.permissions().mode() & 0o7777;
        if mode & 0o077 != 0 {
            return Err(KeyFileError::TooOpen {
                path: path.clone(),
                mode,
            });
        }
    }
    let mut text = Zeroizing::new(String::new());
    file.read_to_string(&mut text).map_err(failed)?;
    let mut lines: Vec<Line> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let malformed = |wrong| KeyFileError::Malformed {
            path: path.clone(),
            line: number + 1,
            wrong,
        };
        let line = line.split('#').next().unwrap_or_default();
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [id, key, created] = fields.as_slice() else {
            if fields.is_empty() {
                continue;
            }
            return Err(malformed("is not `id base64 created`"));
        };
        let id: KeyId = id
            .parse()
            .map_err(|_| malformed("begins with something else than 8 hex digits"))?;
        if lines.iter().any(|line| line.key.id() == id) {
            return Err(malformed("repeats the id of an earlier key"));
        }
        let mut bytes = Zeroizing::new([0; 32]);
        let decoded = Zeroizing::new(
            STANDARD
                .decode(key)
                .map_err(|_| malformed("has a key that is not base64"))?,
        );
        if decoded.len() != bytes.len() {
            return Err(malformed("has a key that is not 32 bytes long"));
        }
        bytes.copy_from_slice(&decoded);
        let created = created
            .parse()
            .map_err(|_| malformed("has a creation time that is not RFC 3339"))?;
        lines.push(Line {
            key: SealingKey::new(id, bytes),
            created,
        });
    }
    Ok(lines)
}

/// Writes a whole new file beside the old one and puts it in place in one step, so that no reader sees half of it.
fn write(path: &Path, lines: &[Line], replace: Replace) -> Result<(), KeyFileError> {
    let failed = |source| KeyFileError::Io {
        path: path.to_owned(),
        what: "written",
        source,
    };
    let mut text = Zeroizing::new(String::from(
        "# Accord's keys: id, key, created. Keep a copy apart from the database.\n",
    ));
    for Line { key, created } in lines {
        let encoded = Zeroizing::new(STANDARD.encode(key.expose()));
        text.push_str(&format!(
            "{} {} {}\n",
            key.id(),
            *encoded,
            created.to_rfc3339_opts(SecondsFormat::Micros, true)
        ));
    }
    // The id of the last key is new and random, so the name is nobody else's and no leftover of a crash.
    let mut beside = path.as_os_str().to_owned();
    beside.push(
        lines
            .last()
            .map_or(String::new(), |line| format!(".{}.new", line.key.id())),
    );
    let beside = PathBuf::from(beside);
    let written = (|| {
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&beside)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        match replace {
            Replace::Always => fs::rename(&beside, path)?,
            // A link, unlike a rename, leaves an existing file alone.
            Replace::Never => match fs::hard_link(&beside, path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                linked => linked?,
            },
        }
        let directory = path
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty())
            .unwrap_or(Path::new("."));
        File::open(directory)?.sync_all()
    })();
    // After a rename it is gone already; in every other case it must not stay.
    let _ = fs::remove_file(&beside);
    written.map_err(failed)
}

fn folder(path: &Path) -> &Path {
    path.parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::clock::{TestClock, TestEntropy};
    use crate::domain::seal::SealContext;

    const PLACE: SealContext<'_> = SealContext {
        table: "accounts",
        column: "refresh_token",
        tenant: "t1",
        row: "a1",
    };

    fn surroundings() -> (tempfile::TempDir, KeySource, TestEntropy, TestClock) {
        let folder = tempfile::tempdir().unwrap();
        let source = KeySource::File(folder.path().join("accord.key"));
        (
            folder,
            source,
            TestEntropy::default(),
            TestClock::at(DateTime::UNIX_EPOCH),
        )
    }

    #[test]
    fn a_created_key_is_private_complete_and_found_again() {
        let (folder, source, entropy, clock) = surroundings();
        let sealed = load_or_create(&source, true, &entropy, &clock)
            .unwrap()
            .seal(&entropy, &PLACE, b"token");
        let mode = fs::metadata(folder.path().join("accord.key"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o7777, 0o600);
        assert_eq!(
            fs::read_dir(folder.path()).unwrap().count(),
            1,
            "nothing else is left behind"
        );
        let again = load_or_create(&source, false, &entropy, &clock).unwrap();
        assert_eq!(again.open(&PLACE, &sealed).unwrap().as_slice(), b"token");
    }

    #[test]
    fn a_missing_key_is_not_replaced_when_sealed_values_exist() {
        let (folder, source, entropy, clock) = surroundings();
        let error = load_or_create(&source, false, &entropy, &clock).unwrap_err();
        assert!(matches!(error, KeyFileError::Missing(_)), "{error}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_file_that_others_can_read_is_refused_with_the_command_that_helps() {
        let (folder, source, entropy, clock) = surroundings();
        load_or_create(&source, true, &entropy, &clock).unwrap();
        let path = folder.path().join("accord.key");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let error = load_or_create(&source, true, &entropy, &clock).unwrap_err().to_string();
        assert!(
            error.contains("0640") && error.ends_with(&format!("run: chmod 600 {}", path.display())),
            "{error}"
        );
        let credential = KeySource::Credential(path);
        load_or_create(&credential, false, &entropy, &clock).expect("systemd guards its credentials itself");
    }

    #[test]
    fn a_rotation_seals_with_the_new_key_and_still_opens_the_old() {
        let (_folder, source, entropy, clock) = surroundings();
        let first = load_or_create(&source, true, &entropy, &clock).unwrap();
        let sealed = first.seal(&entropy, &PLACE, b"token");
        clock.advance(chrono::TimeDelta::days(1));
        let second = rotate(&source, &entropy, &clock).unwrap();
        assert_ne!(second.newest(), first.newest());
        assert_eq!(second.open(&PLACE, &sealed).unwrap().as_slice(), b"token");
        let KeySource::File(path) = source else { unreachable!() };
        let error = rotate(&KeySource::Credential(path), &entropy, &clock).unwrap_err();
        assert!(matches!(error, KeyFileError::ReadOnly(_)));
    }

    #[test]
    fn keys_added_at_the_same_time_are_all_kept() {
        let (folder, source, entropy, clock) = surroundings();
        load_or_create(&source, true, &entropy, &clock).unwrap();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| rotate(&source, &entropy, &clock).unwrap());
            }
        });
        assert_eq!(read(&source).unwrap().len(), 9);
        assert_eq!(
            fs::read_dir(folder.path()).unwrap().count(),
            1,
            "nothing else is left behind"
        );
    }

    #[test]
    fn of_two_that_create_the_file_at_the_same_time_one_wins_for_both() {
        let (_folder, source, entropy, clock) = surroundings();
        let ids: Vec<KeyId> = std::thread::scope(|scope| {
            let create = || load_or_create(&source, true, &entropy, &clock).unwrap().newest();
            let all: Vec<_> = (0..8).map(|_| scope.spawn(create)).collect();
            all.into_iter().map(|one| one.join().unwrap()).collect()
        });
        assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    }

    #[test]
    fn a_damaged_line_is_named_by_number_and_never_quoted() {
        let (folder, source, entropy, clock) = surroundings();
        let path = folder.path().join("accord.key");
        let key = STANDARD.encode([7; 32]);
        let good = format!("00000001 {key} 2026-01-01T00:00:00Z");
        for (text, part) in [
            (String::new(), "line 0"),
            (format!("{good}\n{good}"), "line 2"),
            (format!("# a comment\n\n{good}\n00000002 {key}"), "line 4"),
            (format!("0001 {key} 2026-01-01T00:00:00Z"), "8 hex digits"),
            (format!("00000001 {}= 2026-01-01T00:00:00Z", &key[..40]), "base64"),
            ("00000001 c2hvcnQ= 2026-01-01T00:00:00Z".to_owned(), "32 bytes"),
            (format!("00000001 {key} yesterday"), "RFC 3339"),
        ] {
            fs::write(&path, &text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
            let error = load_or_create(&source, true, &entropy, &clock).unwrap_err().to_string();
            assert!(error.contains(part), "{text:?}: {error}");
            assert!(!error.contains(&key[..20]), "{error}");
        }
    }
}
