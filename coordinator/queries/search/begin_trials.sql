-- begin_trials: those of these places that are in the table go into the queue
update core.trial_state state
set status = 'pending', ended_at = null, run_after = now()
from core.trial
where trial.sweep_id = $1
    and trial.trial_index = any($2)
    and state.trial_id = any (array[trial.trial_id])
    and state.status in ('undecided', 'skipped')
returning trial.trial_index
