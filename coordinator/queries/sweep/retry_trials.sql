-- retry_trials: with a fresh budget of failures; the attempt goes on counting
update core.trial_state
set status = 'pending', ended_at = null, failures = 0, preemptions = 0, run_after = now()
where sweep_id = $1 and status in ('failed', 'cancelled')
