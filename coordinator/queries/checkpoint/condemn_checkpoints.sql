-- condemn_checkpoints: at most $2 trials that ended without a result more than $1 seconds ago and were not tried again. From
-- then on nothing goes on from what they saved, also where they are tried again at this moment: that waits for this row.
with ended as materialized (
    select state.trial_id, state.attempt
    from core.checkpoint
    join core.trial_state state using (trial_id)
    where state.status in ('failed', 'cancelled') and state.ended_at < now() - make_interval(secs => $1)
    order by state.trial_id
    limit $2
    for update of state skip locked
),
forgotten as (
    delete from core.checkpoint
    using ended
    where checkpoint.trial_id = ended.trial_id
)
insert into core.checkpoint_removal (worker_id, trial_id, attempt)
select distinct made.worker_id, ended.trial_id, ended.attempt
from ended
join core.attempt made using (trial_id)
on conflict on constraint checkpoint_removal_pkey do update
set attempt = excluded.attempt
