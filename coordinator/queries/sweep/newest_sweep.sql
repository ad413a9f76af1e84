-- newest_sweep
select sweep_id, name
from core.sweep
order by created_at desc, sweep_id desc
limit 1
