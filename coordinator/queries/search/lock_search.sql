-- lock_search: after its sweep, so that no two wait for each other
select decisions
from core.search
where sweep_id = $1 and not is_over
for update
