//! `sql`: one read-only statement on the results.

use std::io::{self, IsTerminal, Read};

use proto::v1::{GetServerInfoRequest, QueryRequest};
use report::rows as sheets;

use crate::context::Context;
use crate::coordinator::session::{self, Purpose};
use crate::failure::{Exit, Failure};
use crate::output::{self, OutputArgs};

/// Arguments of `sql`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// The statement; without it, standard input is read. The views are in schema `batchsweep`
    #[arg(value_name = "QUERY")]
    query: Option<String>,

    /// Print the connection string of the read-only role instead
    #[arg(long, conflicts_with = "query")]
    url: bool,

    #[command(flatten)]
    output: OutputArgs,
}

/// Runs the verb.
///
/// # Errors
/// For a statement that Postgres refuses, and when no coordinator answers.
pub async fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    if args.url {
        return print_url(context).await;
    }
    let sql = statement(args)?;
    let answer = session::with(context, Purpose::Stored, async |session| {
        let answer = session.client.query(QueryRequest { sql }).await;
        answer.map_err(|status| session.refused(&status))
    });
    let answer = answer.await?.into_inner();
    output::table(
        args.output.format,
        &proto::table::from_wire(answer.table.unwrap_or_default()),
        sheets::verbatim,
    )?;
    if answer.truncated {
        context.talk.warn(
            "only the first rows are shown; to get all, connect with: psql \"$(batchsweep sql --url)\"",
        );
    }
    Ok(Exit::Success)
}

async fn print_url(context: &Context) -> Result<Exit, Failure> {
    let info = session::with(context, Purpose::Work, async |session| {
        let answer = session.client.get_server_info(GetServerInfoRequest {}).await;
        answer.map_err(|status| session.refused(&status))
    });
    output::text(&format!("{}\n", info.await?.into_inner().reader_url))?;
    Ok(Exit::Success)
}

/// Of a statement, as much is read: standard input may have no end.
const MOST_BYTES: u64 = 2 << 20;

fn statement(args: &Args) -> Result<String, Failure> {
    if let Some(query) = &args.query {
        return Ok(query.clone());
    }
    let stdin = io::stdin();
    if stdin.is_terminal() {
        return Err(Failure::usage("no statement was given")
            .hint("for example: batchsweep sql 'select * from batchsweep.result'; or pipe one in"));
    }
    let mut text = String::new();
    // The coordinator takes a mebibyte; where there is more, it says so.
    stdin
        .lock()
        .take(MOST_BYTES)
        .read_to_string(&mut text)
        .map_err(|error| Failure::io("cannot read the statement", &error))?;
    if text.trim().is_empty() { Err(Failure::usage("the statement is empty")) } else { Ok(text) }
}
