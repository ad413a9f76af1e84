-- merge_steps: of two peaks the higher one counts, of two failures the one with more room; what says nothing new writes
-- nothing
insert into core.memory_step (family, kind, way, outcome, micro_batch, bytes)
select $1, kind, way, outcome, micro_batch, max(bytes)
from unnest($2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[])
    as new (kind, way, outcome, micro_batch, bytes)
where exists (select from core.memory_kind known where known.family = $1 and known.kind = new.kind)
group by kind, way, outcome, micro_batch
order by kind, way, outcome, micro_batch
on conflict on constraint memory_step_pkey do update
set bytes = excluded.bytes, told_at = now()
where memory_step.bytes < excluded.bytes
