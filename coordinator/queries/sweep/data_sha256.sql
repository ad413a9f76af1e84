-- data_sha256
select data_sha256
from core.sweep
where sweep_id = $1
