-- steps_so_far: how far the running trials are
select trial.trial_index, lease.step
from core.lease
join core.trial on trial.trial_id = any (array[lease.trial_id])
where lease.sweep_id = $1
