-- insert_trial_states
insert into core.trial_state (trial_id, sweep_id)
select trial_id, $1
from unnest($2::uuid[]) as new (trial_id)
