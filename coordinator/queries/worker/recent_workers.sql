-- recent_workers: to suggest one that is near to a name that does not exist
select name
from core.worker
order by seen_at desc
limit 1000
