-- hold_worker: against claims that are being answered; those that come later see what is done now
select worker_id
from core.worker
where worker_id = $1
for update
