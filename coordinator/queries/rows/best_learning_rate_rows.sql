-- best_learning_rate_rows
select row_to_json(line)::text as "row!"
from batchsweep.best_learning_rate line
where line.sweep_id = $1
order by line.batch_size, line.optimizer
