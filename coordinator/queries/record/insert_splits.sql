-- insert_splits
insert into core.split (
    trial_id, attempt, seq, kind, from_step, micro_batch, accumulation_steps, predicted_peak_bytes, reason
)
select $1, $2, seq, kind, from_step, micro_batch, accumulation_steps, nullif(predicted_peak_bytes, 0), reason
from unnest(
    $3::bigint[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], $9::text[]
) as new (seq, kind, from_step, micro_batch, accumulation_steps, predicted_peak_bytes, reason)
