//! `watch`: a sweep, until it ends.

use std::cell::RefCell;
use std::time::Duration;

use domain::text::printable;
use proto::v1::{GetSweepRequest, Sweep, SweepState, TrialCounts};
use report::human;

use crate::context::Context;
use crate::coordinator::presence::{Lack, Presence};
use crate::coordinator::session::{self, Purpose, Session};
use crate::display::{Display, trials};
use crate::failure::{Exit, Failure};
use crate::talk::Talk;
use crate::{durations, follow};

/// Arguments of `watch`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// The sweep: id, unique prefix of it, name, or @last
    #[arg(value_name = "SWEEP")]
    sweep: String,

    /// Give up watching after so long, such as 90s or 2h; the sweep goes on
    #[arg(long, value_name = "DURATION", value_parser = durations::parse)]
    timeout: Option<Duration>,
}

/// Runs the verb.
///
/// # Errors
/// When there is no such sweep, or no coordinator.
pub async fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let outcome = session::with(context, Purpose::Stored, async |session| {
        follow(session, &args.sweep, args.timeout, context).await
    });
    tell_detached(outcome.await, &args.sweep, context)
}

/// Follows a sweep to its end and says how it ended.
///
/// # Errors
/// When there is no such sweep, the coordinator stays away, or the time is up.
pub async fn follow(
    session: &Session,
    sweep: &str,
    timeout: Option<Duration>,
    context: &Context,
) -> Result<Exit, Failure> {
    let last = until_end(session, sweep, timeout, Display::new(context.talk)).await?;
    context.talk.say(summary(last.counts.as_ref()));
    if tell_set_aside(&last, "", context.talk) {
        return Ok(follow::exit(&last));
    }
    match follow::exit(&last) {
        Exit::Failed => context.talk.next(format_args!("batchsweep trials {sweep} --status failed")),
        _ => context.talk.next(format_args!("batchsweep results {sweep}")),
    }
    Ok(follow::exit(&last))
}

/// Shows a sweep up to its end, or until the time is up; gives its last state.
///
/// # Errors
/// As [`follow()`].
pub async fn until_end(
    session: &Session,
    sweep: &str,
    timeout: Option<Duration>,
    display: Display,
) -> Result<Sweep, Failure> {
    refuse_to_wait_in_vain(session, sweep).await?;
    let display = RefCell::new(display);
    let end = follow::to_the_end(session, sweep, &display);
    let end = match timeout {
        None => end.await,
        Some(limit) => tokio::time::timeout(limit, end).await.unwrap_or_else(|_| {
            let message =
                format!("the sweep has not ended within {}; it goes on", human::seconds(limit.as_secs_f64()));
            Err(Failure::new(Exit::TimedOut, message)
                .hint(format!("watch it again with: batchsweep watch {sweep}")))
        }),
    };
    display.borrow_mut().finish();
    end
}

/// A coordinator that was started for this command alone has no worker, and gets none: waiting there would never end.
async fn refuse_to_wait_in_vain(session: &Session, sweep: &str) -> Result<(), Failure> {
    if !matches!(session.presence, Presence::Nobody) {
        return Ok(());
    }
    let found = session.client.clone().get_sweep(GetSweepRequest { sweep: sweep.to_owned() }).await;
    let found = found.map_err(|status| session.refused(&status))?.into_inner().sweep.unwrap_or_default();
    if follow::has_ended(&found) || follow::is_set_aside(&found) {
        return Ok(());
    }
    let counts = found.counts.unwrap_or_default();
    let open = human::count(counts.undecided + counts.pending + counts.running, "open trial");
    let resume = if found.state() == SweepState::Paused {
        format!(" && batchsweep resume {sweep}")
    } else {
        String::new()
    };
    Err(Failure::failed(format!("the sweep has {open}, but the local stack is stopped: {}", Lack::NoWorker))
        .hint(format!("batchsweep up{resume} && batchsweep watch {sweep}")))
}

/// Says why a sweep was set aside, and how it goes on, after what is to be done `first`; whether it was.
pub fn tell_set_aside(sweep: &Sweep, first: &str, talk: Talk) -> bool {
    if !follow::is_set_aside(sweep) {
        return false;
    }
    talk.warn(format_args!("the sweep is paused: {}", printable(&sweep.pause_reason)));
    let has_failed = sweep.counts.is_some_and(|counts| counts.failed > 0);
    let retry = if has_failed { format!(" && batchsweep retry {}", sweep.sweep_id) } else { String::new() };
    talk.next(format_args!("{first}batchsweep resume {}{retry}  (once the cause is mended)", sweep.sweep_id));
    true
}

/// Ctrl-C on a sweep that others train ends the watching, not the sweep.
///
/// # Errors
/// The outcome's own.
pub fn tell_detached(
    outcome: Result<Exit, Failure>,
    sweep: &str,
    context: &Context,
) -> Result<Exit, Failure> {
    if matches!(&outcome, Err(failure) if failure.exit == Exit::Interrupted) && !sweep.is_empty() {
        context.talk.say(format_args!("detached; the sweep goes on: batchsweep watch {sweep}"));
    }
    outcome
}

/// `9 trials: 7 succeeded, 2 diverged`
#[must_use]
pub fn summary(counts: Option<&TrialCounts>) -> String {
    format!("{}: {}", human::count(trials(counts).0, "trial"), by_state(counts))
}

/// `7 succeeded, 2 diverged`
#[must_use]
pub fn by_state(counts: Option<&TrialCounts>) -> String {
    let counts = counts.copied().unwrap_or_default();
    let parts = [
        (counts.succeeded, "succeeded"),
        (counts.diverged, "diverged"),
        (counts.infeasible, "infeasible"),
        (counts.stopped, "stopped"),
        (counts.skipped, "skipped"),
        (counts.failed, "failed"),
        (counts.cancelled, "cancelled"),
        (counts.running, "running"),
        (counts.pending, "pending"),
        (counts.undecided, "undecided"),
    ];
    let parts = parts.iter().filter(|(count, _)| *count > 0);
    parts.map(|(count, word)| format!("{} {word}", human::whole(*count))).collect::<Vec<_>>().join(", ")
}
