-- merge_steps: of two peaks the higher one counts, of two failures the one with more room; what says nothing new writes
-- nothing
insert into core.memory_step (kind, way, outcome, micro_batch, bytes)
select kind, way, outcome, micro_batch, max(bytes)
from unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[])
    as new (kind, way, outcome, micro_batch, bytes)
group by kind, way, outcome, micro_batch
order by kind, way, outcome, micro_batch
on conflict on constraint memory_step_pkey do update
set bytes = excluded.bytes, told_at = now()
where memory_step.bytes < excluded.bytes
