//! `accord ledger verify|export`: whether the record of proposals, decisions and mails is whole, and the record itself.
use super::out::{Failure, Format, Progress, json, line, say};
use super::{Context, open};
use crate::app::App;
use crate::domain::ids::TenantId;
use crate::domain::ledger::chain::{OutsideHead, Problem};
use crate::domain::ledger::from_hex;
use crate::engine::ledger::{self, Checked};
use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Look for any change, gap or reordering, from the first row to the last.
    Verify {
        /// Only this tenant's.
        #[arg(long)]
        tenant: Option<TenantId>,
        /// A head noted outside of the database, for example in the log: row number and hash.
        #[arg(long, value_name = "SEQ:HASH", value_parser = outside_head, requires = "tenant")]
        head: Option<OutsideHead>,
    },
    /// Print the ledger as JSON lines, which can be checked without Accord (docs/ledger.md).
    Export {
        /// The tenant.
        #[arg(long)]
        tenant: TenantId,
        /// The first row.
        #[arg(long, value_name = "SEQ", default_value_t = 1, value_parser = clap::value_parser!(i64).range(1..))]
        from: i64,
    },
}

fn outside_head(text: &str) -> Result<OutsideHead, String> {
    let parsed = text.split_once(':').and_then(|(seq, hash)| {
        let seq = seq.parse().ok().filter(|seq| *seq >= 0)?;
        let hash = from_hex(hash)?.try_into().ok()?;
        Some(OutsideHead { seq, hash })
    });
    parsed.ok_or_else(|| {
        "expected a row number, a colon and 64 hex digits, as `accord ledger verify` prints them".to_owned()
    })
}

pub(super) async fn run(context: &Context, command: Command) -> Result<(), Failure> {
    let app = open::app(context).await?;
    let done = act(context.format, &app, command).await;
    app.close().await;
    done
}

async fn act(format: Format, app: &App, command: Command) -> Result<(), Failure> {
    match command {
        Command::Verify { tenant, head } => {
            let checked = check(app, tenant, head).await?;
            match format {
                Format::Json => json(&checked)?,
                Format::Text if checked.is_empty() => line("there is no ledger yet")?,
                Format::Text => checked.iter().try_for_each(print)?,
            }
            verdict(&checked)
        }
        Command::Export { tenant, from } => {
            open::tenant(app, tenant).await?;
            ledger::export(&app.engine, tenant, from, |text| line(text)).await
        }
    }
}

async fn check(app: &App, tenant: Option<TenantId>, head: Option<OutsideHead>) -> Result<Vec<Checked>, Failure> {
    let tenants = match tenant {
        Some(tenant) => {
            open::tenant(app, tenant).await?;
            vec![tenant]
        }
        None => ledger::tenants(&app.engine).await?,
    };
    let _progress = Progress::of("reading the ledger");
    let mut checked = Vec::new();
    for tenant in tenants {
        checked.push(ledger::verify(&app.engine, tenant, head).await?);
    }
    Ok(checked)
}

fn print(checked: &Checked) -> Result<(), Failure> {
    let (tenant, rows, seq, hash) = (checked.tenant, checked.rows, checked.seq, &checked.hash);
    line(format_args!("tenant {tenant}: {rows} rows, head {seq}:{hash}"))?;
    for Problem { seq, problem } in &checked.problems {
        match seq {
            Some(seq) => line(format_args!("  row {seq} {problem}"))?,
            None => line(format_args!("  {problem}"))?,
        }
    }
    let untold = checked.problem_count - checked.problems.len();
    if untold > 0 {
        line(format_args!("  and {untold} more"))?;
    }
    Ok(())
}

fn verdict(checked: &[Checked]) -> Result<(), Failure> {
    let problems: usize = checked.iter().map(|checked| checked.problem_count).sum();
    if problems > 0 {
        let found = if problems == 1 {
            "1 problem".to_owned()
        } else {
            format!("{problems} problems")
        };
        return Err(
            Failure::failed(format_args!("{found}: the ledger is not as it was written"))
                .hint("compare with an export or a backup from before; the log holds heads that were good then"),
        );
    }
    match checked {
        [] => {}
        [checked] if checked.sure_to.is_some_and(|seq| seq == checked.seq) => {
            say("nothing was changed and nothing was cut off")
        }
        [checked] if checked.sure_to.is_some() => {
            let seq = checked.sure_to.unwrap_or_default();
            say(format_args!(
                "nothing was changed, and nothing was cut off up to row {seq}; whether rows after row {} were cut off cannot be told",
                checked.seq
            ));
        }
        _ => {
            say("nothing was changed; whether the newest rows were cut off cannot be told without a head from outside");
            say("hint: --tenant ID --head SEQ:HASH compares with one; the log has one every hour (\"ledger head\")");
        }
    }
    Ok(())
}
