-- superseded_leases: what earlier processes of a worker hold
select trial_id
from core.lease
where worker_id = $1 and instance_id <> $2
order by trial_id
for update
