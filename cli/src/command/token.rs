//! `token`: who may call a coordinator, for administrators.

use std::path::PathBuf;
use std::time::Duration;

use proto::Token;
use proto::v1::{CreateTokenRequest, ListTokensRequest, RevokeTokensRequest, TokenInfo};
use report::{Column, ColumnKind, Table, rows};

use crate::context::Context;
use crate::coordinator::{refusal, session};
use crate::failure::{Exit, Failure};
use crate::output::{self, OutputArgs};
use crate::{durations, timestamp};

/// What to do with tokens.
#[derive(Debug, Clone, clap::Subcommand)]
pub enum Args {
    /// Make a token and print it alone, or write it to a file that only you may read
    Create(CreateArgs),
    /// List tokens, newest first; the tokens themselves are not kept
    Ls {
        /// Also those that have expired or were revoked
        #[arg(long)]
        all: bool,

        /// Form of the result.
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Revoke one token by its id, or all of a name; coordinators notice within seconds
    Revoke {
        /// Name or id
        #[arg(value_name = "NAME|ID")]
        token: String,
    },
}

/// A token to make.
#[derive(Debug, Clone, clap::Args)]
pub struct CreateArgs {
    /// Whom it is for; several tokens may have one name, so that one can take another's place
    #[arg(value_name = "NAME")]
    name: String,

    /// What it allows: submit, work, read or admin; give it several times for several
    #[arg(long = "scope", value_name = "SCOPE", required = true)]
    scopes: Vec<domain::access::Scope>,

    /// How long it is valid, such as 12h or 90d [default: for ever]
    #[arg(long, value_name = "DURATION", value_parser = durations::parse)]
    expires: Option<Duration>,

    /// A new file to write it to instead
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Runs the verb.
///
/// # Errors
/// When the coordinator refuses, and when a file cannot be written.
pub async fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    match args {
        Args::Create(args) => create(args, context).await,
        Args::Ls { all, output } => {
            let request = ListTokensRequest { all: *all };
            let tokens = session::with_tokens(context, async |client, address| {
                let answer = client.list_tokens(request).await;
                Ok(answer.map_err(|status| refusal::failure(&status, address))?.into_inner().tokens)
            });
            output::table(output.format, &table(&tokens.await?), |table| rows::readable(table, &[]))?;
            Ok(Exit::Success)
        }
        Args::Revoke { token } => {
            let request = RevokeTokensRequest { token: token.clone() };
            let revoked = session::with_tokens(context, async |client, address| {
                let answer = client.revoke_tokens(request).await;
                Ok(answer.map_err(|status| refusal::failure(&status, address))?.into_inner().revoked)
            });
            let revoked = revoked.await?;
            for token in &revoked {
                context.talk.say(format_args!("revoked {} of {}", token.token_id, token.name));
            }
            if revoked.is_empty() {
                context.talk.say(format_args!("{token} was revoked before"));
            }
            Ok(Exit::Success)
        }
    }
}

async fn create(args: &CreateArgs, context: &Context) -> Result<Exit, Failure> {
    if let Some(file) = args.out.as_ref().filter(|file| file.exists()) {
        return Err(Failure::failed(format!("{} is there already, and is not overwritten", file.display())));
    }
    let request = CreateTokenRequest {
        name: args.name.clone(),
        scopes: args.scopes.iter().map(ToString::to_string).collect(),
        lifetime: args.expires.map(lifetime).transpose()?,
    };
    let made = session::with_tokens(context, async |client, address| {
        let answer = client.create_token(request).await;
        Ok(answer.map_err(|status| refusal::failure(&status, address))?.into_inner())
    });
    let made = made.await?;
    let info = made.info.unwrap_or_default();
    match &args.out {
        Some(file) => {
            let token = Token::parse(&made.token)
                .ok_or_else(|| Failure::failed("the coordinator answered without a token"))?;
            let failed = |error| Failure::io(format!("cannot write {}", file.display()), &error);
            token.write_new(file).map_err(|error| {
                failed(error).hint(format!("revoke it with: batchsweep token revoke {}", info.token_id))
            })?;
            context.talk.say(format_args!(
                "token {} of {} is in {}",
                info.token_id,
                info.name,
                file.display()
            ));
        }
        None => {
            output::text(&format!("{}\n", made.token))?;
            context.talk.say(format_args!("token {} of {}; it is not shown again", info.token_id, info.name));
        }
    }
    Ok(Exit::Success)
}

fn lifetime(duration: Duration) -> Result<prost_types::Duration, Failure> {
    duration.try_into().map_err(|_| Failure::usage("--expires is too long"))
}

fn table(tokens: &[TokenInfo]) -> Table {
    const COLUMNS: [&str; 7] = ["token_id", "name", "scopes", "created_at", "used_at", "expires_at", "state"];
    let rows = tokens.iter().map(|token| {
        let state = match (token.valid, &token.revoked_at) {
            (true, _) => "valid",
            (false, Some(_)) => "revoked",
            (false, None) => "expired",
        };
        vec![
            Some(token.token_id.clone()),
            Some(token.name.clone()),
            Some(token.scopes.join(" ")),
            token.created_at.as_ref().map(timestamp::text),
            token.used_at.as_ref().map(timestamp::text),
            token.expires_at.as_ref().map(timestamp::text),
            Some(state.to_owned()),
        ]
    });
    Table {
        columns: COLUMNS.map(|name| Column { name: name.to_owned(), kind: ColumnKind::Text }).to_vec(),
        rows: rows.collect(),
    }
}
