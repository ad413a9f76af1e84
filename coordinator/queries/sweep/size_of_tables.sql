-- size_of_tables: what they take on disk with their indexes, and about how many rows each has left
select
    class.relname::text as "name!",
    pg_total_relation_size(class.oid) as "bytes!",
    coalesce(stat.n_live_tup, 0) as "rows!"
from pg_class class
left join pg_stat_all_tables stat on stat.relid = class.oid
where class.relnamespace = 'core'::regnamespace and class.relkind = 'r'
