-- Training examples in a second at each batch size and split, over all learning rates and seeds.
select
    batch_size,
    micro_batch,
    accumulation_steps,
    percentile_cont(0.5) within group (order by examples_per_second) as median,
    min(examples_per_second) as lowest,
    max(examples_per_second) as highest,
    count(*) as trials
from batchsweep.result
where {trials}
    and status = 'succeeded'
    and examples_per_second is not null
group by batch_size, micro_batch, accumulation_steps
order by batch_size, micro_batch
