-- times_told: grows with whatever is told of a family
select family, sum(times_told)::bigint as "times_told!"
from core.memory_kind
where family = any($1)
group by family
