//! How long a sweep will still take, from how fast it went since it is watched.

use std::time::Instant;

/// The first state seen, and when.
#[derive(Debug, Default)]
pub struct Remaining {
    first: Option<(Instant, f64)>,
}

impl Remaining {
    /// Seconds that are left by the pace so far; `None` while there is too little to tell.
    pub fn estimate(&mut self, progress: f64, now: Instant) -> Option<f64> {
        let &mut (start, before) = self.first.get_or_insert((now, progress));
        let (seconds, done) = (now.duration_since(start).as_secs_f64(), progress - before);
        (seconds >= 1.0 && done > 0.005).then(|| seconds / done * (1.0 - progress))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn the_pace_since_the_first_look_gives_the_rest() {
        let (mut remaining, start) = (Remaining::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(remaining.estimate(0.5, at(0)), None);
        assert_eq!(remaining.estimate(0.5, at(10)), None);
        assert_eq!(remaining.estimate(0.75, at(10)).map(f64::round), Some(10.0));
    }
}
