-- metric_rows: a page, trial ids rise in grid order; only rows of the page become JSON
select line.trial_id as "trial_id!", line.step as "step!", row_to_json(line)::text as "row!"
from (
    select *
    from batchsweep.metric
    where sweep_id = $1
        and ($2::text is null or trial_id = $2)
        and ($3::text is null or name = $3)
        and ($4::text is null or (trial_id collate "C", step) > ($4, $5))
    order by trial_id collate "C", step, name collate "C"
    limit $6
) line
order by line.trial_id collate "C", line.step, line.name collate "C"
