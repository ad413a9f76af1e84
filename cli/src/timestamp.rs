//! Points in time as RFC 3339 text, in UTC.

/// Such as `2026-11-24T03:12:45.123456Z`.
#[must_use]
pub fn text(time: &prost_types::Timestamp) -> String {
    time.to_string()
}
