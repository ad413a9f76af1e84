//! `[search]`.

use domain::spec::{Goal, SearchSpec, SeedRule};
use serde_json::{Value, json};

use super::{LARGEST, described, whole, with_default, words};

pub(super) fn section() -> Value {
    json!({
        "description": "Which cells of the grid are trained; without it, all of them.",
        "type": "object",
        "properties": {
            "goal": with_default(
                "rows: the best learning rate of every batch size, between two that are worse; best: the best cell alone; \
                 all: every cell.",
                Goal::default().word(),
                words(&Goal::ALL),
            ),
            "extend": with_default(
                "Points by which the learning rates may grow past either edge, where the best one sits on it.",
                0,
                whole(0, SearchSpec::FARTHEST.into()),
            ),
            "seeds": with_default(
                "all: every seed for each chosen cell; decide: one first, more where cells cannot be distinguished yet.",
                SeedRule::default().word(),
                words(&SeedRule::ALL),
            ),
            "stop": with_default(
                "End a running trial that can no longer become the best of its batch size.",
                false,
                json!({ "type": "boolean" }),
            ),
            "max_trials": described("Begin no more trials than this.", whole(1, LARGEST))
        },
        "additionalProperties": false
    })
}
