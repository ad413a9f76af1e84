//! What steps leave behind in numbers, kept where it arises and fetched in bulk: no step waits for the device.

use std::mem;

use tch::{Device, Kind, Tensor};

use crate::shim::TorchError;

/// Records one [`Reading`] a step, up to [`StepTape::CAPACITY`] between two fetches.
#[derive(Debug)]
pub struct StepTape {
    numbers: Numbers,
    /// Of finished steps.
    finished: Vec<Step>,
    /// The step in progress.
    current: Step,
}

/// A step in numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reading {
    /// The mean loss of its batch; `None` where it has no terms, as where all targets are ignored.
    pub loss: Option<f64>,
    /// Euclidean norm of the whole batch's gradient, where it was wanted.
    pub gradient_norm: Option<f64>,
    /// Norm of the mean gradient of the batch's first examples, and how many they are, where it was wanted.
    pub first_part: Option<(u64, f64)>,
}

/// What is known of a step without asking the device: which numbers it has, and what they are multiplied with.
#[derive(Debug, Clone, Copy, Default)]
struct Step {
    /// Terms of its loss; `None` where they are among its numbers.
    terms: Option<u64>,
    has_gradient_norm: bool,
    /// Examples, and the scale of their norm.
    first_part: Option<(u64, f64)>,
}

/// Which number of a step.
#[derive(Debug, Clone, Copy)]
enum Column {
    Loss,
    GradientNorm,
    FirstPart,
    Terms,
}

const COLUMNS: usize = 4;

/// The numbers themselves.
#[derive(Debug)]
enum Numbers {
    /// Beside the CPU there is nothing to wait for: numbers are read at once.
    Host {
        /// Of finished steps.
        finished: Vec<[f64; COLUMNS]>,
        /// Of the step in progress.
        current: [f64; COLUMNS],
    },
    /// On an accelerator, slots in a buffer that exists from the start.
    Device {
        /// All slots: (columns, steps).
        buffer: Tensor,
        /// A view of each, step by step.
        slots: Vec<[Tensor; COLUMNS]>,
    },
}

impl StepTape {
    /// Steps that fit between two fetches.
    pub const CAPACITY: usize = 256;

    /// An empty tape.
    ///
    /// # Errors
    /// [`TorchError`], such as when memory runs out.
    pub fn new(device: Device) -> Result<Self, TorchError> {
        let numbers = if device == Device::Cpu {
            Numbers::Host { finished: Vec::with_capacity(Self::CAPACITY), current: [0.0; COLUMNS] }
        } else {
            let shape = [COLUMNS as i64, Self::CAPACITY as i64];
            let buffer = Tensor::f_zeros(shape, (Kind::Double, device))?;
            let slot = |column: usize, step: i64| buffer.f_select(0, column as i64)?.f_select(0, step);
            let slots = (0..Self::CAPACITY as i64)
                .map(|step| Ok([slot(0, step)?, slot(1, step)?, slot(2, step)?, slot(3, step)?]))
                .collect::<Result<_, TorchError>>()?;
            Numbers::Device { slots, buffer }
        };
        Ok(Self { numbers, finished: Vec::with_capacity(Self::CAPACITY), current: Step::default() })
    }

    /// Adds a micro-batch's summed loss to the step in progress.
    ///
    /// # Errors
    /// [`TorchError`] when the device fails.
    pub fn add_loss(&mut self, sum: &Tensor) -> Result<(), TorchError> {
        self.add(Column::Loss, sum)
    }

    /// The norm of the gradient of the step in progress.
    ///
    /// # Errors
    /// [`TorchError`] when the device fails.
    pub fn set_gradient_norm(&mut self, norm: &Tensor) -> Result<(), TorchError> {
        self.add(Column::GradientNorm, norm)?;
        self.current.has_gradient_norm = true;
        Ok(())
    }

    /// The norm of the gradient of the step's first examples, to be multiplied with a scale.
    ///
    /// # Errors
    /// [`TorchError`] when the device fails.
    pub fn set_first_part(&mut self, norm: &Tensor, examples: u64, scale: f64) -> Result<(), TorchError> {
        self.add(Column::FirstPart, norm)?;
        self.current.first_part = Some((examples, scale));
        Ok(())
    }

    fn add(&mut self, column: Column, number: &Tensor) -> Result<(), TorchError> {
        match &mut self.numbers {
            Numbers::Host { current, .. } => current[column as usize] += number.f_double_value(&[])?,
            Numbers::Device { slots, .. } => {
                let _ = slots[self.finished.len()][column as usize].f_add_(&number.f_detach()?)?;
            }
        }
        Ok(())
    }

    /// The terms of the step in progress, where they were measured.
    ///
    /// # Errors
    /// [`TorchError`] when the device fails.
    pub fn set_terms(&mut self, terms: &Tensor) -> Result<(), TorchError> {
        self.add(Column::Terms, terms)
    }

    /// The step in progress is done; its loss is a mean over so many terms, or over those that were set.
    pub fn commit(&mut self, terms: Option<u64>) {
        if let Numbers::Host { finished, current } = &mut self.numbers {
            finished.push(mem::take(current));
        }
        self.finished.push(Step { terms, ..mem::take(&mut self.current) });
    }

    /// The step in progress is done over.
    ///
    /// # Errors
    /// [`TorchError`] when the device fails.
    pub fn discard(&mut self) -> Result<(), TorchError> {
        self.current = Step::default();
        match &mut self.numbers {
            Numbers::Host { current, .. } => *current = [0.0; COLUMNS],
            Numbers::Device { slots, .. } => {
                for slot in &mut slots[self.finished.len()] {
                    let _ = slot.f_zero_()?;
                }
            }
        }
        Ok(())
    }

    /// Finished steps since the last fetch.
    #[must_use]
    pub fn len(&self) -> usize {
        self.finished.len()
    }

    /// Whether there is nothing to fetch.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.finished.is_empty()
    }

    /// The finished steps, in order; the tape is empty afterwards. Waits for the device, once.
    ///
    /// # Errors
    /// [`TorchError`] when the device fails.
    pub fn fetch(&mut self) -> Result<Vec<Reading>, TorchError> {
        let numbers = match &mut self.numbers {
            Numbers::Host { finished, .. } => mem::replace(finished, Vec::with_capacity(Self::CAPACITY)),
            Numbers::Device { buffer, .. } => {
                let mut all = vec![0.0; COLUMNS * Self::CAPACITY];
                let count = all.len();
                buffer.f_to_device(Device::Cpu)?.f_copy_data(&mut all, count)?;
                let _ = buffer.f_zero_()?;
                let at = |column: usize, step: usize| all[column * Self::CAPACITY + step];
                (0..self.finished.len())
                    .map(|step| [at(0, step), at(1, step), at(2, step), at(3, step)])
                    .collect()
            }
        };
        Ok(self.finished.drain(..).zip(numbers).map(|(step, numbers)| step.reading(numbers)).collect())
    }
}

impl Step {
    fn reading(self, [loss, gradient_norm, first_part, measured]: [f64; COLUMNS]) -> Reading {
        let terms = self.terms.map_or(measured, |terms| terms as f64);
        Reading {
            loss: (terms != 0.0).then(|| loss * (1.0 / terms)),
            gradient_norm: self.has_gradient_norm.then_some(gradient_norm),
            first_part: self.first_part.map(|(examples, scale)| (examples, first_part * scale)),
        }
    }
}
