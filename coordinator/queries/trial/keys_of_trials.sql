-- keys_of_trials
select trial_index, trial_key
from core.trial
where sweep_id = $1
order by trial_index
