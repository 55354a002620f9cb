//! The templates that a tenant's mails are written with, for whoever wants to see them before a mail is due.
use crate::domain::ids::TenantId;
use crate::engine::Engine;
use crate::templates::mail::{MailTemplates, OverrideProblem, load_folder};
use std::path::PathBuf;

/// Where a tenant's own templates are, if the installation has a place for them and there are any.
pub fn own_folder(engine: &Engine, tenant: TenantId) -> Option<PathBuf> {
    let folder = engine.mail.overrides.as_ref()?.join(tenant.to_string());
    folder.is_dir().then_some(folder)
}

/// Ours with the tenant's own in their places, and how many those are.
///
/// # Errors
/// The first of the tenant's own that is refused. Mails are written with ours then.
pub fn templates_of(engine: &Engine, tenant: TenantId) -> Result<(MailTemplates, usize), OverrideProblem> {
    match own_folder(engine, tenant) {
        None => Ok((engine.mail.templates.clone(), 0)),
        Some(folder) => {
            let files = load_folder(&folder)?;
            Ok((engine.mail.templates.with_overrides(&files)?, files.len()))
        }
    }
}
