//! The reference: how trials live, in memory and without SQL. The ways between states are [`domain::lifecycle`]'s.

use domain::lifecycle::{Outcome, TrialEvent, TrialStatus, is_requeued, is_retried};
use proto::Reason;
use proto::v1::{FailureKind, HeldState, LeaseOrder};

/// A trial by its place among all, and an attempt of it.
pub type LeaseId = (usize, u32);

/// A command whose picks are made: of leases, processes, requests and sweeps by their numbers.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    Submit { trials: usize },
    Claim { request: usize },
    Heartbeat { process: usize, lease: LeaseId },
    Report { lease: LeaseId, first_seq: u64, count: u64 },
    Complete { lease: LeaseId, outcome: Outcome, loss: u8, last_seq: u64 },
    Fail { lease: LeaseId, kind: FailureKind },
    Release { lease: LeaseId },
    Expire { lease: LeaseId },
    PassDelays,
    Register { process: usize, shown: Vec<LeaseId> },
    Pause { sweep: usize },
    Resume { sweep: usize },
    Cancel { sweep: usize, drain: bool },
    Retry { sweep: usize },
}

/// What a call is answered with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    Done,
    Claimed(Vec<LeaseId>),
    Ordered(LeaseOrder),
    Acked(u64),
    WillRetry(bool),
    Held(Vec<HeldState>),
    Retried(u64),
    Refused(Reason),
}

#[derive(Debug, Clone, Default)]
pub struct Model {
    pub sweeps: Vec<Sweep>,
    pub trials: Vec<Trial>,
    /// The name of each process; the last one of a name is current.
    pub processes: Vec<usize>,
    /// The process and the number of trials of each request.
    pub requests: Vec<(usize, u32)>,
}

#[derive(Debug, Clone, Default)]
pub struct Sweep {
    pub paused: bool,
    /// Whether running trials may finish.
    pub cancelled: Option<bool>,
}

#[derive(Debug, Clone)]
pub struct Trial {
    pub sweep: usize,
    pub status: TrialStatus,
    pub failures: u32,
    pub preemptions: u32,
    pub is_delayed: bool,
    pub attempts: Vec<Attempt>,
}

#[derive(Debug, Clone)]
pub struct Attempt {
    pub process: usize,
    pub request: Option<usize>,
    pub acked: u64,
    pub end: Option<End>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum End {
    Completed(Outcome, u8),
    Failed { kind: Option<FailureKind>, will_retry: bool },
    Released,
    Cancelled,
}

impl End {
    fn is_lost(&self) -> bool {
        matches!(self, Self::Failed { kind: None, .. })
    }
}

/// Why an attempt ends without a result; no kind of error where its worker was lost.
#[derive(Clone, Copy)]
enum Why {
    Failed(Option<FailureKind>),
    Released,
}

impl Model {
    /// Does a step. `told` is the store's answer, for which trials it chose: any that wait are right.
    pub fn step(&mut self, step: &Step, told: &Reply) -> Reply {
        match step.clone() {
            Step::Submit { trials } => {
                let sweep = self.sweeps.len();
                self.sweeps.push(Sweep::default());
                self.trials.extend((0..trials).map(|_| Trial {
                    sweep,
                    status: TrialStatus::Pending,
                    failures: 0,
                    preemptions: 0,
                    is_delayed: false,
                    attempts: Vec::new(),
                }));
                Reply::Done
            }
            Step::Claim { request } => self.claim(request, told),
            Step::Heartbeat { process, lease } => self.heartbeat(process, lease),
            Step::Report { lease, first_seq, count } => self.report(lease, first_seq, count),
            Step::Complete { lease, outcome, loss, last_seq } => {
                self.complete(lease, outcome, loss, last_seq)
            }
            Step::Fail { lease, kind } => self.end(lease, Why::Failed(Some(kind))),
            Step::Release { lease } => self.end(lease, Why::Released),
            Step::Expire { lease } => {
                if self.is_held(lease) {
                    self.without_result(lease.0, Why::Failed(None));
                }
                Reply::Done
            }
            Step::PassDelays => {
                self.trials.iter_mut().for_each(|trial| trial.is_delayed = false);
                Reply::Done
            }
            Step::Register { process, shown } => self.register(process, &shown),
            Step::Pause { sweep } => self.set_paused(sweep, true),
            Step::Resume { sweep } => self.set_paused(sweep, false),
            Step::Cancel { sweep, drain } => {
                self.cancel(sweep, drain);
                Reply::Done
            }
            Step::Retry { sweep } => self.retry(sweep),
        }
    }

    pub fn attempt(&mut self, (trial, attempt): LeaseId) -> &mut Attempt {
        &mut self.trials[trial].attempts[attempt as usize - 1]
    }

    fn is_newest(&self, (trial, attempt): LeaseId) -> bool {
        self.trials[trial].attempts.len() == attempt as usize
    }

    /// Whether writes under this lease are taken.
    pub fn is_held(&self, lease: LeaseId) -> bool {
        self.is_newest(lease) && self.trials[lease.0].status == TrialStatus::Running
    }

    /// Whether its process was cut off and may have it back: nobody else took the trial, nor the process's name.
    fn may_come_back(&mut self, lease: LeaseId) -> bool {
        let is_waiting = self.is_newest(lease) && self.trials[lease.0].status == TrialStatus::Pending;
        let attempt = self.attempt(lease).clone();
        is_waiting && attempt.end.is_some_and(|end| end.is_lost()) && self.is_current(attempt.process)
    }

    /// Takes the lease for a write, as it is or back.
    fn hold(&mut self, lease: LeaseId) -> bool {
        if self.is_held(lease) {
            return true;
        }
        let comes_back = self.may_come_back(lease);
        if comes_back {
            let trial = &mut self.trials[lease.0];
            trial.status = TrialStatus::Running;
            trial.failures = trial.failures.saturating_sub(1);
            trial.is_delayed = false;
            let attempt = self.attempt(lease);
            attempt.end = None;
            attempt.request = None;
        }
        comes_back
    }

    pub fn is_current(&self, process: usize) -> bool {
        self.processes.iter().rposition(|name| *name == self.processes[process]) == Some(process)
    }

    fn claim(&mut self, request: usize, told: &Reply) -> Reply {
        let (process, max) = self.requests[request];
        if !self.is_current(process) {
            return Reply::Refused(Reason::WorkerSuperseded);
        }
        let Reply::Claimed(chosen) = told else { return Reply::Claimed(Vec::new()) };
        let held: Vec<LeaseId> = self
            .trials
            .iter()
            .enumerate()
            .filter(|(_, trial)| trial.status == TrialStatus::Running)
            .map(|(index, trial)| (index, u32::try_from(trial.attempts.len()).unwrap()))
            .filter(|lease| {
                let attempt = &self.trials[lease.0].attempts[lease.1 as usize - 1];
                attempt.request == Some(request) && attempt.process == process
            })
            .collect();
        if !held.is_empty() {
            // The same again, in the order in which they were handed out.
            let same = chosen.len() == held.len() && held.iter().all(|lease| chosen.contains(lease));
            return Reply::Claimed(if same { chosen.clone() } else { held });
        }
        let waiting: Vec<usize> = (0..self.trials.len()).filter(|trial| self.waits(*trial)).collect();
        let wanted = waiting.len().min(max as usize);
        let is_fair = chosen.len() == wanted
            && chosen.iter().all(|(trial, attempt)| {
                waiting.contains(trial) && self.trials[*trial].attempts.len() + 1 == *attempt as usize
            });
        if !is_fair {
            let next = |trial: &usize| u32::try_from(self.trials[*trial].attempts.len() + 1).unwrap();
            return Reply::Claimed(waiting.iter().take(wanted).map(|trial| (*trial, next(trial))).collect());
        }
        for (trial, _) in chosen {
            let trial = &mut self.trials[*trial];
            trial.status = after(trial.status, TrialEvent::Claimed, true);
            trial.attempts.push(Attempt { process, request: Some(request), acked: 0, end: None });
        }
        told.clone()
    }

    fn waits(&self, trial: usize) -> bool {
        let trial = &self.trials[trial];
        let sweep = &self.sweeps[trial.sweep];
        trial.status == TrialStatus::Pending
            && !trial.is_delayed
            && !sweep.paused
            && sweep.cancelled.is_none()
    }

    fn heartbeat(&mut self, process: usize, lease: LeaseId) -> Reply {
        if !self.is_current(process) {
            return Reply::Refused(Reason::WorkerSuperseded);
        }
        if !self.hold(lease) {
            return Reply::Ordered(LeaseOrder::Lost);
        }
        let is_stopped = self.sweeps[self.trials[lease.0].sweep].cancelled == Some(false);
        Reply::Ordered(if is_stopped { LeaseOrder::Stop } else { LeaseOrder::Continue })
    }

    fn report(&mut self, lease: LeaseId, first_seq: u64, count: u64) -> Reply {
        let last_seq = first_seq + count - 1;
        let Attempt { acked, end, .. } = self.attempt(lease).clone();
        if !self.is_held(lease) && !self.may_come_back(lease) {
            return match end {
                Some(End::Completed(..)) if acked >= last_seq => Reply::Acked(acked),
                _ => Reply::Refused(Reason::LeaseLost),
            };
        }
        if first_seq > acked + 1 {
            return Reply::Refused(Reason::RecordsMissing);
        }
        self.hold(lease);
        let attempt = self.attempt(lease);
        attempt.acked = acked.max(last_seq);
        Reply::Acked(attempt.acked)
    }

    fn complete(&mut self, lease: LeaseId, outcome: Outcome, loss: u8, last_seq: u64) -> Reply {
        let Attempt { acked, end, .. } = self.attempt(lease).clone();
        let completed = End::Completed(outcome, loss);
        if !self.is_held(lease) && !self.may_come_back(lease) {
            return if end == Some(completed) { Reply::Done } else { Reply::Refused(Reason::LeaseLost) };
        }
        if last_seq > acked {
            return Reply::Refused(Reason::RecordsMissing);
        }
        self.hold(lease);
        let trial = &mut self.trials[lease.0];
        trial.status = after(trial.status, TrialEvent::Completed(outcome), true);
        self.attempt(lease).end = Some(completed);
        Reply::Done
    }

    fn end(&mut self, lease: LeaseId, why: Why) -> Reply {
        if self.hold(lease) {
            self.without_result(lease.0, why);
        }
        // Said twice, it is as if said once.
        match (why, self.attempt(lease).end.clone()) {
            (Why::Failed(_), Some(End::Failed { kind: Some(_), will_retry })) => Reply::WillRetry(will_retry),
            (Why::Released, Some(End::Released | End::Cancelled)) => Reply::Done,
            _ => Reply::Refused(Reason::LeaseLost),
        }
    }

    /// Ends the running attempt of a trial.
    fn without_result(&mut self, trial: usize, why: Why) {
        let is_cancelled = self.sweeps[self.trials[trial].sweep].cancelled.is_some();
        let trial = &mut self.trials[trial];
        let (event, is_retried) = match why {
            Why::Failed(kind) => {
                trial.failures += 1;
                let event = if kind.is_some() { TrialEvent::AttemptFailed } else { TrialEvent::LeaseExpired };
                let is_final = matches!(kind, Some(FailureKind::Input | FailureKind::Files));
                (event, !is_final && is_retried(trial.failures))
            }
            Why::Released => {
                trial.preemptions += 1;
                (TrialEvent::Released, is_requeued(trial.preemptions))
            }
        };
        trial.status = after(trial.status, event, is_retried);
        // There is no queue to go back to.
        if trial.status == TrialStatus::Pending && is_cancelled {
            trial.status = after(trial.status, TrialEvent::Cancelled, is_retried);
        }
        let will_retry = trial.status == TrialStatus::Pending;
        let end = match why {
            Why::Failed(kind) => {
                trial.is_delayed = will_retry;
                End::Failed { kind, will_retry }
            }
            Why::Released if is_cancelled => End::Cancelled,
            Why::Released => End::Released,
        };
        trial.attempts.last_mut().unwrap().end = Some(end);
    }

    fn register(&mut self, process: usize, shown: &[LeaseId]) -> Reply {
        let name = self.processes[process];
        for lease in shown {
            let holder = self.attempt(*lease).process;
            if self.processes[holder] == name {
                self.attempt(*lease).process = process;
            }
        }
        for trial in 0..self.trials.len() {
            if self.trials[trial].status != TrialStatus::Running {
                continue;
            }
            let holder = self.trials[trial].attempts.last().unwrap().process;
            if self.processes[holder] == name && holder != process {
                self.without_result(trial, Why::Failed(None));
            }
        }
        let state = |lease: &LeaseId| {
            let trial = &self.trials[lease.0];
            let end = &trial.attempts[lease.1 as usize - 1].end;
            let may_come_back = self.is_newest(*lease)
                && trial.status == TrialStatus::Pending
                && end.as_ref().is_some_and(End::is_lost);
            if self.is_held(*lease) || may_come_back { HeldState::Ours } else { HeldState::Lost }
        };
        Reply::Held(shown.iter().map(state).collect())
    }

    fn is_finished(&self, sweep: usize) -> bool {
        let trials = self.trials.iter().filter(|trial| trial.sweep == sweep);
        trials.clone().all(|trial| trial.status.is_terminal())
    }

    fn set_paused(&mut self, sweep: usize, paused: bool) -> Reply {
        if self.is_finished(sweep) || self.sweeps[sweep].cancelled.is_some() {
            return Reply::Refused(Reason::WrongState);
        }
        self.sweeps[sweep].paused = paused;
        Reply::Done
    }

    fn cancel(&mut self, sweep: usize, drain: bool) {
        if self.is_finished(sweep) || self.sweeps[sweep].cancelled == Some(false) {
            return;
        }
        self.sweeps[sweep].cancelled = Some(drain);
        for trial in self.trials.iter_mut().filter(|trial| trial.sweep == sweep) {
            if trial.status == TrialStatus::Pending {
                trial.status = after(trial.status, TrialEvent::Cancelled, true);
            }
        }
    }

    fn retry(&mut self, sweep: usize) -> Reply {
        self.sweeps[sweep].cancelled = None;
        let mut retried = 0;
        for trial in self.trials.iter_mut().filter(|trial| trial.sweep == sweep) {
            let Some(next) = trial.status.after(TrialEvent::Retried, true) else { continue };
            (trial.status, trial.failures, trial.preemptions, trial.is_delayed) = (next, 0, 0, false);
            retried += 1;
        }
        Reply::Retried(retried)
    }
}

fn after(status: TrialStatus, event: TrialEvent, retries_left: bool) -> TrialStatus {
    status.after(event, retries_left).unwrap_or_else(|| panic!("{status} does not take {event:?}"))
}
