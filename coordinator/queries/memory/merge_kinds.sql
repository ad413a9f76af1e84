-- merge_kinds: in one order, so that two coordinators never wait for each other in a circle
insert into core.memory_kind (family, kind, description)
select distinct on (kind) $1, kind, description
from unnest($2::text[], $3::text[]) as new (kind, description)
order by kind
on conflict on constraint memory_kind_pkey do update
set told_at = now(), times_told = memory_kind.times_told + 1
