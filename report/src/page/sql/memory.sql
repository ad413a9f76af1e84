/* The largest peak of each batch size in its parts, and the memory there
   was. NULL where nothing fitted. */
select distinct on (batch_size)
    batch_size,
    micro_batch,
    accumulation_steps,
    parameter_bytes + gradient_bytes as parameter_and_gradient_bytes,
    optimizer_state_bytes,
    batch_bytes,
    activation_bytes,
    resident_data_bytes,
    peak_memory_bytes,
    coalesce(result.memory_budget_bytes, worker.memory_limit_bytes, worker.memory_bytes) as limit_bytes
from batchsweep.result
left join batchsweep.worker using (worker)
where {trials}
    and result.status in ('succeeded', 'diverged', 'infeasible', 'stopped')
order by batch_size, peak_memory_bytes desc nulls last, trial_index
