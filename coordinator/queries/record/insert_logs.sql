-- insert_logs
insert into core.log (trial_id, attempt, seq, level, text)
select $1, $2, seq, level, text
from unnest($3::bigint[], $4::text[], $5::text[]) as new (seq, level, text)
