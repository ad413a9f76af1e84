//! `run`: a whole sweep on this machine, in one command.

use std::cell::RefCell;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use proto::v1::{
    CancelSweepRequest, GetSweepRequest, PauseSweepRequest, ResumeSweepRequest, RetrySweepRequest, Sweep,
    SweepState,
};
use report::human;
use tokio::sync::mpsc::UnboundedReceiver;

use crate::context::Context;
use crate::coordinator::address::{Address, Origin};
use crate::coordinator::presence::Presence;
use crate::coordinator::session::Session;
use crate::coordinator::{client, credentials, sign_in, sweeps};
use crate::display::Display;
use crate::failure::{Exit, Failure};
use crate::interrupt::{Interrupt, Interrupts};
use crate::local::record::Record;
use crate::local::service::Event;
use crate::local::{Lifetime, Stack, StackOptions, Workers};
use crate::output::{Format, OutputArgs};
use crate::preview::TryOut;
use crate::spec_args::SpecArgs;
use crate::spec_file::{Readers, SpecFile};
use crate::talk::Talk;
use crate::trainer::{PATIENCE, TrainerOptions};
use crate::{analysis, conclusion, follow, submission};

use super::up::WorkerArgs;
use super::watch;

/// Arguments of `run`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// The sweep file
    #[arg(value_name = "SPEC", required_unless_present = "resume")]
    spec: Option<PathBuf>,

    /// Sets one key of the sweep file, such as grid.batch_size='[8, 16]'; may be repeated
    #[arg(long, value_name = "KEY=VALUE", conflicts_with = "resume")]
    set: Vec<String>,

    /// Go on with a sweep that was interrupted: trials without a result are trained, from their checkpoints where there are any
    #[arg(long, value_name = "SWEEP", conflicts_with = "spec")]
    resume: Option<String>,

    #[command(flatten)]
    workers: WorkerArgs,

    /// Leave the local stack running afterwards
    #[arg(long)]
    keep: bool,

    #[command(flatten)]
    output: OutputArgs,
}

/// What is to be trained.
enum Wanted {
    /// A sweep that nobody has seen before.
    New(Box<SpecFile>),
    /// What is left of this one.
    Again(String),
}

impl Args {
    fn wanted(&self) -> Result<Wanted, Failure> {
        if let Some(sweep) = &self.resume {
            return Ok(Wanted::Again(sweep.clone()));
        }
        self.spec_args().load(Readers::LocalWorkers).map(|spec| Wanted::New(Box::new(spec)))
    }

    fn spec_args(&self) -> SpecArgs {
        SpecArgs { spec: self.spec.clone().unwrap_or_default(), set: self.set.clone() }
    }
}

/// After the second Ctrl-C the coordinator has so long to note the end of the sweep.
const LAST_WORDS: Duration = Duration::from_secs(3);

/// Runs the verb.
///
/// # Errors
/// For a bad sweep file, a stack that does not start, and whatever keeps the sweep from its end.
pub async fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    if context.globals.coordinator.is_some() {
        return Err(Failure::usage("`run` trains on this machine and takes no --coordinator")
            .hint("to have another coordinator run it: batchsweep submit SPEC --wait"));
    }
    let wanted = args.wanted()?;
    let workers = args.workers.workers()?;
    let lifetime = if args.keep { Lifetime::Stays } else { Lifetime::WithUs };
    let options = StackOptions { workers: Some(workers.clone()), lifetime };
    // Reading a file may take long, or for ever: until here Ctrl-C ends the command by itself.
    let mut interrupts = Interrupts::listen()?;
    let state = context.state_dir()?;
    if args.workers.is_set() && !Record::load(&state).workers.is_empty() {
        return Err(Failure::usage("a local stack runs already, and its workers keep their settings").hint(
            "stop it first with: batchsweep down; or leave out --workers, --device and --memory-limit",
        ));
    }
    let start = Instant::now();
    let try_out = begin_to_try_out(args, &workers, context.talk)?;
    let mut stack = tokio::select! {
        stack = Stack::start(&state, &options, context.talk) => stack?,
        // What has been started so far ends with this command.
        _ = interrupts.next() => return Err(Failure::silent(Exit::Interrupted)),
    };
    if stack.started().is_empty() {
        context.talk.say(format_args!("using the local stack at {}", stack.url()));
    } else {
        context.talk.say(format_args!(
            "started the local stack in {}",
            human::seconds(start.elapsed().as_secs_f64())
        ));
    }
    let events = stack.supervise();
    let outcome = match tried_out(try_out, &wanted, &mut interrupts, context.talk).await {
        Ok(()) => sweep(&stack, events, &wanted, args.output.format, &mut interrupts, context).await,
        Err(failure) => Err(failure),
    };
    if matches!(&outcome, Err(failure) if failure.exit == Exit::Interrupted) {
        stack.stop_now().await?;
        return outcome;
    }
    tokio::select! {
        stopped = stack.stop() => stopped?,
        _ = interrupts.next() => {}
    }
    outcome
}

/// Data and model are read and built beside the start of the stack, where the first worker will be.
fn begin_to_try_out(args: &Args, workers: &Workers, talk: Talk) -> Result<Option<TryOut>, Failure> {
    if args.resume.is_some() {
        return Ok(None);
    }
    let device = workers.devices.first().cloned().unwrap_or_else(|| "cpu".to_owned());
    let spec = args.spec_args().load(Readers::ThisCommand)?;
    let is_hosted = spec.sweep.needs_python();
    Ok(Some(TryOut::begin(
        spec.sweep,
        TrainerOptions {
            device,
            is_hosted,
            python: workers.python.clone(),
            memory_limit: None,
            patience: PATIENCE,
            talk,
        },
    )))
}

async fn tried_out(
    try_out: Option<TryOut>,
    wanted: &Wanted,
    interrupts: &mut Interrupts,
    talk: Talk,
) -> Result<(), Failure> {
    let (Some(try_out), Wanted::New(spec)) = (try_out, wanted) else { return Ok(()) };
    let preview = tokio::select! {
        preview = try_out.end() => preview?,
        _ = interrupts.next() => return Err(Failure::silent(Exit::Interrupted)),
    };
    preview.show(&spec.sweep, talk);
    Ok(())
}

async fn sweep(
    stack: &Stack,
    mut events: UnboundedReceiver<Event>,
    wanted: &Wanted,
    format: Format,
    interrupts: &mut Interrupts,
    context: &Context,
) -> Result<Exit, Failure> {
    let address = Address { url: stack.url().to_owned(), origin: Origin::LocalStack };
    let (session, submitted) = tokio::select! {
        begun = begin(stack, address, wanted, context) => begun?,
        _ = interrupts.next() => return Err(Failure::silent(Exit::Interrupted)),
    };
    let (trials, _) = crate::display::trials(submitted.counts.as_ref());
    context.talk.say(format_args!("sweep {}: {}", submitted.sweep_id, human::count(trials, "trial")));
    sign_in::tell(context, stack.url(), stack.page(), &format!("/sweeps/{}", submitted.sweep_id)).await;
    let display = RefCell::new(Display::new(context.talk));
    let end = until_end(&session, &submitted.sweep_id, &display, &mut events, interrupts).await;
    display.borrow_mut().finish();
    let (last, interrupted) = end?;
    tokio::select! {
        concluded = conclude(&session, &last, format, interrupted, context.talk) => concluded,
        _ = interrupts.next() => Err(Failure::silent(Exit::Interrupted)),
    }
}

async fn begin(
    stack: &Stack,
    address: Address,
    wanted: &Wanted,
    context: &Context,
) -> Result<(Session, Sweep), Failure> {
    let client = client::connect(&address, &credentials::of(context, &address)?).await?;
    let session = Session { client, address, presence: Presence::Local(context.state_dir()?) };
    let earlier = match wanted {
        Wanted::New(_) => None,
        Wanted::Again(sweep) => Some(find(&session, sweep).await?),
    };
    if stack.started_coordinator() {
        let kept = earlier.as_ref().map(|sweep| sweep.sweep_id.as_str());
        set_leftovers_aside(&session, kept, context.talk).await?;
    }
    let sweep = match (wanted, earlier) {
        (Wanted::New(spec), _) => submission::submit(&session, spec, None, context.talk).await?,
        (Wanted::Again(_), earlier) => again(&session, &earlier.unwrap_or_default(), context.talk).await?,
    };
    Ok((session, sweep))
}

async fn find(session: &Session, sweep: &str) -> Result<Sweep, Failure> {
    let found = session.client.clone().get_sweep(GetSweepRequest { sweep: sweep.to_owned() }).await;
    Ok(found.map_err(|status| session.refused(&status))?.into_inner().sweep.unwrap_or_default())
}

/// Puts what a sweep has without a result back into the queue, and has it handed out.
async fn again(session: &Session, sweep: &Sweep, talk: Talk) -> Result<Sweep, Failure> {
    let mut client = session.client.clone();
    let refused = |status| session.refused(&status);
    let counts = sweep.counts.unwrap_or_default();
    let lost = counts.failed + counts.cancelled;
    let open = lost + counts.undecided + counts.pending + counts.running;
    let id = &sweep.sweep_id;
    if open == 0 {
        return Err(Failure::failed(format!(
            "every trial of sweep {id} has a result: there is nothing to go on with"
        ))
        .hint(format!("see them with: batchsweep show {id}")));
    }
    if lost > 0 {
        client.retry_sweep(RetrySweepRequest { sweep: id.clone() }).await.map_err(refused)?;
    }
    let resumed = client.resume_sweep(ResumeSweepRequest { sweep: id.clone() }).await.map_err(refused)?;
    talk.say(format_args!("going on with {}", human::count(open, "trial")));
    Ok(resumed.into_inner().sweep.unwrap_or_default())
}

/// Follows the sweep. The first Ctrl-C lets running trials finish, the second stops them. When the terminal goes away, nobody
/// is there for a second one: the sweep is paused, and can be resumed.
async fn until_end(
    session: &Session,
    sweep: &str,
    display: &RefCell<Display>,
    events: &mut UnboundedReceiver<Event>,
    interrupts: &mut Interrupts,
) -> Result<(Sweep, bool), Failure> {
    let mut following = std::pin::pin!(follow::to_the_end(session, sweep, display));
    let mut interrupted = 0;
    let mut deadline: Option<tokio::time::Instant> = None;
    loop {
        let patience = async {
            match deadline {
                Some(deadline) => tokio::time::sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            last = &mut following => return last.map(|last| (last, interrupted > 0)),
            Some(event) = events.recv() => match event {
                Event::Restarted(text) => display.borrow().note(&text),
                Event::GaveUp(failure) => {
                    end_at_once(session, sweep).await;
                    return Err(failure);
                }
            },
            interrupt = interrupts.next() => {
                if interrupt == Interrupt::HungUp {
                    display.borrow().note(&format!(
                        "the terminal went away: the sweep is paused, running trials stop at once; to go on: batchsweep run --resume {sweep}"
                    ));
                    pause(session, sweep).await;
                    return Err(Failure::silent(Exit::Interrupted));
                }
                interrupted += 1;
                let drain = interrupted == 1;
                if interrupted > 2 {
                    return Err(Failure::silent(Exit::Interrupted));
                }
                display.borrow().note(if drain {
                    "interrupted: running trials finish, no other starts; Ctrl-C again stops them now"
                } else {
                    "stopping"
                });
                deadline = (!drain).then(|| tokio::time::Instant::now() + LAST_WORDS);
                let mut client = session.client.clone();
                let request = CancelSweepRequest { sweep: sweep.to_owned(), drain };
                // Not awaited: following goes on meanwhile, and sees what comes of it.
                tokio::spawn(async move { client.cancel_sweep(request).await });
            }
            () = patience => return Err(Failure::silent(Exit::Interrupted)),
        }
    }
}

/// Ends a sweep that nobody is going to train; without it, its trials would wait for the next worker.
async fn end_at_once(session: &Session, sweep: &str) {
    let request = CancelSweepRequest { sweep: sweep.to_owned(), drain: false };
    // It may be the coordinator that is gone; then the next `run` sets the sweep aside.
    let _ = tokio::time::timeout(LAST_WORDS, session.client.clone().cancel_sweep(request)).await;
}

/// Sets a sweep aside for later: what ran has saved its state, and `resume` goes on.
async fn pause(session: &Session, sweep: &str) {
    let request = PauseSweepRequest { sweep: sweep.to_owned() };
    // A coordinator that does not answer is no reason to stay; then the next `run` sets the sweep aside.
    let _ = tokio::time::timeout(LAST_WORDS, session.client.clone().pause_sweep(request)).await;
}

async fn conclude(
    session: &Session,
    last: &Sweep,
    format: Format,
    interrupted: bool,
    talk: Talk,
) -> Result<Exit, Failure> {
    conclusion::write_end(&analysis::fetch(session, &last.sweep_id).await?, format, talk)?;
    if !interrupted && watch::tell_set_aside(last, "batchsweep up && ", talk) {
        return Ok(Exit::Failed);
    }
    let exit = if interrupted { Exit::Interrupted } else { follow::exit(last) };
    match exit {
        Exit::Failed => talk.next("batchsweep logs INDEX  (what a failed trial said)"),
        Exit::Interrupted => {
            talk.next(format_args!("batchsweep run --resume {}  (trains the rest)", last.sweep_id));
        }
        _ => talk.next("batchsweep best @last  (each batch size, and every warning)"),
    }
    Ok(exit)
}

/// Sweeps whose `run` was killed would now be trained first, unasked. They are paused, and said to be; all but the one that is
/// to go on.
async fn set_leftovers_aside(session: &Session, kept: Option<&str>, talk: Talk) -> Result<(), Failure> {
    let mut client = session.client.clone();
    let sweeps = sweeps::all(&mut client).await.map_err(|status| session.refused(&status))?;
    let is_left =
        |sweep: &Sweep| sweep.state() == SweepState::Active && kept != Some(sweep.sweep_id.as_str());
    for sweep in sweeps.into_iter().filter(is_left) {
        let request = PauseSweepRequest { sweep: sweep.sweep_id.clone() };
        client.pause_sweep(request).await.map_err(|status| session.refused(&status))?;
        let counts = sweep.counts.unwrap_or_default();
        talk.warn(format_args!(
            "sweep {} was left with {} and is paused; to go on: batchsweep run --resume {}",
            sweep.sweep_id,
            human::count(counts.undecided + counts.pending + counts.running, "open trial"),
            sweep.sweep_id,
        ));
    }
    Ok(())
}
