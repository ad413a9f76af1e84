//! What a trainer process must find in its environment. Whoever starts one sets these, unless the user has.

/// Threads of libtorch that wait for each other sleep instead of spinning.
///
/// libgomp reads this when it is loaded, so the trainer cannot set it for itself. Spinning pays only on a machine that
/// does nothing else: with one of two cores busy elsewhere, 2000 steps of a small MLP on 2 threads took 39.8 s spinning
/// and 1.6 s sleeping.
const WAIT_POLICY: (&str, &str) = ("OMP_WAIT_POLICY", "PASSIVE");

/// The variables to add to those of the parent.
pub fn additions() -> impl Iterator<Item = (&'static str, &'static str)> {
    [WAIT_POLICY].into_iter().filter(|(name, _)| std::env::var_os(name).is_none())
}
