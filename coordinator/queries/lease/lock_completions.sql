-- lock_completions: the leases under which results are brought, locked in one order, and the counters that their trials
-- keep; a principal is NULL where nobody has one
select
    brought.place as "place!",
    lease.acked_seq,
    state.failures,
    state.preemptions
from unnest($1::uuid[], $2::integer[], $3::bytea[], $4::text[]) with ordinality
    as brought (trial_id, attempt, token, principal, place)
join core.lease using (trial_id, attempt, token)
join core.worker using (worker_id)
join core.trial_state state on state.trial_id = lease.trial_id and state.attempt = brought.attempt
-- By its key: there may be thousands that run.
where state.status || '' = 'running'
    and (brought.principal is null or worker.principal = brought.principal)
order by lease.trial_id
for update of lease, state
