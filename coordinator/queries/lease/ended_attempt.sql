-- ended_attempt: what became of the attempt of a lease that is held no more
select outcome, error_kind, will_retry, acked_seq, digest
from core.attempt
where trial_id = $1 and attempt = $2 and token = $3
