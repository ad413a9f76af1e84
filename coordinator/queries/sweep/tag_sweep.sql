-- tag_sweep: what it has with $2 and without $3, if that is not too much
update core.sweep
set tags = wanted.tags
from (
    select coalesce(array_agg(tag order by tag), '{}') as tags
    from (
        select unnest(tags) as tag from core.sweep where sweep_id = $1
        union
        select unnest($2::text[])
    ) tagged
    where tag <> all($3::text[])
) wanted
where sweep_id = $1 and cardinality(wanted.tags) <= 32
