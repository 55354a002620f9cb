//! Lays the sources of the configuration over each other and hands out typed values.
//!
//! `config/default.toml` is complete, so it is also the list of the keys that exist, and of their kinds. Every value is
//! carried as text with the place it came from; [`Reader::read`] parses it. A value that cannot be parsed is written down
//! as a problem and the default stands in, so that one reading finds every problem. This file knows no key by name.
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use super::problem::{ConfigProblems, Invalid, Problem};

/// Where a value came from. Later variants win over earlier ones.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Origin {
    Default,
    File(PathBuf),
    Environment(String),
    Credential(PathBuf),
}

impl Origin {
    /// Two values of the same layer contradict each other; otherwise the higher layer wins.
    fn layer(&self) -> u8 {
        match self {
            Self::Default => 0,
            Self::File(_) => 1,
            Self::Environment(_) => 2,
            Self::Credential(_) => 3,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Environment(name) => write!(f, "environment {name}"),
            Self::Credential(path) => write!(f, "credential {}", path.display()),
        }
    }
}

/// The value in force for one key. No `Debug`: it may be a secret.
struct Setting {
    text: String,
    origin: Origin,
    default: toml::Value,
    was_read: bool,
}

/// Takes typed values out of the layers and collects what is wrong on the way.
pub(super) struct Reader {
    settings: BTreeMap<String, Setting>,
    problems: Vec<Problem>,
}

impl Reader {
    /// Starts from the embedded manual.
    pub(super) fn new(default: &str) -> Self {
        let mut reader = Self {
            settings: BTreeMap::new(),
            problems: Vec::new(),
        };
        let table: toml::Table = default
            .parse()
            .expect("the embedded default.toml is TOML: a test reads it");
        for (section, keys) in table {
            let toml::Value::Table(keys) = keys else {
                unreachable!("default.toml has sections only: a test reads it")
            };
            for (key, default) in keys {
                let text = text_of(&default).expect("default.toml has plain values only: a test reads it");
                let setting = Setting {
                    text,
                    origin: Origin::Default,
                    default,
                    was_read: false,
                };
                reader.settings.insert(format!("{section}.{key}"), setting);
            }
        }
        reader
    }

    /// Lays a TOML file over what is there.
    pub(super) fn file(&mut self, path: &Path) {
        let name = path.display().to_string();
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) => {
                let fix = "make the file readable for the user that runs Accord, or name another one";
                return self.problem(&name, "configuration file", format!("cannot be read: {error}"), fix);
            }
        };
        let table: toml::Table = match text.parse() {
            Ok(table) => table,
            Err(error) => {
                // The error's own text quotes the line, which may hold a secret.
                let error: toml::de::Error = error;
                let before = error.span().map_or("", |span| text.get(..span.start).unwrap_or(""));
                let line = before.matches('\n').count() + 1;
                let wrong = format!("is not TOML: line {line}: {}", error.message());
                return self.problem(&name, "configuration file", wrong, "correct that line");
            }
        };
        let origin = Origin::File(path.to_owned());
        for (section, value) in table {
            let toml::Value::Table(keys) = value else {
                let fix = "write every key under its [section]";
                self.problem(&section, &name, "stands outside of any section".into(), fix);
                continue;
            };
            for (key, value) in keys {
                self.typed(&format!("{section}.{key}"), &value, origin.clone());
            }
        }
    }

    /// Lays `ACCORD__SECTION__KEY` over what is there.
    pub(super) fn environment(&mut self, variables: &BTreeMap<String, String>) {
        for (name, text) in variables {
            if let Some(path) = name.strip_prefix("ACCORD__") {
                let key = path.to_ascii_lowercase().replacen("__", ".", 1);
                self.set(&key, text.clone(), Origin::Environment(name.clone()));
            }
        }
    }

    /// Lays systemd credentials named `section.key` over what is there. `aliases` are names of credentials whose *path*
    /// becomes the value of another key. Credentials of unknown sections belong to somebody else.
    pub(super) fn credentials(&mut self, directory: &Path, aliases: &[(&str, &str)]) {
        let entries = match std::fs::read_dir(directory) {
            Ok(entries) => entries,
            Err(error) => {
                let fix = "unset CREDENTIALS_DIRECTORY, or let systemd set it";
                let key = directory.display().to_string();
                return self.problem(&key, "credentials", format!("cannot be read: {error}"), fix);
            }
        };
        let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
        paths.sort();
        for path in paths {
            let Some(key) = path.file_name().and_then(|name| name.to_str()).map(str::to_owned) else {
                continue;
            };
            let origin = Origin::Credential(path.clone());
            if let Some((_, target)) = aliases.iter().find(|(alias, _)| *alias == key) {
                self.set(target, path.display().to_string(), origin);
            } else if key
                .split_once('.')
                .is_some_and(|(section, _)| !self.keys_of(section).is_empty())
                && let Some(text) = self.read_secret_file(&key, &path)
            {
                self.set(&key, text, origin);
            }
        }
    }

    /// Replaces each `key` by the content of the file that `key_file` names. A higher layer wins; both in one is a problem.
    pub(super) fn resolve_files(&mut self) {
        let keys: Vec<String> = self
            .settings
            .keys()
            .filter_map(|key| key.strip_suffix("_file"))
            .map(str::to_owned)
            .collect();
        for key in keys {
            let file_key = format!("{key}_file");
            let Some(plain_layer) = self.settings.get(&key).map(|setting| setting.origin.layer()) else {
                continue;
            };
            let (path, origin) = match self.settings.get_mut(&file_key) {
                Some(file) => {
                    file.was_read = true;
                    (PathBuf::from(&file.text), file.origin.clone())
                }
                None => continue,
            };
            if path.as_os_str().is_empty() || origin.layer() < plain_layer {
                continue;
            }
            if origin.layer() == plain_layer {
                let wrong = format!("is set together with `{file_key}`");
                self.problem(&key, &origin.to_string(), wrong, "remove one of the two");
            } else if let Some(text) = self.read_secret_file(&file_key, &path) {
                self.set(&key, text, origin);
            }
        }
    }

    /// The value of a key, parsed. What cannot be parsed becomes a problem, and the default stands in.
    pub(super) fn read<T, E: Into<Invalid>>(&mut self, key: &str, parse: impl Fn(&str) -> Result<T, E>) -> T {
        let setting = self
            .settings
            .get_mut(key)
            .expect("default.toml names every key: a test loads it");
        setting.was_read = true;
        match parse(&setting.text).map_err(Into::into) {
            Ok(value) => value,
            Err(Invalid { wrong, fix }) => {
                let place = setting.origin.to_string();
                let default = text_of(&setting.default).unwrap_or_default();
                self.problem(key, &place, wrong, &fix);
                parse(&default)
                    .map_err(Into::into)
                    .expect("the default of every key is valid: a test loads it")
            }
        }
    }

    /// Writes down a problem that only shows when several values are seen together.
    pub(super) fn invalid(&mut self, key: &str, Invalid { wrong, fix }: Invalid) {
        let place = self
            .settings
            .get(key)
            .map_or_else(String::new, |setting| setting.origin.to_string());
        self.problem(key, &place, wrong, &fix);
    }

    /// The path of a key, and whether it was given by a credential.
    pub(super) fn is_credential(&self, key: &str) -> bool {
        self.settings
            .get(key)
            .is_some_and(|setting| matches!(setting.origin, Origin::Credential(_)))
    }

    /// The effective configuration as TOML in the order of the manual; `mask` replaces the text of a secret.
    pub(super) fn show(&self, default: &str, mask: impl Fn(&str, &str) -> Option<String>) -> String {
        let mut shown = String::new();
        let mut section = "";
        for line in default.lines() {
            if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                section = name;
                shown += if shown.is_empty() { "" } else { "\n" };
                shown += &format!("{line}\n");
            } else if let Some((name, _)) = line.split_once(" = ").filter(|_| !line.starts_with('#'))
                && let Some(setting) = self.settings.get(&format!("{section}.{name}"))
            {
                let text = mask(&format!("{section}.{name}"), &setting.text).unwrap_or_else(|| setting.text.clone());
                let value = if setting.default.is_str() {
                    serde_json::Value::from(text).to_string()
                } else {
                    text
                };
                shown += &format!(
                    "{name} = {value} # {}\n",
                    setting.origin.to_string().replace(char::is_control, "?")
                );
            }
        }
        shown
    }

    /// Ends the reading: every problem found, and in debug builds a panic for a key that nothing read.
    pub(super) fn finish(self) -> Result<(), ConfigProblems> {
        let idle = self.settings.iter().find(|(_, setting)| !setting.was_read);
        debug_assert!(
            idle.is_none(),
            "{} is in default.toml, but nothing reads it",
            idle.map_or("", |(key, _)| key)
        );
        if self.problems.is_empty() {
            Ok(())
        } else {
            Err(ConfigProblems(self.problems))
        }
    }

    /// A value of a file, which must have the kind that the default has.
    fn typed(&mut self, key: &str, value: &toml::Value, origin: Origin) {
        let fits = self.settings.get(key).map(|setting| match (&setting.default, value) {
            (toml::Value::Float(_), toml::Value::Integer(_)) => Ok(()),
            (default, value) if default.same_type(value) => Ok(()),
            (default, value) => Err((default.type_str(), value.type_str())),
        });
        match fits {
            Some(Err((wanted, given))) => {
                let fix = if wanted == "string" {
                    "put it into \"quotes\"".into()
                } else {
                    format!("write a bare {wanted}")
                };
                self.problem(
                    key,
                    &origin.to_string(),
                    format!("is of type {given} instead of {wanted}"),
                    &fix,
                );
            }
            _ => self.set(key, text_of(value).unwrap_or_default(), origin),
        }
    }

    fn set(&mut self, key: &str, text: String, origin: Origin) {
        match self.settings.get_mut(key) {
            Some(setting) => (setting.text, setting.origin) = (text, origin),
            None => {
                let section = key.split_once('.').map_or(key, |(section, _)| section);
                let fix = match self.keys_of(section).as_slice() {
                    [] => format!("remove it, or use one of the sections {}", self.sections().join(", ")),
                    keys => format!("remove it, or use one of {}", keys.join(", ")),
                };
                self.problem(key, &origin.to_string(), "is not a key that Accord knows".into(), &fix);
            }
        }
    }

    fn read_secret_file(&mut self, key: &str, path: &Path) -> Option<String> {
        match std::fs::read_to_string(path) {
            Ok(text) => Some(text.trim_end_matches(['\r', '\n']).to_owned()),
            Err(error) => {
                let fix = "make it a text file that the user who runs Accord can read";
                self.problem(
                    key,
                    &path.display().to_string(),
                    format!("cannot be read: {error}"),
                    fix,
                );
                None
            }
        }
    }

    fn keys_of(&self, section: &str) -> Vec<&str> {
        self.settings
            .keys()
            .filter_map(|key| key.strip_prefix(section)?.strip_prefix('.'))
            .collect()
    }

    fn sections(&self) -> Vec<&str> {
        let mut sections: Vec<&str> = self
            .settings
            .keys()
            .filter_map(|key| Some(key.split_once('.')?.0))
            .collect();
        sections.dedup();
        sections
    }

    fn problem(&mut self, key: &str, place: &str, wrong: String, fix: &str) {
        self.problems.push(Problem {
            key: key.into(),
            place: place.into(),
            wrong,
            fix: fix.into(),
        });
    }
}

/// The text of a plain value; `None` for arrays, tables and dates, which no key has.
fn text_of(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Float(number) => Some(number.to_string()),
        toml::Value::Boolean(choice) => Some(choice.to_string()),
        _ => None,
    }
}
