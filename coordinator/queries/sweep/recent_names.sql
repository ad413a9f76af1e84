-- recent_names: to suggest one that is near to a name that does not exist
select name as "name!"
from (
    select name, created_at
    from core.sweep
    where name is not null
    order by created_at desc
    limit 1000
) recent
group by name
order by max(created_at) desc
