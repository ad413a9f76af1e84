//! Who may do what: the scopes of a token, and the names that tokens go by.

use std::fmt;
use std::str::FromStr;

words! {
    /// What a token allows.
    #[derive(PartialOrd, Ord)]
    Scope {
        /// Submit sweeps and steer them: pause, resume, cancel, retry.
        Submit = "submit",
        /// Be a worker: register, take trials, report.
        Work = "work",
        /// Look at sweeps, results and workers, also by SQL.
        Read = "read",
        /// Make, list and revoke tokens, and everything else.
        Admin = "admin",
    }
}

impl Scope {
    /// Whether a token with this scope may do what `needed` stands for.
    #[must_use]
    pub fn allows(self, needed: Self) -> bool {
        self == needed || self == Self::Admin
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// A word that is no scope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a scope; there are submit, work, read and admin")]
pub struct UnknownScope(String);

impl FromStr for Scope {
    type Err = UnknownScope;

    fn from_str(word: &str) -> Result<Self, UnknownScope> {
        let known = Self::ALL.into_iter().find(|(name, _)| *name == word);
        known.map(|(_, scope)| scope).ok_or_else(|| UnknownScope(word.to_owned()))
    }
}

/// The name of tokens that are traded once for one that a browser keeps: what a link that signs in ends in.
pub const SIGN_IN: &str = "sign-in";

/// The name of tokens that browsers keep after following such a link.
pub const PAGE: &str = "page";

/// The longest name of a token, in bytes.
pub const MAX_PRINCIPAL: usize = 63;

/// The fleet of a worker's principal: what follows the last `@` of its name, else the whole name; empty where nobody has a
/// name. Workers of one fleet trust each other: they plan with the memory that others of it measured, go on from what those
/// saved, and must find the same data.
#[must_use]
pub fn fleet(principal: Option<&str>) -> &str {
    let name = principal.unwrap_or_default();
    name.rsplit_once('@').map_or(name, |(_, fleet)| if fleet.is_empty() { name } else { fleet })
}

/// Checks the name that a token goes by. Tokens of one name stand for one principal: one can take another's place
/// without what the first holds being lost.
///
/// # Errors
/// A sentence that says what names look like.
pub fn check_principal(name: &str) -> Result<(), String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.@".contains(c);
    if name.is_empty() || name.len() > MAX_PRINCIPAL || !name.chars().all(allowed) {
        return Err(format!(
            "`{name}` is not a token's name; use 1 to {MAX_PRINCIPAL} letters, digits, hyphens, underscores, dots and @"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scope_is_read_back_from_its_word() {
        for (word, scope) in Scope::ALL {
            assert_eq!((word.parse(), scope.word()), (Ok(scope), word));
        }
        assert!("root".parse::<Scope>().is_err());
    }

    #[test]
    fn a_scope_allows_itself_and_admin_allows_all() {
        for (_, held) in Scope::ALL {
            for (_, needed) in Scope::ALL {
                assert_eq!(held.allows(needed), held == needed || held == Scope::Admin, "{held} {needed}");
            }
        }
    }

    #[test]
    fn a_fleet_is_what_follows_the_at_sign() {
        assert_eq!(fleet(Some("host-7@gpus")), "gpus");
        assert_eq!(fleet(Some("host-7")), "host-7");
        assert_eq!(fleet(Some("a@b@c")), "c");
        assert_eq!(fleet(Some("odd@")), "odd@");
        assert_eq!(fleet(None), "");
    }

    #[test]
    fn names_are_short_and_plain() {
        for name in ["ci", "gpu-3.rack_2", "anna@example.org"] {
            assert_eq!(check_principal(name), Ok(()), "{name}");
        }
        for name in ["", "two words", "ü", "a\nb", &"x".repeat(64)] {
            assert!(check_principal(name).is_err(), "{name}");
        }
    }
}
