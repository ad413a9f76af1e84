-- result_rows
select row_to_json(line)::text as "row!"
from batchsweep.result line
where line.sweep_id = $1 and ($2::text is null or line.trial_id = $2)
order by line.trial_index
