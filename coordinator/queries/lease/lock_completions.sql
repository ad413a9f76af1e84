-- lock_completions: the leases under which results are brought, locked in one order, and the counters that their trials
-- keep; a principal is NULL where nobody has one
select
    brought.place as "place!",
    lease.acked_seq,
    state.failures,
    state.preemptions
from unnest($1::uuid[], $2::integer[], $3::bytea[], $4::text[]) with ordinality
    as brought (trial_id, attempt, token, principal, place)
join core.lease
    on lease.trial_id = any (array[brought.trial_id])
    and lease.attempt = brought.attempt
    and lease.token = brought.token
join core.worker on worker.worker_id = any (array[lease.worker_id])
join core.trial_state state
    on state.trial_id = any (array[brought.trial_id])
    and state.attempt = brought.attempt
    and state.status || '' = 'running'
where brought.principal is null or worker.principal = brought.principal
order by brought.trial_id
for update of lease, state
