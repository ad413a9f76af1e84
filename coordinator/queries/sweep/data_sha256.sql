-- data_sha256: of the data that a fleet trains a sweep's trials on
select data_sha256
from core.sweep_data
where sweep_id = $1 and fleet = $2
