//! Migrations are only added: a database that has one refuses another of its number, and one from before the first of this
//! build is refused with the way to keep its results.

use std::collections::BTreeMap;
use std::process::{Command, Output, Stdio};

use coordinator::MIGRATOR;
use coordinator::config::public_url;
use coordinator::store::connect::{self, ConnectError};
use sqlx::PgPool;
use sqlx::migrate::Migrate;

/// The sums of the files as a database keeps them, in the format of `sha384sum`.
const SUMS: &str = include_str!("../../../migrations/SHA384SUMS");

/// The numbers of the first migrations, which were replaced by those from 100 on.
const REPLACED: [i64; 3] = [1, 25, 71];

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_migration_that_is_in_the_list_never_changes() {
    let listed: BTreeMap<&str, &str> = SUMS
        .lines()
        .filter_map(|line| line.split_once("  "))
        .map(|(sum, file)| (file.trim_end_matches(".sql"), sum))
        .collect();
    let found: BTreeMap<String, String> = MIGRATOR
        .iter()
        .map(|ours| {
            let name = format!("{:04}_{}", ours.version, ours.description.replace(' ', "_"));
            (name, hex(&ours.checksum))
        })
        .collect();
    for (name, sum) in &listed {
        assert_eq!(
            found.get(*name).map(String::as_str),
            Some(*sum),
            "migrations/{name}.sql was changed, renamed or removed, and every database that has it would refuse to start. \
             Restore it, and put the change into a new migration."
        );
    }
    for name in found.keys() {
        assert!(
            listed.contains_key(name.as_str()),
            "migrations/{name}.sql is not in migrations/SHA384SUMS. Once it is final, add it: \
             (cd migrations && sha384sum {name}.sql >>SHA384SUMS)"
        );
    }
}

/// A database as one of the first versions left it.
async fn make_old(pool: &PgPool) {
    let mut connection = pool.acquire().await.unwrap();
    connection.ensure_migrations_table("public._sqlx_migrations").await.unwrap();
    sqlx::query(
        "insert into public._sqlx_migrations (version, description, success, checksum, execution_time)
         select version, 'of an earlier version', true, '', 0 from unnest($1::bigint[]) version",
    )
    .bind(REPLACED.as_slice())
    .execute(&mut *connection)
    .await
    .unwrap();
}

fn call(pool: &PgPool, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_batchsweep-coordinator"))
        .args(arguments)
        .env("BATCHSWEEP_DATABASE_URL", public_url(&pool.connect_options()))
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

#[sqlx::test]
async fn a_database_of_an_earlier_version_is_refused_with_the_way_to_keep_its_results(pool: PgPool) {
    make_old(&pool).await;
    let serve = ["serve", "--listen=127.0.0.1:0", "--http-listen=off"];
    let no_migrate = [&serve[..], &["--no-migrate"]].concat();
    for arguments in [&["migrate"][..], &serve, &no_migrate] {
        let refused = call(&pool, arguments);
        let said = String::from_utf8(refused.stderr).unwrap();
        assert_eq!(refused.status.code(), Some(1), "{arguments:?}: {said}");
        for words in ["error: ", "an earlier version", "batchsweep export", "fresh database", "--state-dir"] {
            assert!(said.contains(words), "{arguments:?} does not say `{words}`: {said}");
        }
    }
    let left: Vec<i64> = sqlx::query_scalar("select version from public._sqlx_migrations order by 1")
        .fetch_all(&pool)
        .await
        .unwrap();
    assert_eq!(left, REPLACED, "nothing was applied");
}

#[sqlx::test(migrator = "MIGRATOR")]
async fn a_database_of_a_later_version_is_not_taken_for_one_of_an_earlier(pool: PgPool) {
    sqlx::query(
        "insert into public._sqlx_migrations (version, description, success, checksum, execution_time)
         values (9999, 'of a later version', true, '', 0)",
    )
    .execute(&pool)
    .await
    .unwrap();
    let options = (*pool.connect_options()).clone();
    let refused = connect::migrate(&options).await.unwrap_err();
    assert!(matches!(refused, ConnectError::Migration { .. }), "{refused:?}");
    // Older coordinators go on with it while newer ones start.
    connect::check_migrated(&options).await.unwrap();
}
