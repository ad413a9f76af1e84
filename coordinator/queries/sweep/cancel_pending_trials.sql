-- cancel_pending_trials
update core.trial_state
set status = 'cancelled', ended_at = now()
where sweep_id = $1 and status = 'pending'
