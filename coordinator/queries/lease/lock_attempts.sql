-- lock_attempts: running attempts that are about to end without a result. The sweep is locked too, so that it cannot be
-- cancelled between this look at it and a trial's return to the queue.
select
    lease.trial_id,
    lease.attempt,
    lease.acked_seq,
    state.failures,
    state.preemptions,
    sweep.cancelled as sweep_cancelled
from core.lease
join core.trial_state state on state.trial_id = any (array[lease.trial_id])
join core.sweep on sweep.sweep_id = any (array[lease.sweep_id])
where lease.trial_id = any($1)
order by lease.trial_id
for update of lease, state
for share of sweep
