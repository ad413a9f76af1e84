-- find_trials: by a range of ids, in one sweep or (NULL) in all
select trial_id, sweep_id
from core.trial
where trial_id between $1::uuid and $2::uuid
    and ($3::uuid is null or sweep_id = $3)
order by trial_id
limit 10
