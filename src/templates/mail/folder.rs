//! The files of a tenant's folder of templates, before anything is made of them.
//!
//! A folder is read as it is: nothing outside of it is followed into, nothing in it is passed over in silence.
use super::overrides::{MAX_FILE, OverrideProblem, check_name, refused};
use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::Path;

/// Deepest level: mail, language, file.
const LEVELS: usize = 3;

/// Reads the files below `folder`, for [`super::MailTemplates::with_overrides`].
///
/// # Errors
/// The first thing that is no template: an unknown name, a symbolic link that leads out of the folder, a file of more than
/// 64 KB or one that is not UTF-8, or what cannot be read. Names that begin with a dot are left to editors.
pub fn load_folder(folder: &Path) -> Result<BTreeMap<String, String>, OverrideProblem> {
    let unread = |file: &str, error: std::io::Error| refused(file, None, format!("cannot be read: {error}"));
    let root = fs::canonicalize(folder).map_err(|error| unread(&folder.display().to_string(), error))?;
    let mut files = BTreeMap::new();
    let mut waiting = vec![(root.clone(), String::new(), 0)];
    while let Some((path, name, level)) = waiting.pop() {
        for entry in fs::read_dir(&path).map_err(|error| unread(&name, error))? {
            let entry = entry.map_err(|error| unread(&name, error))?;
            let Ok(last) = entry.file_name().into_string() else {
                return Err(refused(
                    &entry.path().display().to_string(),
                    None,
                    "has a name that is not UTF-8",
                ));
            };
            if last.starts_with('.') {
                continue;
            }
            let name = if name.is_empty() {
                last
            } else {
                format!("{name}/{last}")
            };
            let real = fs::canonicalize(entry.path()).map_err(|error| unread(&name, error))?;
            if !real.starts_with(&root) {
                return Err(refused(&name, None, "leads out of the folder: copy the file into it"));
            }
            let kind = fs::metadata(&real).map_err(|error| unread(&name, error))?;
            if kind.is_dir() && level + 1 < LEVELS {
                waiting.push((real, name, level + 1));
                continue;
            }
            check_name(&name)?;
            if !kind.is_file() {
                return Err(refused(&name, None, "is not a file"));
            }
            files.insert(name.clone(), read(&real, &name)?);
        }
    }
    Ok(files)
}

fn read(path: &Path, name: &str) -> Result<String, OverrideProblem> {
    let most = MAX_FILE as u64 + 1;
    let mut bytes = Vec::new();
    fs::File::open(path)
        .and_then(|file| file.take(most).read_to_end(&mut bytes))
        .map_err(|error| refused(name, None, format!("cannot be read: {error}")))?;
    if bytes.len() > MAX_FILE {
        return Err(refused(name, None, format!("is larger than {} KB", MAX_FILE / 1024)));
    }
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let line = error.as_bytes()[..valid].iter().filter(|b| **b == b'\n').count() + 1;
        refused(name, Some(line), "is not UTF-8")
    })
}
