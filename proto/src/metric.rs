//! The names of curves in words, as column `name` of view `metric` and `--name` have them.

/// All of them, in the order of their numbers in [`MetricName`](crate::v1::MetricName).
pub const NAMES: [&str; 7] = [
    "train_loss",
    "train_set_loss",
    "learning_rate",
    "gradient_norm",
    "validation_loss",
    "validation_accuracy",
    "validation_error",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::v1::MetricName;

    #[test]
    fn names_are_those_of_the_wire() {
        let wire = (1..).map_while(|number| MetricName::try_from(number).ok());
        let words = wire.map(|name| name.as_str_name().trim_start_matches("METRIC_NAME_").to_lowercase());
        assert_eq!(words.collect::<Vec<_>>(), NAMES);
    }
}
