-- cancel_pending_trials: and those that a search has not decided on
update core.trial_state
set status = 'cancelled', ended_at = now()
where sweep_id = $1 and status in ('pending', 'undecided')
