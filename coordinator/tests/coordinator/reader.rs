use std::time::{Duration, Instant};

use proto::Reason;
use proto::v1::sweep_service_server::SweepService;
use proto::v1::{self, ColumnKind};
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use tonic::{Request, Status};

use crate::holders::by;
use crate::world::{World, cell, column, reason, result, spec};

async fn query(world: &World, sql: &str) -> Result<v1::QueryResponse, Status> {
    let request = v1::QueryRequest { sql: sql.to_owned() };
    Ok(world.sweeps.query(Request::new(request)).await?.into_inner())
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn people_query_results_in_plain_sql(pool: PgPool) {
    let world = World::new(&pool);
    world.submit(spec(2)).await;
    let worker = world.worker("one").await;
    world.complete(&world.claim_one(&worker).await, result(0.5), 0).await.unwrap();
    let sql = "select batch_size, min(final_train_loss), bool_and(status = 'succeeded') as done, max(finished_at) at \
               from batchsweep.result group by 1 order by 1";
    let answer = query(&world, sql).await.unwrap();
    assert!(!answer.truncated);
    let table = answer.table.unwrap();
    let columns: Vec<_> = table.columns.iter().map(|column| (column.name.as_str(), column.kind())).collect();
    let kinds = [ColumnKind::Integer, ColumnKind::Number, ColumnKind::Boolean, ColumnKind::Timestamp];
    assert_eq!(columns, ["batch_size", "min", "done", "at"].into_iter().zip(kinds).collect::<Vec<_>>());
    assert_eq!(cell(&table, "batch_size").as_deref(), Some("32"));
    assert_eq!(
        (cell(&table, "min").as_deref(), cell(&table, "done").as_deref()),
        (Some("0.5"), Some("false"))
    );
    let at = cell(&table, "at").unwrap();
    assert!(chrono::DateTime::parse_from_rfc3339(&at).is_ok(), "{at}");
    let none = query(&world, "select status from result where false;").await.unwrap().table.unwrap();
    assert_eq!((none.columns.len(), none.rows.len()), (1, 0));
    assert_eq!(cell(&query(&world, "select null as n").await.unwrap().table.unwrap(), "n"), None);
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn people_cannot_write_nor_look_behind_the_views(pool: PgPool) {
    let world = World::new(&pool);
    for (sql, because) in [
        ("select * from core.sweep", "permission denied"),
        ("select * from public._sqlx_migrations", "permission denied"),
        ("delete from batchsweep.result", "cannot delete from view"),
        ("create table batchsweep.mine (x int)", "only queries"),
        ("create temporary table mine (x int)", "only queries"),
        ("insert into batchsweep.result values (1) returning 1", "cannot insert into view"),
        ("with gone as (delete from core.metric_name returning 1) select 1", "permission denied"),
        ("select 1 into mine", "only queries"),
        ("do $$ begin loop perform pg_sleep(1); end loop; end $$", "only queries"),
        ("set statement_timeout = 0", "only queries"),
        ("alter role batchsweep_reader password 'mine'", "only queries"),
        ("listen trials", "only queries"),
        ("explain analyze select lo_creat(-1)", "permission denied"),
        ("select lo_from_bytea(0, 'x')", "permission denied"),
        ("select pg_advisory_lock(1)", "permission denied"),
        ("select pg_try_advisory_xact_lock_shared(1, 2)", "permission denied"),
        ("select pg_terminate_backend(pid) from pg_stat_activity", "permission denied"),
        ("select query_to_xml('select pg_advisory_lock(1)', true, true, '')", "permission denied"),
        ("select repeat('x', 5000000)", "a cell has more than 4194304 characters"),
        ("select nextval('core.x')", "permission denied"),
        ("select pg_read_file('/etc/passwd')", "permission denied"),
        ("select 1; select 2", "cannot insert multiple commands"),
        ("select $1::int", "parameters"),
        ("copy (select 1) to stdout", "only queries"),
    ] {
        let refused = query(&world, sql).await;
        let message = refused.as_ref().unwrap_err().message().to_owned();
        assert!(message.contains(because), "{sql}: {message}");
        assert_eq!(reason(refused), Reason::QueryFailed, "{sql}");
    }
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn values_of_every_type_come_as_postgres_writes_them(pool: PgPool) {
    let world = World::new(&pool);
    let sql = "/* all */ (select true as a, 1.10::numeric as b, 'x'::char(3) as c, null::int as d, array[1, 2] as e, \
               '{\"k\": [1]}'::jsonb as f, row(1, 'z') as a, '\\x01'::bytea as h, interval '1 day' as i, pg_sleep(0) as j, \
               'a;b' as k, 'infinity'::float8 as l) ; -- that is it";
    let table = query(&world, sql).await.unwrap().table.unwrap();
    let names: Vec<&str> = table.columns.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(names, ["a", "b", "c", "d", "e", "f", "a", "h", "i", "j", "k", "l"]);
    let cells: Vec<_> = table.rows[0].cells.iter().map(|cell| cell.text.as_deref()).collect();
    let expected = [
        Some("true"),
        Some("1.10"),
        Some("x"),
        None,
        Some("{1,2}"),
        Some("{\"k\": [1]}"),
        Some("(1,z)"),
        Some("\\x01"),
        Some("1 day"),
        Some(""),
        Some("a;b"),
        Some("Infinity"),
    ];
    assert_eq!(cells, expected);
    let ordered =
        query(&world, "select n from generate_series(1, 1000) n order by -n").await.unwrap().table.unwrap();
    assert_eq!((column(&ordered, "n")[0].as_deref(), ordered.rows.len()), (Some("1000"), 1000));
    for about in ["explain select 1", "show statement_timeout", "table batchsweep.worker", "values (1), (2)"]
    {
        query(&world, about).await.unwrap();
    }
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn the_grants_hold_also_for_a_session_that_resets_its_defaults(pool: PgPool) {
    let world = World::new(&pool);
    let reader =
        PgPoolOptions::new().max_connections(1).connect_with(world.context.reader.clone()).await.unwrap();
    let user: String = sqlx::query_scalar("select current_user::text").fetch_one(&reader).await.unwrap();
    assert_eq!(user, "batchsweep_reader");
    let settings: (String, String) = sqlx::query_as(
        "select current_setting('statement_timeout'), current_setting('idle_in_transaction_session_timeout')",
    )
    .fetch_one(&reader)
    .await
    .unwrap();
    assert_eq!(settings, ("30s".to_owned(), "10s".to_owned()));
    let read_only = sqlx::query("create table batchsweep.mine (x int)").execute(&reader).await.unwrap_err();
    assert!(
        read_only.to_string().contains("permission denied") || read_only.to_string().contains("read-only")
    );
    sqlx::query("set default_transaction_read_only = off").execute(&reader).await.unwrap();
    for sql in [
        "create table batchsweep.mine (x int)",
        "create temporary table mine (x int)",
        "update core.trial_state set status = 'failed'",
        "insert into core.metric_name values (9, 'x')",
        "select * from core.sweep_progress",
    ] {
        let refused = sqlx::query(sql).execute(&reader).await.unwrap_err();
        assert!(refused.to_string().contains("permission denied"), "{sql}: {refused}");
    }
    let visible: Vec<String> = sqlx::query_scalar(
        "select table_schema || '.' || table_name from information_schema.tables
         where table_schema not in ('pg_catalog', 'information_schema') and table_schema <> 'batchsweep'",
    )
    .fetch_all(&reader)
    .await
    .unwrap();
    assert_eq!(visible, [""; 0]);
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn a_query_changes_no_setting(pool: PgPool) {
    let world = World::new(&pool);
    let refused =
        query(&world, "with a as (select set_config('work_mem', '2GB', true)) select * from a").await;
    assert!(refused.unwrap_err().message().contains("permission denied"));
    let table = query(&world, "show statement_timeout").await.unwrap().table.unwrap();
    assert_eq!(cell(&table, "statement_timeout").as_deref(), Some("30s"));
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn one_principal_leaves_connections_for_others(pool: PgPool) {
    let world = std::sync::Arc::new(World::new(&pool));
    let ask = |name: &'static str, sql: &str| {
        let request = by(name, v1::QueryRequest { sql: sql.to_owned() });
        let world = world.clone();
        async move { world.sweeps.query(request).await }
    };
    let running: Vec<_> = (0..8).map(|_| tokio::spawn(ask("greedy", "select pg_sleep(4)"))).collect();
    let sleeping = "select count(*) from pg_stat_activity where datname = current_database() and query like '%pg_sleep(4)%' \
                    and application_name = 'batchsweep sql'";
    while world.number(sleeping).await < 8 {
        tokio::task::yield_now().await;
    }
    assert_eq!(reason(ask("greedy", "select 1 as one").await), Reason::RateLimited);
    ask("another", "select 1 as one").await.unwrap();
    for statement in running {
        statement.await.unwrap().unwrap();
    }
    ask("greedy", "select 1 as one").await.unwrap();
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn a_reader_is_cut_off_after_its_time_limit(pool: PgPool) {
    let world = World::new(&pool);
    // The limit of 30 seconds, shortened where it is set: at the role, in this database.
    sqlx::query(
        "do $$ begin execute format(
            'alter role batchsweep_reader in database %I set statement_timeout = %L', current_database(), '100ms'
        ); end $$",
    )
    .execute(&pool)
    .await
    .unwrap();
    let reader =
        PgPoolOptions::new().max_connections(1).connect_with(world.context.reader.clone()).await.unwrap();
    let started = Instant::now();
    let refused = sqlx::query("select pg_sleep(600)").execute(&reader).await.unwrap_err();
    assert!(refused.to_string().contains("canceling statement due to statement timeout"), "{refused}");
    assert!(started.elapsed() < Duration::from_secs(60));
    // The session lives on.
    sqlx::query("select * from batchsweep.result").execute(&reader).await.unwrap();
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn a_wrong_statement_comes_back_with_position_and_hint(pool: PgPool) {
    let world = World::new(&pool);
    let refused = query(&world, "select batchsize from batchsweep.result").await;
    let message = refused.as_ref().unwrap_err().message().to_owned();
    assert!(message.contains("column \"batchsize\" does not exist (at character 8)"), "{message}");
    assert!(message.contains("hint: ") && message.contains("batch_size"), "{message}");
    assert_eq!(reason(refused), Reason::QueryFailed);
    assert_eq!(reason(query(&world, " ").await), Reason::InvalidRequest);
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn a_misspelt_view_is_answered_with_the_nearest_and_all_there_are(pool: PgPool) {
    let world = World::new(&pool);
    let said = async |sql: &str| query(&world, sql).await.unwrap_err().message().to_owned();
    let near = said("select * from results").await;
    assert!(near.starts_with(
        "relation \"results\" does not exist (at character 15)\nhint: did you mean batchsweep.result? "
    ));
    assert!(near.contains("best_learning_rate, decision, log, metric, "), "{near}");
    let far = said("select 1 from batchsweep.x").await;
    assert!(far.contains("\nhint: the views of schema batchsweep: attempt, "), "{far}");
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn many_rows_are_cut_off_and_said_to_be(pool: PgPool) {
    let world = World::new(&pool);
    let exact = query(&world, "select * from generate_series(1, 10000)").await.unwrap();
    assert_eq!((exact.table.unwrap().rows.len(), exact.truncated), (10_000, false));
    let started = Instant::now();
    let endless = query(&world, "select generate_series(1, 1000000000)").await.unwrap();
    assert_eq!((endless.table.unwrap().rows.len(), endless.truncated), (10_000, true));
    assert!(started.elapsed() < Duration::from_secs(10));
    let wide = query(&world, "select repeat('x', 1000000) from generate_series(1, 100)").await.unwrap();
    let table = wide.table.unwrap();
    assert!(wide.truncated && table.rows.len() < 100 && !column(&table, "repeat").is_empty());
}
