//! `workers drain` and `workers resume`: a machine is taken out of service without losing work, and put back.

use std::time::Duration;

use proto::v1::{DrainWorkerRequest, ResumeWorkerRequest, View, WorkerDuty};
use report::human;

use crate::context::Context;
use crate::coordinator::client::{self, FleetClient};
use crate::coordinator::session::{self, Purpose, Session};
use crate::coordinator::{credentials, rows};
use crate::durations;
use crate::failure::{Exit, Failure};
use crate::talk::Talk;

/// How often `--wait` looks.
const LOOK: Duration = Duration::from_millis(500);

/// Arguments of `workers drain`.
#[derive(Debug, Clone, clap::Args)]
pub struct DrainArgs {
    /// Workers: name, id, or unique prefix of an id
    #[arg(value_name = "NAME", required = true)]
    workers: Vec<String>,

    /// Save the trials that run there and give them back, for other workers to go on with
    #[arg(long)]
    now: bool,

    /// Wait until nothing runs there
    #[arg(long)]
    wait: bool,

    /// Give up waiting after so long, such as 90s or 2h, with exit code 124; they stay out of service
    #[arg(long, value_name = "DURATION", value_parser = durations::parse, requires = "wait")]
    timeout: Option<Duration>,
}

/// Arguments of `workers resume`.
#[derive(Debug, Clone, clap::Args)]
pub struct ResumeArgs {
    /// Workers: name, id, or unique prefix of an id
    #[arg(value_name = "NAME", required = true)]
    workers: Vec<String>,
}

/// Takes workers out of service.
///
/// # Errors
/// When there is no such worker (those named before it are out of service), and when the time is up.
pub async fn drain(args: &DrainArgs, context: &Context) -> Result<Exit, Failure> {
    session::with(context, Purpose::Stored, async |session| {
        let mut fleet = connect(session, context).await?;
        let mut drained = Vec::new();
        for worker in &args.workers {
            let request = DrainWorkerRequest { worker: worker.clone(), hand_over: args.now };
            let answer = fleet.drain_worker(request).await.map_err(|status| session.refused(&status))?;
            let duty = answer.into_inner().worker.unwrap_or_default();
            tell_drained(&duty, args.now, context.talk);
            drained.push(duty);
        }
        if args.wait {
            return wait(session, &drained, args.timeout, context.talk).await;
        }
        if drained.iter().any(is_busy) {
            context.talk.next("batchsweep workers  (those that are `drained` can be shut down)");
        }
        Ok(Exit::Success)
    })
    .await
}

/// Puts workers back into service.
///
/// # Errors
/// When there is no such worker; those named before it are back.
pub async fn resume(args: &ResumeArgs, context: &Context) -> Result<Exit, Failure> {
    session::with(context, Purpose::Stored, async |session| {
        let mut fleet = connect(session, context).await?;
        for worker in &args.workers {
            let request = ResumeWorkerRequest { worker: worker.clone() };
            let answer = fleet.resume_worker(request).await.map_err(|status| session.refused(&status))?;
            let duty = answer.into_inner().worker.unwrap_or_default();
            context.talk.say(format_args!("{} is back in service", duty.name));
        }
        Ok(Exit::Success)
    })
    .await
}

async fn connect(session: &Session, context: &Context) -> Result<FleetClient, Failure> {
    client::connect_for_fleet(&session.address, &credentials::of(context, &session.address)?).await
}

/// Whether something is still to end there. What a lost worker held goes back by itself.
fn is_busy(duty: &WorkerDuty) -> bool {
    duty.running > 0 && !duty.lost
}

fn tell_drained(duty: &WorkerDuty, now: bool, talk: Talk) {
    let WorkerDuty { name, running, lost, .. } = duty;
    let trials = human::count(*running, "trial");
    match (running, lost, now) {
        (0, ..) => talk.say(format_args!("{name} is out of service; nothing runs there")),
        (_, true, _) => talk.say(format_args!(
            "{name} is out of service; it was not heard of lately, and {trials} of its own will go back by themselves"
        )),
        (_, false, true) => {
            talk.say(format_args!("{name} is out of service; it saves {trials} and gives them back"));
        }
        (_, false, false) => talk.say(format_args!("{name} is out of service once it has finished {trials}")),
    }
}

/// Waits until none of these workers holds a trial.
async fn wait(
    session: &mut Session,
    drained: &[WorkerDuty],
    timeout: Option<Duration>,
    talk: Talk,
) -> Result<Exit, Failure> {
    let look = async {
        loop {
            let listed = rows::list(&mut session.client, View::Worker, "", "").await;
            let listed = listed.map_err(|status| session.refused(&status))?;
            let ours = (0..listed.rows.len()).filter(|&row| {
                let id = listed.text(row, "worker_id");
                drained.iter().any(|duty| Some(duty.worker_id.as_str()) == id)
            });
            let mut waits = false;
            for row in ours {
                let name = listed.text(row, "worker").unwrap_or_default();
                match listed.text(row, "status") {
                    Some("draining") => waits = true,
                    Some("idle" | "busy") => {
                        return Err(Failure::failed(format!("{name} was put back into service meanwhile")));
                    }
                    _ => {}
                }
            }
            if !waits {
                talk.say("nothing runs there any more");
                return Ok(Exit::Success);
            }
            tokio::time::sleep(LOOK).await;
        }
    };
    match timeout {
        None => look.await,
        Some(limit) => tokio::time::timeout(limit, look).await.unwrap_or_else(|_| {
            let limit = human::seconds(limit.as_secs_f64());
            let message = format!("trials still run there after {limit}; the workers stay out of service");
            Err(Failure::new(Exit::TimedOut, message).hint("see what runs with: batchsweep workers"))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_living_worker_holds_is_waited_for() {
        let duty = |running, lost| WorkerDuty { running, lost, ..WorkerDuty::default() };
        assert!(is_busy(&duty(1, false)));
        assert!(!is_busy(&duty(1, true)) && !is_busy(&duty(0, false)));
    }
}
