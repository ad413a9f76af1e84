-- lock_workers: no other process may take over their names before these claims are stored
select worker_id, instance_id
from core.worker
where worker_id = any($1)
order by worker_id
for key share
