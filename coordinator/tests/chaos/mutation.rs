//! A coordinator without its fence, and no switch for it in the coordinator: its statements are rewritten on their way to
//! Postgres, so that the conditions on attempt and token hold for everybody.

/// Each condition by which a query tells the attempt that holds the trial from one that held it: the query's name, the
/// condition, and what it becomes: true, with its parameters still in their places.
const CONDITIONS: [(&str, &str, &str); 13] = [
    ("lock_lease", "lease.attempt = $2", "$2::integer is not null"),
    ("lock_lease", "lease.token = $3", "$3::bytea is not null"),
    ("peek_lease", "lease.attempt = $2", "$2::integer is not null"),
    ("peek_lease", "lease.token = $3", "$3::bytea is not null"),
    ("renew_leases", "and lease.attempt = beat.attempt\n        and lease.token = beat.token", ""),
    ("renew_leases", "and lease.attempt = beat.attempt and lease.token = beat.token", ""),
    // The answer is looked up by what it says, which is a condition too.
    ("renew_leases", "    lease.attempt,\n    lease.token,", "    beat.attempt,\n    beat.token,"),
    ("reattach_lease", "and state.attempt = $2", "and $2::integer is not null"),
    ("move_watermark", "and attempt = $2", "and $2::integer is not null"),
    ("lock_completions", "and lease.attempt = brought.attempt\n    and lease.token = brought.token", ""),
    ("lock_completions", "and state.attempt = brought.attempt", ""),
    ("end_attempts", "and state.attempt = ending.attempt", ""),
    ("end_attempts", "and lease.attempt = ending.attempt", ""),
];

/// The statement without its conditions on the attempt; a query's first line is a comment with its name.
pub fn unfenced(statement: &str) -> String {
    let head = statement.lines().next().unwrap_or("");
    let name = head.strip_prefix("-- ").map(|head| head.split(':').next().unwrap_or(head).trim());
    let mut changed = statement.to_owned();
    for (_, condition, always) in CONDITIONS.iter().filter(|(query, ..)| Some(*query) == name) {
        changed = changed.replace(condition, always);
    }
    changed
}

/// Were a query written otherwise one day, its condition would stay, and the mutation be weaker than it says.
#[test]
fn each_condition_stands_in_the_query_that_it_is_taken_from() {
    let queries = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("queries");
    for (query, condition, _) in CONDITIONS {
        let folder = if query == "move_watermark" { "record" } else { "lease" };
        let text = std::fs::read_to_string(queries.join(folder).join(format!("{query}.sql"))).unwrap();
        assert!(text.contains(condition), "{query} has no `{condition}`");
        assert!(!unfenced(&text).contains(condition), "{query} keeps `{condition}`");
    }
}
