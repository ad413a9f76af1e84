-- lock_lease: for one write of its holder; $4 is the caller's name, NULL where nobody has one
select lease.acked_seq
from core.lease
join core.worker on worker.worker_id = any (array[lease.worker_id])
where lease.trial_id = $1
    and lease.attempt = $2
    and lease.token = $3
    and ($4::text is null or worker.principal = $4)
for update of lease
