//! What a trial reports to the agent while it runs.

use std::io;
use std::time::{Duration, Instant};

use domain::run::{Findings, LogLevel, LogLine, MetricName, MetricPoint, Place, Progress, Record, Split};

use crate::trainer::event::{Event, SavedTrial};
use crate::trainer::hosted;
use crate::trainer::state::summary::StepPoint;
use crate::trainer::step::tape::Reading;

/// Gathers records and sends them, in order, a few times a second. Every call that sends fails where the agent no longer
/// listens.
pub struct Reporter<'a> {
    send: &'a mut dyn FnMut(Event) -> io::Result<()>,
    pending: Vec<Record>,
    sent_at: Instant,
    learning_rate: Option<f64>,
}

impl std::fmt::Debug for Reporter<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reporter").field("pending", &self.pending.len()).finish_non_exhaustive()
    }
}

/// How long records wait at most.
const INTERVAL: Duration = Duration::from_millis(300);

impl<'a> Reporter<'a> {
    /// Reports through `send`.
    pub fn new(send: &'a mut dyn FnMut(Event) -> io::Result<()>) -> Self {
        Self { send, pending: Vec::new(), sent_at: Instant::now(), learning_rate: None }
    }

    /// The learning rate reported last: the next one is reported only when it differs.
    #[must_use]
    pub fn learning_rate(&self) -> Option<f64> {
        self.learning_rate
    }

    /// Goes on as if this learning rate had been reported. What is pending goes first.
    pub fn resumed(&mut self, step: u64, learning_rate: Option<f64>) -> io::Result<()> {
        self.flush()?;
        self.learning_rate = learning_rate;
        (self.send)(Event::Resumed { step })
    }

    /// A file that holds everything up to here. What is pending goes first.
    pub fn saved(&mut self, saved: SavedTrial) -> io::Result<()> {
        self.flush()?;
        (self.send)(Event::Saved(saved))
    }

    /// Whether the last report is long enough ago.
    #[must_use]
    pub fn is_due(&self) -> bool {
        self.sent_at.elapsed() >= INTERVAL
    }

    /// A finished step: its loss, its learning rate where that changed, at a milestone the norm of its gradient.
    pub fn step(&mut self, point: &StepPoint, reading: &Reading) {
        let StepPoint { batch, seconds, learning_rate, at_milestone } = *point;
        let place = Place { step: batch.step, examples: batch.examples_after, seconds };
        if self.learning_rate != Some(learning_rate) {
            self.learning_rate = Some(learning_rate);
            self.metric(MetricName::LearningRate, place, learning_rate);
        }
        if let Some(loss) = reading.loss {
            self.metric(MetricName::TrainLoss, place, loss);
        }
        if let Some(norm) = reading.gradient_norm.filter(|_| at_milestone) {
            self.metric(MetricName::GradientNorm, place, norm);
        }
    }

    /// A point of a curve.
    pub fn metric(&mut self, name: MetricName, place: Place, value: f64) {
        self.pending.push(Record::Metric(MetricPoint { name, place, value }));
    }

    /// How batches are split from a step on, or that no split fits.
    pub fn split(&mut self, split: Split) {
        self.pending.push(Record::Split(split));
    }

    /// What others can use.
    pub fn found(&mut self, findings: Findings) -> io::Result<()> {
        if findings.is_empty() { Ok(()) } else { (self.send)(Event::Found(findings)) }
    }

    /// Something for the record.
    pub fn note(&mut self, text: String) {
        self.pending.push(Record::Log(LogLine { level: LogLevel::Info, text }));
    }

    /// Something the user should know.
    pub fn warn(&mut self, text: String) {
        self.pending.push(Record::Log(LogLine { level: LogLevel::Warning, text }));
    }

    /// Sends what is pending, and what code of the user's has printed.
    pub fn flush(&mut self) -> io::Result<()> {
        self.sent_at = Instant::now();
        hosted::take_printed().into_iter().for_each(|line| self.note(line));
        if self.pending.is_empty() {
            return Ok(());
        }
        (self.send)(Event::Records(std::mem::take(&mut self.pending)))
    }

    /// Sends what is pending, and how far the trial is.
    pub fn progress(&mut self, progress: Progress) -> io::Result<()> {
        self.flush()?;
        (self.send)(Event::Progress(progress))
    }
}
