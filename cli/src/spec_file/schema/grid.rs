//! `[grid]`.

use domain::spec::{ScalingRule, SweepSpec, TrainKey};
use domain::units::BatchSize;
use serde_json::{Value, json};

use super::{LARGEST, described, list, whole, words};

pub(super) fn section() -> Value {
    let mut properties = json!({
        "batch_size": batch_size(),
        "learning_rate": learning_rate(),
        "seed": described(
            "Repeats that differ in initial weights, data order and (unless fixed) synthetic data; without it [0].",
            list(whole(0, LARGEST)),
        )
    });
    for (word, _) in TrainKey::ALL {
        let description = format!("An axis over `{word}` of [train].");
        properties[word] = described(&description, list(json!({ "$ref": format!("#/$defs/{word}") })));
    }
    let scalar = json!({ "type": ["boolean", "number", "string"] });
    properties["model"] = described(
        "Axes over scalar keys of [model], and over arguments of the function that builds a model of one's own: model.width = \
         [32, 64].",
        json!({ "type": "object", "maxProperties": 16, "additionalProperties": list(scalar) }),
    );
    json!({
        "description": "The axes whose product is the sweep: batch size, learning rate, seed, any scalar key of [train] and [model].",
        "type": "object",
        "required": ["batch_size", "learning_rate"],
        "properties": properties,
        "additionalProperties": false
    })
}

fn batch_size() -> Value {
    let size = || whole(1, BatchSize::MAX);
    json!({
        "description": "Examples per optimizer step: a list, or { from, to, factor }.",
        "oneOf": [
            described("As listed.", list(size())),
            table("from, from x factor, from x factor^2, ... up to `to`.", json!({
                "from": described("The first batch size.", size()),
                "to": described("The bound, included where the series hits it.", whole(1, LARGEST)),
                "factor": described("From each to the next.", whole(2, LARGEST))
            }))
        ]
    })
}

fn learning_rate() -> Value {
    let positive = || json!({ "type": "number", "exclusiveMinimum": 0 });
    json!({
        "description": "A list, { from, to, count } evenly in the logarithm, or { base, at, rule, times } around a centre that \
                        moves with the batch size.",
        "oneOf": [
            described("As listed, the same for every batch size.", list(positive())),
            table("Evenly spaced in the logarithm, both ends included.", json!({
                "from": described("The first learning rate.", positive()),
                "to": described("The last learning rate.", positive()),
                "count": described("How many.", whole(2, SweepSpec::MAX_TRIALS))
            })),
            table("times x base x f(batch size / at): a grid whose centre moves with the batch size.", json!({
                "base": described("The learning rate at batch size `at`.", positive()),
                "at": described("The batch size that `base` belongs to.", whole(1, BatchSize::MAX)),
                "rule": described("f: proportional to the batch size, or to its square root.", words(&ScalingRule::ALL)),
                "times": described("Factors around the centre.", list(positive()))
            }))
        ]
    })
}

/// A table of exactly these keys.
fn table(description: &str, properties: Value) -> Value {
    let required: Vec<&String> = properties.as_object().into_iter().flat_map(serde_json::Map::keys).collect();
    let mut table = json!({ "description": description, "type": "object", "required": required });
    table["properties"] = properties;
    table["additionalProperties"] = false.into();
    table
}
