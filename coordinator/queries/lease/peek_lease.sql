-- peek_lease: as lock_lease, without the lock, and with the turn of this trial's reports, which take_turn tells of
with turn as materialized (
    select trial_id
    from core.trial
    where trial_id = $1
    for no key update
)
select lease.acked_seq
from turn
cross join core.lease
join core.worker on worker.worker_id = any (array[lease.worker_id])
where lease.trial_id = $1
    and lease.attempt = $2
    and lease.token = $3
    and ($4::text is null or worker.principal = $4)
