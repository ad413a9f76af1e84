-- removals_of_worker: the next few
select trial_id, attempt
from core.checkpoint_removal
where worker_id = $1
order by trial_id
limit $2
