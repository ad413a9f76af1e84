//! Did you mean?

/// What people abbreviate.
const SHORT: [(&str, &str); 13] = [
    ("lr", "learning_rate"),
    ("bs", "batch_size"),
    ("wd", "weight_decay"),
    ("warmup", "warmup_steps"),
    ("eps", "epsilon"),
    ("mnist", "idx"),
    ("fashion_mnist", "idx"),
    ("val", "validation"),
    ("root", "path"),
    ("folder", "path"),
    ("dir", "path"),
    ("file", "path"),
    ("random", "synthetic"),
];

/// The candidate that a misspelt or abbreviated word most likely stands for; `None` when none is near.
#[must_use]
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_ascii_lowercase().replace('-', "_");
    let word = SHORT.iter().find(|(short, _)| *short == word).map_or(word.as_str(), |(_, long)| long);
    candidates
        .into_iter()
        .map(|candidate| (likeness(word, candidate), candidate))
        // Below 0.8 the guess is more often wrong than right: clap draws the line there, too.
        .filter(|&(likeness, _)| likeness > 0.8)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, candidate)| candidate)
}

/// Jaro-Winkler, which knows common beginnings; but one slip of the finger is near in a word of any length.
fn likeness(word: &str, candidate: &str) -> f64 {
    let slip = word.len() > 2 && strsim::osa_distance(word, candidate) == 1;
    strsim::jaro_winkler(word, candidate).max(if slip { 0.85 } else { 0.0 })
}

/// `a, b, c`, each in backquotes.
#[must_use]
pub fn listed<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    words.into_iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_near_word_is_found_and_a_far_one_is_not() {
        let keys = ["batch_size", "learning_rate", "seed"];
        assert_eq!(nearest("batch_sizes", keys), Some("batch_size"));
        assert_eq!(nearest("Learning-Rate", keys), Some("learning_rate"));
        assert_eq!(nearest("lr", keys), Some("learning_rate"));
        assert_eq!(nearest("mpl", ["linear", "mlp", "cnn"]), Some("mlp"));
        assert_eq!(nearest("colour", keys), None);
    }
}
