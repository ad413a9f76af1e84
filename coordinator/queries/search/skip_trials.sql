-- skip_trials: all that nothing was decided on
update core.trial_state
set status = 'skipped', ended_at = now()
where sweep_id = $1 and status = 'undecided'
