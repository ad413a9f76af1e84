-- lock_worker: against claims of the process before it
select worker_id, instance_id
from core.worker
where name = $1
for update
