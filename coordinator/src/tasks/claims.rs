//! The claim loop: one task that serves all waiting claims of this coordinator in batches, so that idle workers cost
//! Postgres nothing but one query a second between them.

use std::sync::Arc;
use std::time::Duration;

use sqlx::PgConnection;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::metrics::METRICS;
use crate::store::claim::{self, ClaimRequest};
use crate::store::leased::LeasedRow;
use crate::store::worker::{self, Heard, Sign, Standing};
use crate::store::{Store, StoreError};

/// Trials claimed in one transaction at most.
const BATCH: u32 = 256;

/// How long to wait for a hint before looking anyway; times a random factor, so that coordinators do not look together.
const POLL: Duration = Duration::from_secs(1);

/// How long to wait after an error.
const ERROR_PAUSE: Duration = Duration::from_millis(500);

/// A waiting claim.
struct Waiting {
    request: ClaimRequest,
    /// The principal that calls; `None` where nobody has one.
    by: Option<String>,
    deadline: Instant,
    /// Whether its worker was found to be the caller's, and noted to live.
    is_seen: bool,
    /// Whether its worker was out of service at the last look: it gets nothing, and keeps nobody waiting.
    is_draining: bool,
    /// Whether its worker runs code of users, as it was first seen.
    allows_code: bool,
    reply: oneshot::Sender<Result<Vec<LeasedRow>, StoreError>>,
}

/// Where claims are put in line.
#[derive(Debug, Clone)]
pub struct Claims {
    line: mpsc::Sender<Waiting>,
    wake: Arc<Notify>,
}

impl Claims {
    /// Starts the loop; it runs until `stop`, and then answers all claims with nothing.
    #[must_use]
    pub fn start(store: Store, ttl: Duration, stop: CancellationToken) -> Self {
        let (line, arrivals) = mpsc::channel(1_024);
        let wake = Arc::new(Notify::new());
        let claims = Self { line, wake: wake.clone() };
        tokio::spawn(
            ClaimLoop {
                store,
                ttl,
                arrivals,
                wake,
                waiting: Vec::new(),
                aside: Vec::new(),
                is_drained: false,
            }
            .run(stop),
        );
        claims
    }

    /// Hints that trials wait.
    pub fn wake(&self) {
        self.wake.notify_one();
    }

    /// Waits for trials until the deadline; none when none came.
    ///
    /// # Errors
    /// As [`worker::seen`], where the worker is not the caller's; [`StoreError::Unavailable`] when the database was away at
    /// the deadline.
    pub async fn claim(
        &self,
        request: ClaimRequest,
        by: Option<String>,
        deadline: Instant,
    ) -> Result<Vec<LeasedRow>, StoreError> {
        let (reply, answer) = oneshot::channel();
        // The loop keeps the deadline: were it kept here, trials handed out at that moment would go to nobody.
        let waiting =
            Waiting { request, by, deadline, is_seen: false, is_draining: false, allows_code: false, reply };
        if self.line.send(waiting).await.is_err() {
            return Ok(Vec::new());
        }
        answer.await.unwrap_or_else(|_| Ok(Vec::new()))
    }
}

struct ClaimLoop {
    store: Store,
    ttl: Duration,
    arrivals: mpsc::Receiver<Waiting>,
    wake: Arc<Notify>,
    waiting: Vec<Waiting>,
    /// Those of them that were looked for in this round and are out of service.
    aside: Vec<Waiting>,
    /// Whether the last look left claims unserved, and nothing has come since: then a claim that arrives waits for the
    /// next poll with the others, so that a thousand idle workers cost no more looks than one.
    is_drained: bool,
}

impl ClaimLoop {
    async fn run(mut self, stop: CancellationToken) {
        let mut next_poll = Instant::now();
        loop {
            let mut look = self.next_event(next_poll, &stop).await;
            if stop.is_cancelled() {
                return;
            }
            while let Ok(waiting) = self.arrivals.try_recv() {
                look |= self.join(waiting, next_poll);
            }
            if look {
                next_poll = Instant::now() + POLL.mul_f64(jitter());
                let served = self.serve().await;
                self.waiting.append(&mut self.aside);
                if let Err(error) = served {
                    tracing::warn!("claims wait: {error}");
                    next_poll = Instant::now() + ERROR_PAUSE;
                    self.answer_late(|| Err(StoreError::Unavailable(sqlx::Error::PoolTimedOut)));
                }
            }
            self.answer_late(|| Ok(Vec::new()));
        }
    }

    /// Waits for something to do; whether it is to look for trials.
    async fn next_event(&mut self, next_poll: Instant, stop: &CancellationToken) -> bool {
        let deadline = self.waiting.iter().map(|waiting| waiting.deadline).min();
        let far = Instant::now() + Duration::from_secs(3_600);
        let poll = if deadline.is_some() { next_poll } else { far };
        tokio::select! {
            () = stop.cancelled() => false,
            arrival = self.arrivals.recv() => match arrival {
                Some(waiting) => self.join(waiting, next_poll),
                // Nobody can ask any more: the server is gone, and `stop` is about to say so.
                None => {
                    stop.cancelled().await;
                    false
                }
            },
            () = self.wake.notified() => {
                self.is_drained = false;
                !self.waiting.is_empty()
            }
            () = sleep_until(poll) => true,
            () = sleep_until(deadline.unwrap_or(far)) => false,
        }
    }

    /// Puts a claim in line; whether it is to be looked for at once. The same claim again takes the place of the first,
    /// whose caller no longer listens. Each is looked for at least once, also one that will not wait.
    fn join(&mut self, arrived: Waiting, next_poll: Instant) -> bool {
        // While nobody waited, the time of the poll may have passed without one.
        let is_late = next_poll <= Instant::now();
        let is_due = !self.is_drained || is_late || arrived.deadline <= next_poll;
        self.waiting.retain(|waiting| waiting.request != arrived.request);
        self.waiting.push(arrived);
        is_due
    }

    /// Hands out trials until none wait or nobody does.
    async fn serve(&mut self) -> Result<(), StoreError> {
        loop {
            self.waiting.retain(|waiting| !waiting.reply.is_closed());
            if self.waiting.is_empty() {
                return Ok(());
            }
            let started = Instant::now();
            let mut transaction = self.store.begin_vital().await?;
            self.admit(&mut transaction).await?;
            let size = batch_size(self.waiting.iter().map(|waiting| waiting.request.max_trials));
            let requests: Vec<_> = self.waiting[..size].iter().map(|waiting| waiting.request).collect();
            let answers = claim::claim(&mut transaction, &requests, self.ttl).await?;
            transaction.commit().await?;
            self.waiting.iter_mut().for_each(|waiting| waiting.is_seen = true);
            METRICS.claim_seconds.observe(started.elapsed().as_secs_f64());
            METRICS.claims.inc_by(answers.iter().map(|leases| leases.len() as u64).sum());
            let mut unserved = Vec::new();
            for (waiting, leases) in self.waiting.drain(..size).zip(answers) {
                if leases.is_empty() && waiting.is_draining {
                    self.aside.push(waiting);
                } else if leases.is_empty() {
                    unserved.push(waiting);
                } else {
                    // A caller that is gone asks again with the same request id, or lets the lease expire.
                    let _ = waiting.reply.send(Ok(leases));
                }
            }
            self.is_drained = !unserved.is_empty();
            self.waiting.splice(..0, unserved);
            if self.is_drained {
                return Ok(());
            }
        }
    }

    /// Turns away those that may not claim: new ones whose worker is not theirs, and those that were superseded while they
    /// waited. Notes of the other new ones that their workers live, and of all who is out of service.
    async fn admit(&mut self, connection: &mut PgConnection) -> Result<(), StoreError> {
        let (seen, new): (Vec<Waiting>, Vec<Waiting>) =
            self.waiting.drain(..).partition(|waiting| waiting.is_seen);
        let answers = admissions(connection, &seen, &new, self.ttl).await;
        self.waiting = seen;
        self.waiting.extend(new);
        let answers = answers?;
        let mut admitted = Vec::with_capacity(self.waiting.len());
        for (mut waiting, answer) in self.waiting.drain(..).zip(answers) {
            match answer {
                Err(refusal) => drop(waiting.reply.send(Err(refusal))),
                Ok(Heard { is_draining, allows_code, .. }) => {
                    waiting.is_draining = is_draining;
                    waiting.allows_code |= allows_code;
                    admitted.push(waiting);
                }
            }
        }
        // Where they get nothing, nobody would: a batch of workers that run no code of users must not end the round before.
        admitted.sort_by_key(|waiting| !waiting.allows_code);
        self.waiting = admitted;
        Ok(())
    }

    fn answer_late(&mut self, answer: impl Fn() -> Result<Vec<LeasedRow>, StoreError>) {
        let now = Instant::now();
        let (late, waiting) = self.waiting.drain(..).partition(|waiting| waiting.deadline <= now);
        self.waiting = waiting;
        let late: Vec<Waiting> = late;
        for waiting in late {
            let _ = waiting.reply.send(answer());
        }
    }
}

/// Whether each of these claims is heard, and why not: those that were seen before, then the new ones.
async fn admissions(
    connection: &mut PgConnection,
    seen: &[Waiting],
    new: &[Waiting],
    ttl: Duration,
) -> Result<Vec<Result<Heard, StoreError>>, StoreError> {
    let mut admissions: Vec<_> = seen.iter().map(|_| Ok(Heard::default())).collect();
    if !seen.is_empty() {
        let processes: Vec<_> = seen.iter().map(|waiting| waiting.request.process).collect();
        for (place, standing) in worker::standings(connection, &processes).await? {
            admissions[place] = match standing {
                Standing::Superseded(name) => Err(StoreError::WorkerSuperseded(name)),
                Standing::Draining => Ok(Heard { is_draining: true, ..Heard::default() }),
            };
        }
    }
    if !new.is_empty() {
        let sign = |waiting: &Waiting| Sign { process: waiting.request.process, by: waiting.by.clone() };
        let signs: Vec<Sign> = new.iter().map(sign).collect();
        admissions.extend(worker::seen(connection, &signs, ttl).await?);
    }
    Ok(admissions)
}

/// How many requests, from the first on, ask for at most a batch together; at least one.
fn batch_size(wishes: impl Iterator<Item = u32>) -> usize {
    let mut sum = 0;
    wishes
        .take_while(|wish| {
            let fits = sum == 0 || sum + wish <= BATCH;
            sum += wish;
            fits
        })
        .count()
}

/// Between 0.9 and 1.1, without a generator of its own.
fn jitter() -> f64 {
    0.9 + 0.2 * f64::from(uuid::Uuid::new_v4().as_bytes()[0]) / 255.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_bounded_but_never_empty() {
        assert_eq!(batch_size([].into_iter()), 0);
        assert_eq!(batch_size([1, 1, 1].into_iter()), 3);
        assert_eq!(batch_size([200, 56, 1].into_iter()), 2);
        assert_eq!(batch_size([1_000, 1].into_iter()), 1);
    }
}
