-- What the seed of a trial set: seeds are repeats only where it sets the initial weights.

alter table core.result add column seed_sets text;

comment on column core.result.seed_sets is 'What the seed set: some of data, weights, order, or nothing; NULL where nothing was trained, and from before this was kept.';

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
    result.seed_sets
from core.trial
join core.sweep using (sweep_id)
join core.trial_state state on state.trial_id = trial.trial_id
left join core.attempt shown
    on shown.trial_id = trial.trial_id and shown.attempt = coalesce(state.accepted_attempt, state.attempt)
left join core.worker on worker.worker_id = shown.worker_id
left join core.result on result.trial_id = trial.trial_id and result.attempt = state.accepted_attempt;

comment on column batchsweep.result.seed_sets is 'What differs between trials that differ in their seed alone: some of data, weights, order, or nothing. Without weights, seeds are no repeats: each starts from the weights in the module''s file. NULL until it ended with a result, and when infeasible.';

create view batchsweep.warning as
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
having count(distinct trial.seed) > 1;

comment on view batchsweep.warning is 'One row a sweep and warning that its rows alone show: W25. batchsweep best shows every warning; docs/ANALYSIS.md says when each applies.';
comment on column batchsweep.warning.sweep_id is 'UUID of the sweep, as text.';
comment on column batchsweep.warning.sweep_name is 'Name of the sweep; NULL for none.';
comment on column batchsweep.warning.id is 'The id, such as W25.';
comment on column batchsweep.warning.message is 'What must not be concluded.';

-- Some batches cannot be trained on whatever memory there is: one of them, or none at all, is left of an epoch.
comment on column batchsweep.sweep.infeasible is 'Number of trials that cannot be trained as asked, such as when not even one example at a time fits: a result, not a failure.';
