-- decision_rows
select row_to_json(line)::text as "row!"
from batchsweep.decision line
where line.sweep_id = $1 and ($2::text is null or line.trial_id = $2)
order by line.decision_index
