-- merge_kinds: in one order, so that two coordinators never wait for each other in a circle; at most $4 of a family, of which
-- a sweep needs one or two
insert into core.memory_kind (family, kind, description)
select distinct on (kind) $1, kind, description
from unnest($2::text[], $3::text[]) as new (kind, description)
where (select count(*) from core.memory_kind where family = $1) < $4
    or exists (select from core.memory_kind known where known.family = $1 and known.kind = new.kind)
order by kind
on conflict on constraint memory_kind_pkey do update
set told_at = now(), times_told = memory_kind.times_told + 1
