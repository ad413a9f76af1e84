//! The answer as one JSON object: the rows, and what else the sweep says.

use domain::analysis::conclusion::{Basis, Choice};
use domain::analysis::{Analysis, Comparison, Interval, RateSlope, Verdict};
use domain::spec::Value;
use serde_json::{Map, Value as Json, json};

use super::table::table;
use crate::json;

/// Keys: `metric`, `conclusion`, `batch_sizes` (the rows of [`super::table`]), `comparisons` (what was fitted, one
/// a group of comparable trials) and `warnings`.
#[must_use]
pub fn object(analysis: &Analysis) -> Json {
    let sentences = analysis.conclusion.sentences.iter();
    let warnings = analysis.warnings.iter();
    json!({
        "metric": analysis.metric.word(),
        "conclusion": {
            "choice": analysis.conclusion.choice.as_ref().map(choice),
            "sentences": sentences.map(|sentence| json!({
                "kind": sentence.kind.word(),
                "text": sentence.text,
            })).collect::<Json>(),
        },
        "batch_sizes": serde_json::from_str::<Json>(&json::render(&table(analysis))).unwrap_or_default(),
        "comparisons": analysis.comparisons.iter().map(comparison).collect::<Json>(),
        "warnings": warnings.map(|warning| json!({ "id": warning.id, "message": warning.message })).collect::<Json>(),
    })
}

/// The values of the axes other than batch size, learning rate and seed.
pub(crate) fn axes(comparison: &Comparison) -> Json {
    let value = |value: &Value| match value {
        Value::Integer(whole) => json!(whole),
        Value::Number(number) => json!(number),
        Value::Flag(flag) => json!(flag),
        Value::Word(word) => json!(word),
    };
    Json::Object(comparison.axes.iter().map(|(name, own)| (name.clone(), value(own))).collect::<Map<_, _>>())
}

fn choice(choice: &Choice) -> Json {
    let basis = match choice.basis {
        Basis::SecondsToTarget => "seconds_to_target",
        Basis::Score(metric) => metric.word(),
    };
    json!({
        "group": choice.group,
        "batch_size": choice.batch_size,
        "learning_rate": choice.learning_rate,
        "basis": basis,
        "value": choice.value,
        "low": choice.range.low,
        "high": finite(choice.range.high),
        "seeds": choice.seeds,
        "is_firm": choice.is_firm,
        "level_with": choice.level_with,
        "at_equal_epochs": choice.at_equal_epochs,
    })
}

fn comparison(comparison: &Comparison) -> Json {
    let slopes = &comparison.rate_slopes;
    let line = comparison.throughput.as_ref().and_then(|throughput| throughput.line);
    let memory = comparison.memory.as_ref();
    json!({
        "parameters": axes(comparison),
        "learning_rate_slope": {
            "all": slopes.all.map(slope),
            "below_critical_batch_size": slopes.below_critical.map(slope),
            "above_critical_batch_size": slopes.above_critical.map(slope),
            "left_out_batch_sizes": slopes.left_out,
        },
        "critical_batch_size": critical(comparison),
        "step_time": line.map(|line| json!({
            "overhead_seconds": line.overhead_seconds,
            "examples_per_second": line.examples_per_second,
            "half_saturation_batch": line.half_saturation_batch(),
            "residual": line.residual,
        })),
        "time_optimal_batch": {
            "predicted": comparison.predicted_time_optimal_batch(),
            "measured": comparison.soonest().map(|row| row.batch_size),
        },
        "memory": memory.map(|memory| json!({
            "fixed_bytes": memory.line.map(|line| line.fixed_bytes),
            "bytes_per_example": memory.line.map(|line| line.bytes_per_example),
            "residual": memory.line.map(|line| line.residual),
            "memory_budget_bytes": memory.budget_bytes,
            "largest_whole_batch": memory.largest_whole,
            "smallest_accumulated_batch": memory.smallest_accumulated,
            "smallest_infeasible_batch": memory.smallest_infeasible,
        })),
    })
}

fn critical(comparison: &Comparison) -> Option<Json> {
    let critical = comparison.critical.as_ref()?;
    let (value, above, below) = match critical.verdict {
        Verdict::Identified { critical_batch_size } => (Some(critical_batch_size), None, None),
        Verdict::NotIdentified { above, below, .. } => (None, above, below),
    };
    Some(json!({
        "value": value,
        "definition": "E_min / S_min",
        "interval": critical.interval.map(interval),
        "without_one_batch_size": critical.without_one.map(interval),
        "above": above,
        "below": below,
        "within_20_percent_of_perfect_scaling": critical.at_overhead,
        "fit": critical.fit.map(|fit| json!({
            "least_steps": fit.least_steps,
            "least_examples": fit.least_examples,
            "log_residual": fit.log_residual,
        })),
    }))
}

fn slope(slope: RateSlope) -> Json {
    json!({ "slope": slope.slope, "interval": interval(slope.interval), "batch_sizes": slope.batch_sizes })
}

fn interval(interval: Interval) -> Json {
    json!([finite(interval.low), finite(interval.high)])
}

/// JSON has no infinity: an open end is `null`.
fn finite(number: f64) -> Option<f64> {
    Some(number).filter(|number| number.is_finite())
}
