-- worker_rows
select row_to_json(line)::text as "row!"
from batchsweep.worker line
order by line.worker
