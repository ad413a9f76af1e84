-- insert_trial_states
insert into core.trial_state (trial_id, sweep_id, status, priority)
select trial_id, $1, $3, priority
from unnest($2::uuid[], $4::integer[]) as new (trial_id, priority)
