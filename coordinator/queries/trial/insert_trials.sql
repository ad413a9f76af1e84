-- insert_trials
insert into core.trial (
    trial_id, sweep_id, trial_index, trial_key, batch_size, learning_rate, optimizer, precision, seed, parameters, settings
)
select
    trial_id, $1, trial_index, trial_key, batch_size, learning_rate, optimizer, precision, seed, parameters, settings
from unnest(
    $2::uuid[], $3::bigint[], $4::text[], $5::bigint[], $6::double precision[], $7::text[], $8::text[], $9::bigint[],
    $10::text[], $11::bytea[]
) as new (
    trial_id, trial_index, trial_key, batch_size, learning_rate, optimizer, precision, seed, parameters, settings
)
