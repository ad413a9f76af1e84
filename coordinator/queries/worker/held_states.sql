-- held_states: whether leases were handed out here, to the caller, and whether they can be written for: they are held, or
-- were lost and nobody took the trial since; $4 is the caller's name, NULL where nobody has one
select
    worker.worker_id is not null as "known!",
    lease.trial_id is not null
    or coalesce(
        attempt.error_kind = 'worker_lost' and state.status = 'pending' and state.attempt = attempt.attempt, false
    ) as "ours!"
from unnest($1::uuid[], $2::integer[], $3::bytea[]) with ordinality as shown (trial_id, attempt, token, place)
left join core.attempt
    on attempt.trial_id = any (array[shown.trial_id]) and attempt.attempt = shown.attempt and attempt.token = shown.token
left join core.worker
    on worker.worker_id = any (array[attempt.worker_id]) and ($4::text is null or worker.principal = $4)
left join core.lease
    on lease.trial_id = any (array[shown.trial_id]) and lease.attempt = shown.attempt and lease.token = shown.token
left join core.trial_state state on state.trial_id = any (array[attempt.trial_id])
order by shown.place
