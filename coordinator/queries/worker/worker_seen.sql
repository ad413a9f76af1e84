-- worker_seen: notes that it lives, and tells whether it is the process that registered last, and the caller's own; $4 is
-- the caller's name, NULL where nobody has one
with caller as (
    select worker_id, ($4::text is null or coalesce(principal = $4, false)) as ours
    from core.worker
    where worker_id = $1
)
update core.worker
set
    seen_at = case when ours and instance_id = $2 then now() else seen_at end,
    expires_at = case when ours and instance_id = $2 then now() + make_interval(secs => $3) else expires_at end
from caller
where worker.worker_id = caller.worker_id
returning worker.name, worker.instance_id, caller.ours as "ours!"
