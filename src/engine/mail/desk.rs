//! What is needed to write mail for one tenant. Opening it makes everybody else's mail of the tenant wait until the
//! transaction ends.
use super::MailError;
use super::preview::templates_of;
use crate::domain::ids::{BookingId, MessageId, TenantId};
use crate::domain::language::Language;
use crate::domain::mac;
use crate::domain::mail::{Mailbox, Reminders};
use crate::engine::Engine;
use crate::mail::address::same_mailbox_key;
use crate::mail::transport::SmtpServer;
use crate::store::mail::tenants as mail_tenants;
use crate::store::{Tx, tenants};
use crate::templates::mail::MailTemplates;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::ExposeSecret;
use std::ops::Deref;
use std::sync::Arc;
use zeroize::Zeroizing;

/// Length of the code in an unsubscribe link, bytes.
const CODE: usize = 16;

/// A tenant's mail.
pub(in crate::engine) struct Desk {
    /// The tenant's shown name.
    pub(super) name: String,
    pub(super) language: Language,
    pub(super) reminders: Reminders,
    pub(super) sender: Mailbox,
    pub(super) server: Arc<SmtpServer>,
    pub(super) uid_domain: String,
    /// Who gets digests.
    pub(super) admin: String,
    keys: Keys,
}

impl Desk {
    /// Opens it; `None`: the tenant has no sender or no server, so no mail is proposed or sent for it.
    pub(in crate::engine) async fn open(
        engine: &Engine,
        tx: &mut Tx,
        tenant: TenantId,
    ) -> Result<Option<Desk>, MailError> {
        let Some(row) = tenants::get(tx, tenant).await? else {
            return Ok(None);
        };
        let settings = row.settings.effective(&engine.defaults);
        let Some(sender) = settings
            .sender
            .as_deref()
            .and_then(|sender| sender.parse::<Mailbox>().ok())
        else {
            return Ok(None);
        };
        let known = match mail_tenants::get(tx, tenant).await? {
            Some(known) => known,
            None => {
                if engine.mail.server.is_none() {
                    return Ok(None);
                }
                Self::prepare(engine, tx, tenant, Some(&sender)).await?
            }
        };
        mail_tenants::hold(tx, tenant).await?;
        let row_id = tenant.to_string();
        let server = match &known.smtp_url_sealed {
            Some(sealed) => {
                let url = engine.open("mail_tenants", "smtp_url_sealed", tenant, &row_id, sealed)?;
                match String::from_utf8_lossy(&url).parse::<SmtpServer>() {
                    Ok(server) => Arc::new(server),
                    Err(error) => return Err(MailError::unreadable("the address of the tenant's mail server", &error)),
                }
            }
            None => match &engine.mail.server {
                Some(server) => server.clone(),
                None => return Ok(None),
            },
        };
        let keys = Keys::of(engine, tenant, &known)?;
        let name = if sender.name.is_empty() {
            row.name.clone()
        } else {
            sender.name
        };
        Ok(Some(Desk {
            name: row.name,
            language: settings.language,
            reminders: settings.reminders,
            sender: Mailbox {
                name,
                address: sender.address,
            },
            server,
            uid_domain: known.uid_domain,
            admin: settings.admin_email,
            keys,
        }))
    }

    /// Makes what mail needs of a tenant. Its UIDs end with the domain of its first sender for ever.
    pub(super) async fn prepare(
        engine: &Engine,
        tx: &mut Tx,
        tenant: TenantId,
        sender: Option<&Mailbox>,
    ) -> Result<mail_tenants::MailTenant, MailError> {
        let secret = Zeroizing::new(mac::fresh(&*engine.entropy));
        let sealed = engine.seal(
            "mail_tenants",
            "secret_sealed",
            tenant,
            &tenant.to_string(),
            secret.as_slice(),
        );
        let domain = sender.and_then(|sender| sender.address.rsplit_once('@'));
        let domain = domain.map_or_else(
            || format!("{tenant}.invalid"),
            |(_, domain)| domain.to_ascii_lowercase(),
        );
        mail_tenants::insert(tx, tenant, sealed, &domain, engine.now_ms()).await?;
        // Somebody else may have been first.
        let row = mail_tenants::get(tx, tenant).await?;
        row.ok_or_else(|| MailError::Internal("the mail of a tenant was removed".to_owned()))
    }

    /// By what calendars know a booking, whatever becomes of it.
    pub(super) fn uid(&self, booking: BookingId) -> String {
        format!("{booking}@{}", self.uid_domain)
    }

    /// Ours, or ours with the tenant's own in their places. A folder of the tenant's that is broken is passed over: mail goes on.
    pub(super) fn templates(&self, engine: &Engine) -> MailTemplates {
        match templates_of(engine, self.tenant) {
            Ok((templates, _)) => templates,
            Err(problem) => {
                tracing::error!(tenant = %self.tenant, %problem, "the tenant's own templates are refused; the built-in ones are used");
                engine.mail.templates.clone()
            }
        }
    }
}

impl Deref for Desk {
    type Target = Keys;

    fn deref(&self) -> &Keys {
        &self.keys
    }
}

/// The tenant's secret, and what is made with it.
pub(in crate::engine) struct Keys {
    pub(super) tenant: TenantId,
    secret: Zeroizing<Vec<u8>>,
}

impl Keys {
    /// Those of a tenant that has sent mail. Makes everybody else's mail of the tenant wait until the transaction ends.
    pub(super) async fn open(engine: &Engine, tx: &mut Tx, tenant: TenantId) -> Result<Option<Keys>, MailError> {
        mail_tenants::hold(tx, tenant).await?;
        Self::look(engine, tx, tenant).await
    }

    /// The same for whoever only looks: nobody waits.
    pub(super) async fn look(engine: &Engine, tx: &mut Tx, tenant: TenantId) -> Result<Option<Keys>, MailError> {
        let row = mail_tenants::get(tx, tenant).await?;
        row.map(|row| Self::of(engine, tenant, &row)).transpose()
    }

    fn of(engine: &Engine, tenant: TenantId, row: &mail_tenants::MailTenant) -> Result<Keys, MailError> {
        let secret = engine.open(
            "mail_tenants",
            "secret_sealed",
            tenant,
            &tenant.to_string(),
            &row.secret_sealed,
        )?;
        Ok(Keys { tenant, secret })
    }

    /// What stands for an address where the address itself must not: in suppressions, in the ledger, beside messages.
    pub(super) fn recipient_key(&self, address: &str) -> Vec<u8> {
        if address.is_empty() {
            return Vec::new();
        }
        mac::code(&self.secret, &[b"recipient", same_mailbox_key(address).as_bytes()]).to_vec()
    }

    fn code(&self, message: MessageId) -> [u8; mac::LENGTH] {
        mac::code(&self.secret, &[b"unsubscribe", message.to_string().as_bytes()])
    }

    /// The page on which the recipient of a message ends all mail of this tenant.
    pub(super) fn unsubscribe_url(&self, engine: &Engine, message: MessageId) -> String {
        let code = URL_SAFE_NO_PAD.encode(&self.code(message)[..CODE]);
        format!("{}/unsubscribe/{}/{message}/{code}", engine.public_url, self.tenant)
    }

    /// Whether a link to that page is one of ours.
    pub(super) fn is_unsubscribe_code(&self, message: MessageId, code: &str) -> bool {
        use subtle::ConstantTimeEq;
        let given = URL_SAFE_NO_PAD.decode(code).unwrap_or_default();
        bool::from(given.ct_eq(&self.code(message)[..CODE]))
    }
}

/// Gives a tenant a mail server of its own, or with `None` takes it away.
///
/// # Errors
/// The address is not one that mail may be sent to.
pub async fn set_server(
    engine: &Engine,
    tenant: TenantId,
    url: Option<&secrecy::SecretString>,
) -> Result<(), crate::engine::Refusal> {
    use crate::engine::Refusal;
    if let Some(url) = url {
        url.expose_secret()
            .parse::<SmtpServer>()
            .map_err(|error| Refusal::field("smtp_url", error.to_string()))?;
    }
    let mut tx = engine.db.begin().await?;
    let row = tenants::get(&mut tx, tenant).await?.ok_or(Refusal::Missing("tenant"))?;
    if mail_tenants::get(&mut tx, tenant).await?.is_none() {
        let sender = row.settings.effective(&engine.defaults).sender;
        let sender = sender.and_then(|sender| sender.parse().ok());
        Desk::prepare(engine, &mut tx, tenant, sender.as_ref()).await?;
    }
    let id = tenant.to_string();
    let sealed = url.map(|url| {
        engine.seal(
            "mail_tenants",
            "smtp_url_sealed",
            tenant,
            &id,
            url.expose_secret().as_bytes(),
        )
    });
    mail_tenants::set_smtp_url(&mut tx, tenant, sealed).await?;
    Ok(tx.commit().await?)
}
