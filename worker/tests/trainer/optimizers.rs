//! Each optimizer against its formula, written out anew in float64.

use domain::spec::{OptimizerKind, TrainSpec};
use tch::{Device, Kind, Tensor};
use worker::shim::cpu_memory;
use worker::shim::optimizer::{TensorList, clear_gradients, gradient_norm};
use worker::trainer::device::Meter;
use worker::trainer::step::optimizer::Optimizer;

use crate::lab::{exclusive, numbers};

const LEARNING_RATE: f64 = 0.1;

/// Gradients of step `t` (from 1) for five numbers, of changing size and sign.
fn gradient(t: u64) -> Vec<f64> {
    (0..5).map(|i| ((t * 7 + i * 3) as f64).sin() * (1.0 + i as f64)).collect()
}

fn start() -> Vec<f64> {
    vec![0.5, -1.0, 2.0, 0.0, -0.25]
}

/// Trains two parameters of 2 and 3 numbers for 6 steps on given gradients.
fn trained(train: &TrainSpec) -> Vec<f64> {
    let parameters = parameters(Kind::Double);
    let mut optimizer = Optimizer::new(train, &parameters).unwrap();
    for step in 1..=6 {
        set_gradients(&parameters, &gradient(step));
        optimizer.step(&parameters, LEARNING_RATE, step).unwrap();
    }
    parameters.as_slice().iter().flat_map(numbers).collect()
}

fn parameters(kind: Kind) -> TensorList {
    let start = start();
    let tensors =
        [&start[..2], &start[2..]].map(|part| Tensor::from_slice(part).to_kind(kind).set_requires_grad(true));
    TensorList::new(tensors.into())
}

/// Makes the gradients these: they are the derivative of the sum of products with them.
fn set_gradients(parameters: &TensorList, gradient: &[f64]) {
    clear_gradients(parameters).unwrap();
    for (parameter, part) in parameters.as_slice().iter().zip([&gradient[..2], &gradient[2..]]) {
        (parameter * Tensor::from_slice(part).to_kind(parameter.kind())).sum(parameter.kind()).backward();
    }
}

/// The formula applied to each number by itself: `update(p, g, state, t)` gives the new number.
fn expected(mut update: impl FnMut(f64, f64, &mut [f64; 3], u64) -> f64) -> Vec<f64> {
    let mut numbers = start();
    let mut states = [[0.0; 3]; 5];
    for t in 1..=6 {
        for ((number, gradient), state) in numbers.iter_mut().zip(gradient(t)).zip(&mut states) {
            *number = update(*number, gradient, state, t);
        }
    }
    numbers
}

fn assert_close(found: &[f64], expected: &[f64]) {
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() <= 1e-12 * (1.0 + expected.abs()), "{found} instead of {expected}");
    }
}

#[test]
fn sgd_follows_its_formula_with_momentum_nesterov_and_weight_decay() {
    let _exclusive = exclusive();
    for (momentum, nesterov, decay) in
        [(0.0, false, 0.0), (0.0, false, 0.1), (0.9, false, 0.0), (0.9, true, 0.01)]
    {
        let train = TrainSpec { momentum, nesterov, weight_decay: Some(decay), ..TrainSpec::default() };
        let formula = expected(|p, g, state, t| {
            let g = g + decay * p;
            // The first step takes the gradient itself as the momentum.
            state[0] = if t == 1 { g } else { momentum * state[0] + g };
            p - LEARNING_RATE
                * if nesterov {
                    g + momentum * state[0]
                } else if momentum > 0.0 {
                    state[0]
                } else {
                    g
                }
        });
        assert_close(&trained(&train), &formula);
    }
}

#[test]
fn adam_and_adamw_follow_their_formulas() {
    let _exclusive = exclusive();
    for (optimizer, weight_decay) in [
        (OptimizerKind::Adam, None),
        (OptimizerKind::Adam, Some(0.1)),
        (OptimizerKind::AdamW, None),
        (OptimizerKind::AdamW, Some(0.1)),
    ] {
        let train =
            TrainSpec { optimizer, weight_decay, beta1: 0.8, beta2: Some(0.95), ..TrainSpec::default() };
        let is_adamw = optimizer == OptimizerKind::AdamW;
        let decay = weight_decay.unwrap_or(if is_adamw { 0.01 } else { 0.0 });
        let formula = expected(|p, g, state, t| {
            let (p, g) = if is_adamw { (p - LEARNING_RATE * decay * p, g) } else { (p, g + decay * p) };
            state[0] = 0.8 * state[0] + 0.2 * g;
            state[1] = 0.95 * state[1] + 0.05 * g * g;
            let (first, second) = (1.0 - 0.8f64.powi(t as i32), 1.0 - 0.95f64.powi(t as i32));
            p - LEARNING_RATE * (state[0] / first) / ((state[1] / second).sqrt() + 1e-8)
        });
        assert_close(&trained(&train), &formula);
    }
}

#[test]
fn rmsprop_follows_its_formula() {
    let _exclusive = exclusive();
    for (momentum, decay) in [(0.0, 0.0), (0.9, 0.1)] {
        let optimizer = OptimizerKind::RmsProp;
        let train = TrainSpec { optimizer, momentum, weight_decay: Some(decay), ..TrainSpec::default() };
        let formula = expected(|p, g, state, _| {
            let g = g + decay * p;
            state[0] = 0.99 * state[0] + 0.01 * g * g;
            let direction = g / (state[0].sqrt() + 1e-8);
            state[1] = momentum * state[1] + direction;
            p - LEARNING_RATE * state[1]
        });
        assert_close(&trained(&train), &formula);
    }
}

/// Every optimizer, with the tensors of state that it keeps for each parameter and the bytes that it works with.
fn all() -> [(TrainSpec, u64, u64); 6] {
    let kind = |optimizer, momentum| TrainSpec { optimizer, momentum, ..TrainSpec::default() };
    [
        (kind(OptimizerKind::Sgd, 0.0), 0, 0),
        (kind(OptimizerKind::Sgd, 0.9), 1, 0),
        // The step number.
        (kind(OptimizerKind::Adam, 0.0), 2, 4),
        (kind(OptimizerKind::AdamW, 0.0), 2, 4),
        // Three constants, and room for the largest parameter.
        (kind(OptimizerKind::RmsProp, 0.0), 1, 3 * 4 + 3 * 4),
        (kind(OptimizerKind::RmsProp, 0.9), 2, 3 * 4 + 3 * 4),
    ]
}

#[test]
fn state_is_known_to_the_byte_before_the_first_step_and_no_step_allocates() {
    let _exclusive = exclusive();
    for (train, tensors, workspace) in all() {
        let parameters = parameters(Kind::Float);
        set_gradients(&parameters, &gradient(1));
        let meter = Meter::start(Device::Cpu).unwrap();
        let mut optimizer = Optimizer::new(&train, &parameters).unwrap();
        assert_eq!(optimizer.state_bytes(), tensors * parameters.bytes(), "{train:?}");
        assert_eq!(meter.live().unwrap(), optimizer.state_bytes() + workspace, "{train:?}");
        assert_eq!(domain::optimizer::state_tensors(&train), tensors);
        let before = cpu_memory::stats().allocations;
        for step in 1..=3 {
            optimizer.step(&parameters, LEARNING_RATE, step).unwrap();
        }
        assert_eq!(cpu_memory::stats().allocations, before, "{train:?}");
    }
}

#[test]
fn the_gradient_norm_is_that_of_all_numbers_together() {
    let _exclusive = exclusive();
    let parameters = parameters(Kind::Double);
    set_gradients(&parameters, &[1.0, -2.0, 2.0, 0.0, 4.0]);
    assert_eq!(gradient_norm(&parameters).unwrap().double_value(&[]), 5.0);
}

#[test]
fn state_is_laid_out_as_its_parameter_whatever_that_is() {
    let _exclusive = exclusive();
    for (train, ..) in all() {
        let transposed = Tensor::zeros([3, 5], (Kind::Float, Device::Cpu)).tr().set_requires_grad(true);
        let images = Tensor::zeros([4, 3, 3, 2], (Kind::Float, Device::Cpu)).permute([0, 3, 1, 2]);
        let parameters = TensorList::new(vec![transposed, images.set_requires_grad(true)]);
        let optimizer = Optimizer::new(&train, &parameters).unwrap();
        for (state, parameter) in optimizer.state().iter().zip(parameters.as_slice().iter().cycle()) {
            assert_eq!(state.stride(), parameter.stride(), "{train:?}");
            assert!(!state.requires_grad());
        }
    }
}

#[test]
fn a_parameter_without_a_gradient_is_left_alone_with_its_state() {
    let _exclusive = exclusive();
    for (train, ..) in all() {
        let parameters = parameters(Kind::Double);
        let mut optimizer = Optimizer::new(&train, &parameters).unwrap();
        let untouched = numbers(&parameters.as_slice()[1]);
        parameters.as_slice()[0].sum(Kind::Double).backward();
        optimizer.step(&parameters, LEARNING_RATE, 1).unwrap();
        assert_eq!(numbers(&parameters.as_slice()[1]), untouched, "{train:?}");
        assert_ne!(parameters.as_slice().iter().flat_map(numbers).collect::<Vec<_>>(), start(), "{train:?}");
    }
}
