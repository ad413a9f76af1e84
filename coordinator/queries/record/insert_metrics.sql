-- insert_metrics
insert into core.metric (trial_id, attempt, seq, metric_name, step, examples, seconds, value)
select $1, $2, seq, metric_name, step, examples, seconds, value
from unnest(
    $3::bigint[], $4::smallint[], $5::bigint[], $6::bigint[], $7::double precision[], $8::double precision[]
) as new (seq, metric_name, step, examples, seconds, value)
