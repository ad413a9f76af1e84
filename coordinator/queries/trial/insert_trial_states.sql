-- insert_trial_states
insert into core.trial_state (trial_id, sweep_id, status)
select trial_id, $1, $3
from unnest($2::uuid[]) as new (trial_id)
