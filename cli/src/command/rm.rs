//! `rm`: sweeps and all that belongs to them, removed for ever.

use std::io::{self, IsTerminal, Write};

use proto::v1::{RemoveSweepsRequest, RemoveSweepsResponse, Sweep};
use report::human;

use crate::context::Context;
use crate::coordinator::session::{self, Purpose, Session};
use crate::display::trials;
use crate::failure::{Exit, Failure};
use crate::talk::Talk;

/// Arguments of `rm`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// The sweeps: id, unique prefix of one, name, or @last
    #[arg(value_name = "SWEEP", required = true)]
    sweeps: Vec<String>,

    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

/// Sweeps that go to the coordinator at a time, as it allows.
const AT_A_TIME: usize = 1_000;

/// Runs the verb.
///
/// # Errors
/// When there is no such sweep, or one has not ended; then none is removed.
pub async fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    session::with(context, Purpose::Stored, async |session| {
        remove(session, &args.sweeps, args.yes, context.talk).await
    })
    .await
}

/// Says what would be removed, asks, and removes it. With `yes` nobody is asked.
///
/// # Errors
/// When one is not there or has not ended, and when nobody can be asked.
pub async fn remove(
    session: &mut Session,
    sweeps: &[String],
    yes: bool,
    talk: Talk,
) -> Result<Exit, Failure> {
    if !yes {
        let mut found = Vec::new();
        for some in sweeps.chunks(AT_A_TIME) {
            found.extend(call(session, some, true).await?.sweeps);
        }
        if !confirmed(&found, talk)? {
            talk.say("nothing was removed");
            return Ok(Exit::Failed);
        }
    }
    let (mut removed, mut freed_bytes) = (Vec::new(), 0);
    for some in sweeps.chunks(AT_A_TIME) {
        let answer = call(session, some, false).await?;
        removed.extend(answer.sweeps);
        freed_bytes += answer.freed_bytes;
    }
    match removed.as_slice() {
        [sweep] => talk.say(format_args!("removed {}", described(sweep))),
        several => talk.say(format_args!("removed {}", human::count(several.len() as u64, "sweep"))),
    }
    talk.say(format_args!("freed {} on disk", human::bytes(freed_bytes)));
    Ok(Exit::Success)
}

async fn call(
    session: &mut Session,
    sweeps: &[String],
    validate_only: bool,
) -> Result<RemoveSweepsResponse, Failure> {
    let request = RemoveSweepsRequest { sweeps: sweeps.to_vec(), validate_only };
    let answer = session.client.remove_sweeps(request).await;
    answer.map(tonic::Response::into_inner).map_err(|status| session.refused(&status))
}

/// Its name, its id, and how much of it there is.
fn described(sweep: &Sweep) -> String {
    let (all, _) = trials(sweep.counts.as_ref());
    let all = human::count(all, "trial");
    match (sweep.name.as_str(), &sweep.sweep_id) {
        ("", id) => format!("{id} ({all})"),
        (name, id) => format!("{name} ({id}, {all})"),
    }
}

/// Sweeps that a question lists; of more it gives the number.
const LISTED: usize = 10;

fn confirmed(sweeps: &[Sweep], talk: Talk) -> Result<bool, Failure> {
    if !io::stdin().is_terminal() {
        return Err(Failure::usage("nobody can be asked here whether to remove them")
            .hint("with --yes they are removed without a question"));
    }
    for sweep in sweeps.iter().take(LISTED) {
        talk.say(described(sweep));
    }
    if sweeps.len() > LISTED {
        talk.say(format_args!("and {} more", sweeps.len() - LISTED));
    }
    let them = human::count(sweeps.len() as u64, "sweep");
    // Whoever wants no talk still has to answer.
    let mut stderr = anstream::stderr().lock();
    let _ = write!(stderr, "Remove {them} with all results, for ever? [y/N] ").and_then(|()| stderr.flush());
    let mut answer = String::new();
    io::stdin().read_line(&mut answer).map_err(|error| Failure::io("cannot read the answer", &error))?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

#[cfg(test)]
mod tests {
    use proto::v1::TrialCounts;

    use super::*;

    #[test]
    fn a_sweep_is_described_by_name_id_and_size() {
        let counts = Some(TrialCounts { succeeded: 2, failed: 1, ..TrialCounts::default() });
        let sweep = Sweep { sweep_id: "01a2".to_owned(), counts, ..Sweep::default() };
        assert_eq!(described(&sweep), "01a2 (3 trials)");
        assert_eq!(described(&Sweep { name: "mlp".to_owned(), ..sweep }), "mlp (01a2, 3 trials)");
    }
}
