-- metric_rows: a page, trial ids rise in grid order
select line.trial_id as "trial_id!", line.step as "step!", row_to_json(line)::text as "row!"
from batchsweep.metric line
where line.sweep_id = $1
    and ($2::text is null or line.trial_id = $2)
    and ($3::text is null or line.name = $3)
    and ($4::text is null or (line.trial_id collate "C", line.step) > ($4, $5))
order by line.trial_id collate "C", line.step, line.name collate "C"
limit $6
