//! Examples made from a seed: standard normal inputs, with labels that are noise or a teacher's answer.

use domain::spec::{Labels, SyntheticData};
use tch::{Device, Kind, Tensor};

use super::column::{Column, Storage};
use super::raw::Raw;
use super::{DataError, room};
use crate::shim::TorchError;
use crate::trainer::seed::{Purpose, derive};

/// The teacher is the same for every seed: repeats draw new examples of one task.
const TEACHER_SEED: i64 = 0x7EAC;
const TEACHER_WIDTH: i64 = 32;

/// Made in pieces, so that a large set is in host memory once.
const ROWS_AT_A_TIME: u64 = 1 << 14;

/// The examples of a seed.
pub(super) fn make(data: &SyntheticData, seed: u64) -> Result<Raw, DataError> {
    let row: u64 = data.features.iter().product();
    tch::manual_seed(derive(seed, Purpose::Inputs) as i64);
    let number = Storage::F32.size();
    let bytes = data.examples.saturating_mul(row).saturating_mul(number as u64);
    let mut inputs = room::zeros(bytes)?;
    for piece in inputs.chunks_mut((ROWS_AT_A_TIME * row) as usize * number) {
        draw(piece, number)?;
    }
    let targets = match data.labels {
        Labels::Random => random_labels(data, derive(seed, Purpose::Labels))?,
        Labels::Teacher => teacher_labels(data, row as i64, &inputs)?,
    };
    let inputs = Column { storage: Storage::F32, shape: data.features.clone(), bytes: inputs };
    Ok(Raw::classified(inputs, &targets, data.classes))
}

/// Fills a piece with numbers of that size.
fn draw(piece: &mut [u8], number: usize) -> Result<(), TorchError> {
    let numbers = piece.len() / number;
    Tensor::f_randn([numbers as i64], (Kind::Float, Device::Cpu))?.f_copy_data_u8(piece, numbers)?;
    Ok(())
}

fn random_labels(data: &SyntheticData, seed: u64) -> Result<Vec<i64>, TorchError> {
    tch::manual_seed(seed as i64);
    let size = [data.examples as i64];
    let labels = Tensor::f_randint(data.classes as i64, size, (Kind::Int64, Device::Cpu))?;
    copied(&labels)
}

/// The most likely class of a fixed random network with one hidden layer of tanh units.
fn teacher_labels(data: &SyntheticData, row: i64, inputs: &[u8]) -> Result<Vec<i64>, TorchError> {
    tch::manual_seed(TEACHER_SEED);
    let options = (Kind::Float, Device::Cpu);
    // Unit variance before the tanh: the weights of a unit have variance 1 / inputs.
    let scale = Tensor::f_from_slice(&[(row as f32).sqrt()])?;
    let hidden = Tensor::f_randn([row, TEACHER_WIDTH], options)?.f_div(&scale)?;
    let output = Tensor::f_randn([TEACHER_WIDTH, data.classes as i64], options)?;
    let mut labels = Vec::with_capacity(data.examples as usize);
    let row_bytes = row as usize * Storage::F32.size();
    for piece in inputs.chunks(ROWS_AT_A_TIME as usize * row_bytes) {
        let size = [(piece.len() / row_bytes) as i64, row];
        let inputs = Tensor::f_from_data_size(piece, &size, Kind::Float)?;
        let scores = inputs.f_matmul(&hidden)?.f_tanh()?.f_matmul(&output)?;
        labels.extend(copied(&scores.f_argmax(1, false)?)?);
    }
    Ok(labels)
}

fn copied(labels: &Tensor) -> Result<Vec<i64>, TorchError> {
    let mut numbers = vec![0; labels.numel()];
    labels.f_copy_data(&mut numbers, labels.numel())?;
    Ok(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trainer::exclusive;

    fn data(labels: Labels) -> SyntheticData {
        SyntheticData { examples: 4000, features: vec![10], classes: 3, labels, seed: None }
    }

    fn targets(raw: &Raw) -> Vec<i64> {
        raw.target.integers().collect()
    }

    fn floats(raw: &Raw) -> Vec<f64> {
        let mut numbers = Vec::new();
        Column::decode(Storage::F32, &raw.inputs[0].column.bytes, &mut numbers);
        numbers
    }

    #[test]
    fn inputs_are_standard_normal_and_labels_uniform() {
        let _exclusive = exclusive();
        let raw = make(&data(Labels::Random), 7).unwrap();
        let count = floats(&raw).len() as f64;
        let mean = floats(&raw).iter().sum::<f64>() / count;
        let variance = floats(&raw).iter().map(|x| x.powi(2)).sum::<f64>() / count - mean * mean;
        assert!(mean.abs() < 0.02 && (variance - 1.0).abs() < 0.03, "{mean} {variance}");
        for class in 0..3 {
            let share = targets(&raw).iter().filter(|&&label| label == class).count() as f64 / 4000.0;
            assert!((share - 1.0 / 3.0).abs() < 0.04, "class {class}: {share}");
        }
    }

    #[test]
    fn a_seed_gives_the_same_examples_each_time_and_another_seed_others() {
        let _exclusive = exclusive();
        let [a, b, c] = [7, 7, 8].map(|seed| make(&data(Labels::Random), seed).unwrap());
        assert!(floats(&a) == floats(&b) && targets(&a) == targets(&b));
        assert!(floats(&a) != floats(&c) && targets(&a) != targets(&c));
    }

    #[test]
    fn a_teacher_gives_every_class_and_the_same_label_to_the_same_input() {
        let _exclusive = exclusive();
        let [a, b] = [7, 7].map(|seed| make(&data(Labels::Teacher), seed).unwrap());
        assert_eq!(targets(&a), targets(&b));
        for class in 0..3 {
            assert!(targets(&a).iter().filter(|&&label| label == class).count() > 200);
        }
    }
}
