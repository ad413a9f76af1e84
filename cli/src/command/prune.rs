//! `prune`: sweeps that ended long ago, removed for ever.

use std::time::{Duration, SystemTime};

use domain::units::TimeSpan;
use proto::v1::Sweep;

use crate::context::Context;
use crate::coordinator::session::{self, Purpose, Session};
use crate::coordinator::sweeps;
use crate::failure::{Exit, Failure};

use super::rm;

/// Arguments of `prune`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Only those whose last trial ended longer ago than this, such as 90d or 12h
    #[arg(long, value_name = "DURATION")]
    older_than: TimeSpan,

    /// Keep sweeps that have a tag
    #[arg(long)]
    keep_tagged: bool,

    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

/// Runs the verb.
///
/// # Errors
/// When nobody can be asked, and when no coordinator answers.
pub async fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    session::with(context, Purpose::Stored, async |session| {
        let old = old(session, args, SystemTime::now()).await?;
        if old.is_empty() {
            context.talk.say("no sweep is that old");
            return Ok(Exit::Success);
        }
        rm::remove(session, &old, args.yes, context.talk).await
    })
    .await
}

/// The ids of what is to go.
async fn old(session: &mut Session, args: &Args, now: SystemTime) -> Result<Vec<String>, Failure> {
    let all = sweeps::all(&mut session.client).await.map_err(|status| session.refused(&status))?;
    let old = all.into_iter().filter(|sweep| is_old(sweep, args.older_than.0, args.keep_tagged, now));
    Ok(old.map(|sweep| sweep.sweep_id).collect())
}

fn is_old(sweep: &Sweep, age: Duration, keep_tagged: bool, now: SystemTime) -> bool {
    let ended = sweep.finished_at.and_then(|time| SystemTime::try_from(time).ok());
    let is_old = ended.and_then(|ended| now.duration_since(ended).ok()).is_some_and(|passed| passed > age);
    is_old && (!keep_tagged || sweep.tags.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_ended_long_ago_and_has_no_tag_that_keeps_it() {
        const DAY: Duration = Duration::from_secs(86_400);
        let now = SystemTime::UNIX_EPOCH + 100 * DAY;
        let ended = |days: u32, tags: &[&str]| Sweep {
            finished_at: Some((now - days * DAY).into()),
            tags: tags.iter().map(|&tag| tag.to_owned()).collect(),
            ..Sweep::default()
        };
        assert!(is_old(&ended(8, &[]), 7 * DAY, false, now));
        assert!(!is_old(&ended(6, &[]), 7 * DAY, false, now));
        assert!(is_old(&ended(8, &["paper"]), 7 * DAY, false, now));
        assert!(!is_old(&ended(8, &["paper"]), 7 * DAY, true, now));
        assert!(!is_old(&Sweep::default(), 7 * DAY, false, now), "it has not ended");
    }
}
