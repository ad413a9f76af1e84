-- insert_decisions: numbered from $2 on
insert into core.decision (sweep_id, decision_index, trial_id, action, reason, because)
select $1, $2 + new.place - 1, trial.trial_id, new.action, new.reason, new.because::bigint[]
from unnest($3::bigint[], $4::text[], $5::text[], $6::text[]) with ordinality
    as new (trial_index, action, reason, because, place)
join core.trial on trial.sweep_id = $1 and trial.trial_index = new.trial_index
