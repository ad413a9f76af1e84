//! The claim loop: one task that serves all waiting claims of this coordinator in batches, so that idle workers cost
//! Postgres nothing but one query a second between them.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::metrics::METRICS;
use crate::store::claim::{self, ClaimRequest, LeasedRow};
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
    deadline: Instant,
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
        tokio::spawn(ClaimLoop { store, ttl, arrivals, wake, waiting: Vec::new() }.run(stop));
        claims
    }

    /// Hints that trials wait.
    pub fn wake(&self) {
        self.wake.notify_one();
    }

    /// Waits for trials until the deadline; none when none came.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database was away at the deadline.
    pub async fn claim(
        &self,
        request: ClaimRequest,
        deadline: Instant,
    ) -> Result<Vec<LeasedRow>, StoreError> {
        let (reply, answer) = oneshot::channel();
        // The loop keeps the deadline: were it kept here, trials handed out at that moment would go to nobody.
        if self.line.send(Waiting { request, deadline, reply }).await.is_err() {
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
                self.join(waiting);
                // Each claim is looked for at least once, also one that will not wait.
                look = true;
            }
            if look {
                next_poll = Instant::now() + POLL.mul_f64(jitter());
                if let Err(error) = self.serve().await {
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
                Some(waiting) => {
                    self.join(waiting);
                    true
                }
                // Nobody can ask any more: the server is gone, and `stop` is about to say so.
                None => {
                    stop.cancelled().await;
                    false
                }
            },
            () = self.wake.notified() => !self.waiting.is_empty(),
            () = sleep_until(poll) => true,
            () = sleep_until(deadline.unwrap_or(far)) => false,
        }
    }

    /// Puts a claim in line. The same claim again takes the place of the first, whose caller no longer listens.
    fn join(&mut self, arrived: Waiting) {
        self.waiting.retain(|waiting| waiting.request != arrived.request);
        self.waiting.push(arrived);
    }

    /// Hands out trials until none wait or nobody does.
    async fn serve(&mut self) -> Result<(), StoreError> {
        loop {
            self.waiting.retain(|waiting| !waiting.reply.is_closed());
            let size = batch_size(self.waiting.iter().map(|waiting| waiting.request.max_trials));
            if size == 0 {
                return Ok(());
            }
            let requests: Vec<_> = self.waiting[..size].iter().map(|waiting| waiting.request).collect();
            let started = Instant::now();
            let mut transaction = self.store.begin_vital().await?;
            let answers = claim::claim(&mut transaction, &requests, self.ttl).await?;
            transaction.commit().await?;
            METRICS.claim_seconds.observe(started.elapsed().as_secs_f64());
            METRICS.claims.inc_by(answers.iter().map(|leases| leases.len() as u64).sum());
            let mut unserved = Vec::new();
            for (waiting, leases) in self.waiting.drain(..size).zip(answers) {
                if leases.is_empty() {
                    unserved.push(waiting);
                } else {
                    // A caller that is gone asks again with the same request id, or lets the lease expire.
                    let _ = waiting.reply.send(Ok(leases));
                }
            }
            let is_empty = !unserved.is_empty();
            self.waiting.splice(..0, unserved);
            if is_empty {
                return Ok(());
            }
        }
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
