//! A coordinator for one command: the one that was named, else the stack on this machine, else one started for this
//! command alone, so that results can be read right after a `run`.

use crate::context::Context;
use crate::coordinator::address::{Address, Origin};
use crate::coordinator::client::{self, Client, TokenClient};
use crate::coordinator::presence::Presence;
use crate::coordinator::{credentials, refusal};
use crate::failure::{Exit, Failure};
use crate::interrupt::Interrupts;
use crate::local::record::Record;
use crate::local::{Lifetime, Stack, StackOptions, StateDir, lock, postgres};
use crate::talk::Talk;

/// What a command wants of a coordinator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To read or steer what is stored: a coordinator without workers will do.
    Stored,
    /// To have something done, or to use it when the command has ended: one that is started for the command will not do.
    Work,
}

/// A connected coordinator.
#[derive(Debug, Clone)]
pub struct Session {
    /// Calls the service for people; cheap to clone.
    pub client: Client,
    /// Where the client is connected to, and who said so.
    pub address: Address,
    /// What is known of its workers.
    pub presence: Presence,
}

impl Session {
    /// The failure of a command whose call was refused.
    pub fn refused(&self, status: &tonic::Status) -> Failure {
        refusal::failure(status, &self.address)
    }
}

/// Runs one command's calls against a coordinator. Ctrl-C ends the command; whatever was started for it is stopped.
///
/// # Errors
/// When no coordinator is in reach, and what `calls` gives.
pub async fn with<T>(
    context: &Context,
    purpose: Purpose,
    calls: impl AsyncFnOnce(&mut Session) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let mut interrupts = Interrupts::listen()?;
    let Found { address, stack, _in_use } = tokio::select! {
        found = find(context, purpose) => found?,
        // What has been started so far ends with this command.
        _ = interrupts.next() => return Err(Failure::silent(Exit::Interrupted)),
    };
    let outcome = async {
        let credentials = credentials::of(context, &address)?;
        client::warn_when_exposed(&address, &credentials, context.talk);
        let client = client::connect(&address, &credentials).await?;
        let presence = match (&stack, address.origin) {
            (Some(_), _) => Presence::Nobody,
            (None, Origin::LocalStack) => Presence::Local(context.state_dir()?),
            (None, _) => Presence::Unknown,
        };
        let mut session = Session { client, address, presence };
        calls(&mut session).await
    };
    let outcome = tokio::select! {
        outcome = outcome => outcome,
        _ = interrupts.next() => Err(Failure::silent(Exit::Interrupted)),
    };
    if let Some(stack) = stack {
        tokio::select! {
            stopped = stack.stop() => stopped?,
            // Without patience it ends with this command all the same.
            _ = interrupts.next() => {}
        }
    }
    outcome
}

/// The same for what only an administrator may do.
///
/// # Errors
/// As [`with`].
pub async fn with_tokens<T>(
    context: &Context,
    calls: impl AsyncFnOnce(&mut TokenClient, &Address) -> Result<T, Failure>,
) -> Result<T, Failure> {
    with(context, Purpose::Stored, async |session| {
        let credentials = credentials::of(context, &session.address)?;
        let mut client = client::connect_for_tokens(&session.address, &credentials).await?;
        calls(&mut client, &session.address).await
    })
    .await
}

/// A coordinator to call.
struct Found {
    address: Address,
    /// The stack that was started for this command; `None` where there was one.
    stack: Option<Stack>,
    /// Keeps others from stopping the stack meanwhile.
    _in_use: Option<lock::Lock>,
}

impl Found {
    /// One that this command neither starts nor stops.
    fn elsewhere(address: Address) -> Self {
        Self { address, stack: None, _in_use: None }
    }
}

/// A stack that stays has nobody who looks after it: where its database was killed, it is started again.
async fn mended(state: &StateDir, record: Record, talk: Talk) -> Result<Record, Failure> {
    if record.coordinator.is_none() || !record.stays || postgres::running(state).is_some() {
        return Ok(record);
    }
    talk.warn("the database of the local stack had ended; it is started again");
    let options = StackOptions { workers: None, lifetime: Lifetime::Stays };
    Stack::start_locked(state, &options, talk).await?;
    Ok(Record::load(state))
}

async fn find(context: &Context, purpose: Purpose) -> Result<Found, Failure> {
    if let Some(address) = Address::named(context.globals.coordinator.as_deref())? {
        return Ok(Found::elsewhere(address));
    }
    let state = context.state_dir()?;
    if !state.path().exists() {
        return Ok(Found::elsewhere(Address::default_port()));
    }
    let _change = lock::change(&state, context.talk).await?;
    let record = mended(&state, Record::load(&state), context.talk).await?;
    if record.coordinator.is_some() {
        let in_use = lock::using(&state, context.talk).await?;
        let address = Address { url: record.url, origin: Origin::LocalStack };
        return Ok(Found { address, stack: None, _in_use: Some(in_use) });
    }
    if purpose == Purpose::Stored && state.has_database() {
        let options = StackOptions { workers: None, lifetime: Lifetime::WithUs };
        let stack = Stack::start_locked(&state, &options, context.talk).await?;
        let address = Address { url: stack.url().to_owned(), origin: Origin::LocalStack };
        return Ok(Found { address, stack: Some(stack), _in_use: None });
    }
    Ok(Found::elsewhere(Address::default_port()))
}
