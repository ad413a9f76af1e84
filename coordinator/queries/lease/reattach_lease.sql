-- reattach_lease: a holder that was cut off for longer than its lease gets it back, with the same attempt, as long as
-- nobody took the trial, no other process took the worker's name, and tries were left; $5 is the caller's name, NULL
-- where nobody has one
with state as (
    update core.trial_state state
    set status = 'running', failures = greatest(state.failures - 1, 0)
    from core.attempt
    join core.worker on worker.worker_id = any (array[attempt.worker_id]) and worker.instance_id = attempt.instance_id
    where state.trial_id = $1
        and state.attempt = $2
        -- By its key: there may be many that wait.
        and state.status || '' = 'pending'
        and attempt.trial_id = $1
        and attempt.attempt = $2
        and attempt.token = $3
        and attempt.error_kind = 'worker_lost'
        and ($5::text is null or worker.principal = $5)
    returning state.trial_id, state.attempt, state.sweep_id, attempt.worker_id, attempt.instance_id, attempt.acked_seq
),
reopened as (
    update core.attempt
    set finished_at = null, outcome = null, error_kind = null, error = null, will_retry = null
    from state
    where attempt.trial_id = any (array[state.trial_id]) and attempt.attempt = state.attempt
)
insert into core.lease (
    trial_id, attempt, token, sweep_id, worker_id, instance_id, request_id, request_index, acked_seq, expires_at
)
select
    trial_id, attempt, $3, sweep_id, worker_id, instance_id, gen_random_uuid(), 0, acked_seq,
    clock_timestamp() + make_interval(secs => $4)
from state
returning acked_seq
