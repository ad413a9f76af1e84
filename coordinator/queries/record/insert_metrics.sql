-- insert_metrics
insert into core.metric (trial_id, attempt, seq, metric_name, own_name, step, examples, seconds, value)
select $1, $2, seq, metric_name, own_name, step, examples, seconds, value
from unnest(
    $3::bigint[], $4::smallint[], $5::text[], $6::bigint[], $7::bigint[], $8::double precision[],
    $9::double precision[]
) as new (seq, metric_name, own_name, step, examples, seconds, value)
