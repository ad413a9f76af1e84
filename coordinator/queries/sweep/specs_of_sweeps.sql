-- specs_of_sweeps
select sweep_id, spec
from core.sweep
where sweep_id = any($1)
