//! What a trial tells the agent while it runs.

use std::io;
use std::time::{Duration, Instant};

use domain::AccumulationPlan;
use proto::v1::{self, MetricName, trainer_event::Kind};

use super::summary::StepPoint;

/// Gathers records and sends them, in order, a few times a second.
pub struct Reporter<'a> {
    send: &'a mut dyn FnMut(Kind) -> io::Result<()>,
    pending: Vec<v1::Record>,
    sent_at: Instant,
    learning_rate: Option<f64>,
}

impl std::fmt::Debug for Reporter<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reporter").field("pending", &self.pending.len()).finish_non_exhaustive()
    }
}

/// How long records wait at most.
pub const INTERVAL: Duration = Duration::from_millis(300);

/// Where on the curves a point is.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    /// Optimizer steps done.
    pub step: u64,
    /// Training examples seen.
    pub examples: u64,
    /// Training time so far.
    pub seconds: f64,
}

impl<'a> Reporter<'a> {
    /// Reports through `send`.
    pub fn new(send: &'a mut dyn FnMut(Kind) -> io::Result<()>) -> Self {
        Self { send, pending: Vec::new(), sent_at: Instant::now(), learning_rate: None }
    }

    /// The learning rate told last: it is told again only when it changes.
    #[must_use]
    pub fn told_learning_rate(&self) -> Option<f64> {
        self.learning_rate
    }

    /// Goes on as if this learning rate had been told. What is pending goes first.
    ///
    /// # Errors
    /// When the agent no longer listens.
    pub fn resumed(&mut self, step: u64, told_learning_rate: Option<f64>) -> io::Result<()> {
        self.flush()?;
        self.learning_rate = told_learning_rate;
        (self.send)(Kind::Resumed(v1::ResumedTrial { step }))
    }

    /// A file that holds everything up to here. What is pending goes first.
    ///
    /// # Errors
    /// When the agent no longer listens.
    pub fn saved(&mut self, saved: v1::SavedTrial) -> io::Result<()> {
        self.flush()?;
        (self.send)(Kind::Saved(saved))
    }

    /// Whether the last report is long enough ago.
    #[must_use]
    pub fn is_due(&self) -> bool {
        self.sent_at.elapsed() >= INTERVAL
    }

    /// A finished step: its loss, its learning rate where that changed, its gradient norm where there is one.
    pub fn step(&mut self, point: &StepPoint, loss: f64) {
        let StepPoint { batch, seconds, learning_rate, gradient_norm } = *point;
        let place = Place { step: batch.step, examples: batch.examples_after, seconds };
        if self.learning_rate != Some(learning_rate) {
            self.learning_rate = Some(learning_rate);
            self.metric(MetricName::LearningRate, place, learning_rate);
        }
        self.metric(MetricName::TrainLoss, place, loss);
        if let Some(norm) = gradient_norm {
            self.metric(MetricName::GradientNorm, place, norm);
        }
    }

    /// A point of a curve.
    pub fn metric(&mut self, name: MetricName, place: Place, value: f64) {
        let Place { step, examples, seconds } = place;
        let metric = v1::MetricPoint { name: name.into(), step, examples, seconds, value };
        self.push(v1::record::Kind::Metric(metric));
    }

    /// How batches are split from a step on.
    pub fn split(
        &mut self,
        kind: v1::SplitKind,
        from_step: u64,
        split: AccumulationPlan,
        reason: &str,
        predicted: u64,
    ) {
        self.push(v1::record::Kind::Split(v1::Split {
            from_step,
            micro_batch: split.micro_batch(),
            accumulation_steps: split.accumulation_steps(),
            kind: kind.into(),
            reason: reason.to_owned(),
            predicted_peak_bytes: predicted,
        }));
    }

    /// No split that fits, and why: before the first step, or from a step on.
    pub fn no_split(&mut self, kind: v1::SplitKind, from_step: u64, reason: &str, predicted: u64) {
        self.push(v1::record::Kind::Split(v1::Split {
            from_step,
            micro_batch: 0,
            accumulation_steps: 0,
            kind: kind.into(),
            reason: reason.to_owned(),
            predicted_peak_bytes: predicted,
        }));
    }

    /// What others can use.
    ///
    /// # Errors
    /// When the agent no longer listens.
    pub fn found(&mut self, findings: v1::Findings) -> io::Result<()> {
        if findings == v1::Findings::default() { Ok(()) } else { (self.send)(Kind::Found(findings)) }
    }

    /// Something for the record.
    pub fn note(&mut self, text: String) {
        self.push(v1::record::Kind::Log(v1::LogLine { level: v1::LogLevel::Info.into(), text }));
    }

    /// Something the user should know.
    pub fn warn(&mut self, text: String) {
        self.push(v1::record::Kind::Log(v1::LogLine { level: v1::LogLevel::Warning.into(), text }));
    }

    /// Sends what is pending.
    ///
    /// # Errors
    /// When the agent no longer listens.
    pub fn flush(&mut self) -> io::Result<()> {
        self.sent_at = Instant::now();
        if self.pending.is_empty() {
            return Ok(());
        }
        let records = std::mem::take(&mut self.pending);
        (self.send)(Kind::Records(v1::Records { records }))
    }

    /// Sends what is pending, and how far the trial is.
    ///
    /// # Errors
    /// When the agent no longer listens.
    pub fn progress(&mut self, progress: v1::Progress) -> io::Result<()> {
        self.flush()?;
        (self.send)(Kind::Progress(progress))
    }

    fn push(&mut self, kind: v1::record::Kind) {
        self.pending.push(v1::Record { kind: Some(kind) });
    }
}
