-- trial_by_index
select trial_id, sweep_id
from core.trial
where sweep_id = $1 and trial_index = $2
