-- end_attempts: the attempt's end, the trial's new state and the end of the lease, as one
with ending as (
    select *
    from unnest(
        $1::uuid[], $2::integer[], $3::text[], $4::text[], $5::text[], $6::text[], $7::boolean[], $8::bigint[],
        $9::bytea[], $10::integer[], $11::integer[], $12::double precision[]
    ) as ending (
        trial_id, attempt, status, outcome, error_kind, error, will_retry, acked_seq, digest, failures, preemptions,
        delay_seconds
    )
),
attempt as (
    update core.attempt
    set
        finished_at = now(),
        outcome = ending.outcome,
        error_kind = ending.error_kind,
        error = ending.error,
        will_retry = ending.will_retry,
        acked_seq = ending.acked_seq,
        digest = ending.digest,
        micro_batch = coalesce(
            (
                select lease.micro_batch
                from core.lease
                where lease.trial_id = any (array[ending.trial_id]) and lease.attempt = ending.attempt
            ),
            0
        )
    from ending
    where attempt.trial_id = any (array[ending.trial_id]) and attempt.attempt = ending.attempt
),
state as (
    update core.trial_state state
    set
        status = ending.status,
        accepted_attempt = case
            when ending.status in ('succeeded', 'diverged', 'infeasible', 'stopped') then ending.attempt
        end,
        failures = ending.failures,
        preemptions = ending.preemptions,
        run_after = now() + make_interval(secs => ending.delay_seconds),
        ended_at = case when ending.status <> 'pending' then now() end
    from ending
    where state.trial_id = any (array[ending.trial_id]) and state.attempt = ending.attempt and state.status || '' = 'running'
)
delete from core.lease
using ending
where lease.trial_id = any (array[ending.trial_id]) and lease.attempt = ending.attempt
