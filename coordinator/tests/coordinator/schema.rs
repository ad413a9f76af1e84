use sqlx::PgPool;

/// The contract: names and order of the view that scripts are written against.
const RESULT: &str = "sweep_id, sweep_name, trial_id, trial_index, status, batch_size, learning_rate, optimizer, seed, \
     parameters, micro_batch, accumulation_steps, precision, device, worker, attempts, steps, examples, epochs, \
     first_train_loss, final_train_loss, train_set_loss, last_epoch_train_loss, train_loss_std, final_validation_loss, \
     final_validation_accuracy, best_validation_loss, best_validation_accuracy, steps_to_target, examples_to_target, \
     seconds_to_target, train_seconds, examples_per_second, peak_memory_bytes, peak_reserved_bytes, \
     predicted_peak_memory_bytes, resident_data_bytes, parameter_bytes, gradient_bytes, optimizer_state_bytes, \
     batch_bytes, activation_bytes, memory_budget_bytes, oom_count, gradient_noise_scale, accumulation, started_at, \
     finished_at, error, seed_sets, data_sha256, task, tokens, tokens_per_second, metrics";

async fn columns(pool: &PgPool) -> Vec<(String, String, String)> {
    sqlx::query_as(
        "select table_name::text, column_name::text, data_type::text from information_schema.columns
         where table_schema = 'batchsweep' order by table_name, ordinal_position",
    )
    .fetch_all(pool)
    .await
    .unwrap()
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn the_public_views_are_the_contracts(pool: PgPool) {
    let columns = columns(&pool).await;
    let of = |view: &str| {
        let names = columns.iter().filter(|(table, ..)| table == view).map(|(_, column, _)| column.as_str());
        names.collect::<Vec<_>>().join(", ")
    };
    assert_eq!(of("result"), RESULT);
    assert_eq!(of("metric"), "sweep_id, trial_id, attempt, name, step, examples, seconds, value");
    let lines: Vec<_> =
        columns.iter().map(|(table, column, kind)| format!("{table}.{column}: {kind}")).collect();
    insta::assert_snapshot!(lines.join("\n"));
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn public_types_are_those_that_every_client_reads(pool: PgPool) {
    for (table, column, kind) in columns(&pool).await {
        let allowed = ["text", "bigint", "double precision", "boolean", "timestamp with time zone"];
        assert!(allowed.contains(&kind.as_str()), "{table}.{column} is {kind}");
    }
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn every_table_view_and_column_has_a_comment(pool: PgPool) {
    let silent: Vec<String> = sqlx::query_scalar(
        "select n.nspname || '.' || c.relname || coalesce('.' || a.attname, '')
         from pg_class c
         join pg_namespace n on n.oid = c.relnamespace
         cross join lateral (
             select 0 as attnum, null::name as attname
             union all
             select attnum, attname from pg_attribute
             where attrelid = c.oid and attnum > 0 and not attisdropped
         ) a
         where n.nspname in ('core', 'batchsweep') and c.relkind in ('r', 'v')
             and col_description(c.oid, a.attnum) is null
             and (a.attnum > 0 or obj_description(c.oid, 'pg_class') is null)
         order by 1",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    assert_eq!(silent, [""; 0]);
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn heartbeats_update_rows_in_place(pool: PgPool) {
    // An index on any of these columns would cost a new index entry for each heartbeat.
    let indexed: Vec<String> = sqlx::query_scalar(
        "select a.attname::text from pg_index i
         join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any (i.indkey)
         where i.indrelid = 'core.lease'::regclass",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    for column in ["expires_at", "phase", "step", "total_steps", "train_loss", "micro_batch", "acked_seq"] {
        assert!(!indexed.contains(&column.to_owned()), "{column}");
    }
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn migrating_twice_changes_nothing(pool: PgPool) {
    // Also as a user named like the schema of the views, as scripts/test-database has it.
    let options = (*pool.connect_options()).clone();
    coordinator::store::connect::migrate(&options).await.unwrap();
    coordinator::store::connect::check_migrated(&options).await.unwrap();
}

#[sqlx::test]
async fn an_empty_database_is_not_taken_for_a_migrated_one(pool: PgPool) {
    let options = (*pool.connect_options()).clone();
    let refused = coordinator::store::connect::check_migrated(&options).await.unwrap_err();
    assert!(refused.to_string().contains("batchsweep-coordinator migrate"), "{refused}");
}
