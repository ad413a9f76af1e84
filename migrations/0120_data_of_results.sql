-- Fleets may find different data under one path: results then are not comparable, and say so.

create or replace view batchsweep.result as
select
    trial.sweep_id::text as sweep_id,
    sweep.name as sweep_name,
    trial.trial_id::text as trial_id,
    trial.trial_index,
    state.status,
    trial.batch_size,
    trial.learning_rate,
    trial.optimizer,
    trial.seed,
    trial.parameters,
    nullif(result.micro_batch, 0) as micro_batch,
    nullif(result.accumulation_steps, 0) as accumulation_steps,
    trial.precision,
    result.device,
    worker.name as worker,
    state.attempt::bigint as attempts,
    result.steps,
    result.examples,
    result.epochs,
    result.first_train_loss,
    result.final_train_loss,
    result.train_set_loss,
    result.last_epoch_train_loss,
    result.train_loss_std,
    result.final_validation_loss,
    result.final_validation_accuracy,
    result.best_validation_loss,
    result.best_validation_accuracy,
    result.steps_to_target,
    result.examples_to_target,
    result.seconds_to_target,
    result.train_seconds,
    result.examples_per_second,
    nullif(result.peak_memory_bytes, 0) as peak_memory_bytes,
    nullif(result.peak_reserved_bytes, 0) as peak_reserved_bytes,
    result.predicted_peak_memory_bytes,
    result.resident_data_bytes,
    result.parameter_bytes,
    result.gradient_bytes,
    result.optimizer_state_bytes,
    result.batch_bytes,
    result.activation_bytes,
    result.memory_budget_bytes,
    result.oom_count,
    result.gradient_noise_scale,
    result.accumulation,
    shown.started_at,
    state.ended_at as finished_at,
    case
        when state.status = 'failed' then (
            select failure.error
            from core.attempt failure
            where failure.trial_id = trial.trial_id and failure.outcome = 'failed'
            order by failure.attempt desc
            limit 1
        )
        else result.message
    end as error,
    result.seed_sets,
    (
        select found.data_sha256
        from core.sweep_data found
        where found.sweep_id = trial.sweep_id
            and found.fleet = core.fleet_of(coalesce(shown.principal, worker.principal))
    ) as data_sha256
from core.trial
join core.sweep using (sweep_id)
join core.trial_state state on state.trial_id = trial.trial_id
left join core.attempt shown
    on shown.trial_id = trial.trial_id and shown.attempt = coalesce(state.accepted_attempt, state.attempt)
left join core.worker on worker.worker_id = shown.worker_id
left join core.result on result.trial_id = trial.trial_id and result.attempt = state.accepted_attempt;

comment on column batchsweep.result.data_sha256 is 'SHA-256 of the files that it was trained on, as hex digits, as the first worker of its fleet found them; NULL before the first attempt, and for data without files.';

create or replace view batchsweep.warning as
select
    trial.sweep_id::text as sweep_id,
    sweep.name as sweep_name,
    'W25' as id,
    'Its ' || count(distinct trial.seed) || ' seeds start from the same weights, those in the file of the model: they differ in '
        || max(result.seed_sets) || ' and in what the model itself draws, so their spread says nothing about other initial weights.'
        as message
from core.result
join core.trial_state state on state.trial_id = result.trial_id and state.accepted_attempt = result.attempt
join core.trial on trial.trial_id = result.trial_id
join core.sweep on sweep.sweep_id = trial.sweep_id
where result.seed_sets not like '%weights%'
group by trial.sweep_id, sweep.name
having count(distinct trial.seed) > 1
union all
select
    found.sweep_id::text as sweep_id,
    sweep.name as sweep_name,
    'W26' as id,
    'Its workers found ' || count(distinct found.data_sha256) || ' different sets of data under the same path: their results are not '
        'comparable.' as message
from core.sweep_data found
join core.sweep on sweep.sweep_id = found.sweep_id
group by found.sweep_id, sweep.name
having count(distinct found.data_sha256) > 1;

comment on view batchsweep.warning is 'One row a sweep and warning that its rows alone show: W25 and W26. batchsweep best shows every warning; docs/ANALYSIS.md says when each applies.';
