-- ended_attempt: what became of the attempt of a lease that is held no more; $4 as in lock_lease
select attempt.outcome, attempt.error_kind, attempt.will_retry, attempt.acked_seq, attempt.digest
from core.attempt
join core.worker on worker.worker_id = any (array[attempt.worker_id])
where attempt.trial_id = $1
    and attempt.attempt = $2
    and attempt.token = $3
    and ($4::text is null or worker.principal = $4)
