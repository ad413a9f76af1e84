-- lock_workers: no other process may take over their names, and nobody take them out of service, before these claims are
-- stored; those that are out of service are left out
select worker_id, instance_id, allows_code
from core.worker
where worker_id = any($1) and drain is null
order by worker_id
for key share
