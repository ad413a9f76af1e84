-- lock_completion: the counters that a completed trial keeps
select failures, preemptions
from core.trial_state
where trial_id = $1 and attempt = $2 and status = 'running'
for update
