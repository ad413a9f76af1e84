-- sweep_by_request
select sweep_id, request_hash
from core.sweep
where request_id = $1
