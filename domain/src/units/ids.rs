//! Identities as types, so that a trial cannot be taken for its sweep, nor a worker for one of its processes.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

/// A text that is not a UUID.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("is `{0}`, which is no UUID")]
pub struct NotAnId(String);

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;

            fn from_str(text: &str) -> Result<Self, NotAnId> {
                Uuid::try_parse(text).map(Self).map_err(|_| NotAnId(text.to_owned()))
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }

        impl From<$name> for Uuid {
            fn from(id: $name) -> Self {
                id.0
            }
        }
    )*};
}

ids! {
    /// A sweep.
    SweepId;
    /// A trial: one cell of a sweep's grid.
    TrialId;
    /// A worker by its name, whichever process runs under it.
    WorkerId;
    /// One process of a worker: a restart has another.
    InstanceId;
    /// One request for trials, repeated when a lost reply makes the worker ask again.
    RequestId;
}

/// The fencing number of a trial: it grows by one at each claim, from 1, and never falls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Attempt(u32);

/// A number that no attempt has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is {0}; attempts count from 1 to 2147483647")]
pub struct NotAnAttempt(i64);

impl Attempt {
    /// The first one.
    pub const FIRST: Self = Self(1);

    /// The number.
    #[must_use]
    pub fn get(self) -> u32 {
        self.0
    }

    /// The number as the database holds it.
    #[must_use]
    pub fn as_i32(self) -> i32 {
        self.0.cast_signed()
    }
}

impl TryFrom<i64> for Attempt {
    type Error = NotAnAttempt;

    fn try_from(number: i64) -> Result<Self, NotAnAttempt> {
        let in_range = i32::try_from(number).ok().filter(|number| *number > 0);
        in_range.map(|number| Self(number.cast_unsigned())).ok_or(NotAnAttempt(number))
    }
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_and_a_wrong_one_is_named() {
        let id = TrialId(Uuid::from_u128(7));
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!("seven".parse::<TrialId>().unwrap_err().to_string(), "is `seven`, which is no UUID");
    }

    #[test]
    fn attempts_count_from_one_to_what_the_database_can_hold() {
        assert_eq!(Attempt::try_from(1), Ok(Attempt::FIRST));
        assert_eq!(Attempt::try_from(i64::from(i32::MAX)).map(Attempt::as_i32), Ok(i32::MAX));
        for wrong in [0, -1, i64::from(i32::MAX) + 1] {
            assert_eq!(Attempt::try_from(wrong), Err(NotAnAttempt(wrong)));
        }
    }
}
