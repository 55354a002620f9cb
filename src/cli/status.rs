//! `accord status`: how the synchronisation of each account stands.
use super::out::{Failure, Format, instant, json, line, table};
use super::{Context, account, open};
use crate::domain::ids::TenantId;
use crate::engine::status::{self, AccountStatus};
use clap::Args;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Only this tenant.
    #[arg(long)]
    tenant: Option<TenantId>,
    /// Everything about each account.
    #[arg(long)]
    long: bool,
}

pub(super) async fn run(context: &Context, arguments: &Arguments) -> Result<(), Failure> {
    let app = open::app(context).await?;
    let accounts = status::accounts(&app.engine, arguments.tenant, false).await;
    app.close().await;
    let accounts = accounts.map_err(open::refused)?;
    match (context.format, arguments.long) {
        (Format::Json, _) => json(&accounts),
        (Format::Text, _) if accounts.is_empty() => line("no account is connected"),
        (Format::Text, true) => accounts.iter().try_for_each(account::print),
        (Format::Text, false) => short(&accounts),
    }
}

fn short(accounts: &[AccountStatus]) -> Result<(), Failure> {
    let row = |a: &AccountStatus| {
        vec![
            a.email.clone(),
            a.state.clone(),
            instant(a.last_good_at),
            a.lag_seconds
                .map_or_else(|| "-".to_owned(), |seconds| format!("{seconds} s")),
            instant(a.next_try_at),
            a.waiting_changes.to_string(),
            a.braked.to_string(),
            a.quarantined.to_string(),
            a.open_questions.to_string(),
            a.mail.words(),
            a.last_error.clone().unwrap_or_else(|| "-".to_owned()),
        ]
    };
    let titles = [
        "ACCOUNT",
        "STATE",
        "LAST GOOD PASS",
        "LAG",
        "NEXT TRY",
        "WAITING",
        "BRAKED",
        "SET ASIDE",
        "QUESTIONS",
        "MAIL",
        "LAST ERROR",
    ];
    table(&titles, &accounts.iter().map(row).collect::<Vec<_>>())
}
