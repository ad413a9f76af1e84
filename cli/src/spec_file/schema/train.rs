//! `[train]`.

use domain::spec::{Loss, OptimizerKind, Precision, ScheduleKind, TargetMetric, TrainKey, TrainSpec};
use serde_json::{Map, Value, json};

use super::{LARGEST, described, share, whole, with_default, words};

pub(super) fn section() -> Value {
    let keys =
        TrainKey::ALL.into_iter().map(|(word, _)| (word, json!({ "$ref": format!("#/$defs/{word}") })));
    let mut properties = Map::from_iter(keys.map(|(word, schema)| (word.to_owned(), schema)));
    properties.insert("target".to_owned(), target());
    json!({
        "description": "How each trial is trained; an axis of the same name in [grid] goes before.",
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
        "allOf": [
            {
                "if": { "required": ["nesterov"], "properties": { "nesterov": { "const": true } } },
                "then": { "required": ["momentum"], "properties": { "momentum": { "exclusiveMinimum": 0 } } }
            },
            {
                "if": { "required": ["stop_at_target"], "properties": { "stop_at_target": { "const": true } } },
                "then": { "required": ["target"] }
            }
        ]
    })
}

/// One value of each key, for [train] and for the axes.
pub(super) fn definitions() -> Value {
    let definitions = TrainKey::ALL.into_iter().map(|(word, key)| (word.to_owned(), definition(key)));
    Value::Object(definitions.collect())
}

fn definition(key: TrainKey) -> Value {
    let default = TrainSpec::default();
    let length = || whole(1, 1 << 40);
    let flag = || json!({ "type": "boolean" });
    match key {
        TrainKey::Epochs => described("Passes over the training set.", length()),
        TrainKey::Steps => described("Optimizer steps.", length()),
        TrainKey::Examples => {
            described("Training examples: as many whole batches as it takes to see these.", length())
        }
        TrainKey::Optimizer => {
            with_default("The update rule.", default.optimizer.word(), words(&OptimizerKind::ALL))
        }
        TrainKey::Momentum => with_default("Momentum of sgd and rmsprop.", default.momentum, share()),
        TrainKey::Nesterov => {
            with_default("Nesterov's momentum, for sgd; needs a momentum.", default.nesterov, flag())
        }
        TrainKey::WeightDecay => described(
            "An L2 gradient for sgd, adam and rmsprop, decoupled for adamw; without it 0.01 for adamw, else 0.",
            json!({ "type": "number", "minimum": 0 }),
        ),
        TrainKey::Beta1 => {
            with_default("Decay of the first moment, for adam and adamw.", default.beta1, share())
        }
        TrainKey::Beta2 => described(
            "Decay of the second moment, for adam, adamw (0.999 without it) and rmsprop (its alpha: 0.99).",
            share(),
        ),
        TrainKey::Epsilon => with_default(
            "Added to the denominator, for adam, adamw and rmsprop.",
            default.epsilon,
            json!({ "type": "number", "exclusiveMinimum": 0 }),
        ),
        TrainKey::Loss => with_default(
            "What is minimised, as a mean over the examples of a batch; mse is against the one-hot class.",
            default.loss.word(),
            words(&Loss::ALL),
        ),
        TrainKey::Schedule => with_default(
            "How the learning rate moves: it stays, or falls to 0 linearly or along half a cosine.",
            default.schedule.word(),
            words(&ScheduleKind::ALL),
        ),
        TrainKey::WarmupSteps => with_default(
            "Steps over which the learning rate rises linearly to its full value.",
            default.warmup_steps,
            whole(0, LARGEST),
        ),
        TrainKey::Shuffle => with_default(
            "A new random order each epoch; false: the order of the file, every epoch.",
            default.shuffle,
            flag(),
        ),
        TrainKey::Precision => with_default(
            "The number type; bfloat16 is mixed: parameters, gradients and sums stay float32.",
            default.precision.word(),
            words(&Precision::ALL),
        ),
        TrainKey::DropLast => with_default(
            "Leave out the last batch of an epoch when it is not full.",
            default.drop_last,
            flag(),
        ),
        TrainKey::StopAtTarget => with_default(
            "End a trial at the first evaluation that meets the target.",
            default.stop_at_target,
            flag(),
        ),
    }
}

fn target() -> Value {
    json!({
        "description": "What trials are measured against, such as { metric = \"validation_error\", below = 0.15 }.",
        "type": "object",
        "required": ["metric", "below"],
        "properties": {
            "metric": described(
                "What is compared at each evaluation; those on validation examples need `validation` in [data].",
                words(&TargetMetric::ALL),
            ),
            "below": described("Met at the first evaluation strictly below.", json!({ "type": "number" }))
        },
        "additionalProperties": false
    })
}
