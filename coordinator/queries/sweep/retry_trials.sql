-- retry_trials: with a fresh budget of failures; the attempt goes on counting. What a search had chosen and no worker has taken
-- is its to choose again.
update core.trial_state
set
    status = case
        when attempt = 0 and exists (select from core.search where search.sweep_id = $1) then 'undecided'
        else 'pending'
    end,
    ended_at = null,
    failures = 0,
    preemptions = 0,
    run_after = now()
where sweep_id = $1 and status in ('failed', 'cancelled')
