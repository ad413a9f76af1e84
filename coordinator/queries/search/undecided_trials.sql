-- undecided_trials
select trial.trial_index
from core.trial_state state
join core.trial on trial.trial_id = any (array[state.trial_id])
where state.sweep_id = $1 and state.status = 'undecided'
order by trial.trial_index
