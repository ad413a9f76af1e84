//! `[memory]`.

use serde_json::{Value, json};

use super::super::memory::POLICIES;
use super::{LARGEST, whole, with_default, words};

/// As `domain::units::Bytes` reads it: a number and a unit in either case; a fraction needs a unit above bytes.
const SIZE: &str = "^ *([0-9]+ *([KkMmGgTt][Ii]?[Bb]|[Bb])?|[0-9]+\\.[0-9]+ *[KkMmGgTt][Ii]?[Bb]) *$";

pub(super) fn section() -> Value {
    let policy = json!({ "oneOf": [words(&POLICIES), whole(1, LARGEST)] });
    json!({
        "description": "How much memory a trial may take, and how its batch is split.",
        "type": "object",
        "properties": {
            "budget": {
                "description": "A limit below the device's own: a number with B, KiB, MiB or GiB (or KB, MB, GB) such as \
                                \"64MiB\", or a number of bytes. Without it, only the worker's and the device's limits hold.",
                "oneOf": [{ "type": "string", "pattern": SIZE }, whole(1, LARGEST)]
            },
            "micro_batch": with_default(
                "auto: the largest that fits; off: always the whole batch; a number: at most so many examples.",
                "auto",
                policy,
            )
        },
        "additionalProperties": false
    })
}
