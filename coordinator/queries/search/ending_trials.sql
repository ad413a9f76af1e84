-- ending_trials: those that run and were decided to be ended
select trial.trial_index
from core.lease
join core.trial on trial.trial_id = any (array[lease.trial_id])
where lease.sweep_id = $1
    and exists (select from core.decision where decision.trial_id = lease.trial_id and decision.action = 'stop')
