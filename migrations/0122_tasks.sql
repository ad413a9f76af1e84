-- Problems other than classification: what a trial learned to predict, and metrics of a model's own.

insert into core.metric_name (metric_name, name) values
    (8, 'validation_perplexity'),
    (9, 'own');

alter table core.metric add column own_name text;
comment on column core.metric.own_name is 'What a metric of the model''s own is called; NULL for others.';

alter table core.result
    add column task text
        constraint result_task_known
        check (task in ('classification', 'sequence', 'regression', 'multi_label', 'own_loss')),
    add column tokens bigint,
    add column metrics jsonb;
comment on column core.result.task is 'What was predicted; NULL from a worker of an earlier version.';
comment on column core.result.tokens is 'Positions of sequences that it was trained on; NULL for other tasks.';
comment on column core.result.metrics is 'The last value of each metric that has no column; NULL where there is none.';

create or replace view batchsweep.metric as
select
    trial.sweep_id::text as sweep_id,
    trial.trial_id::text as trial_id,
    coalesce(state.accepted_attempt, state.attempt)::bigint as attempt,
    coalesce(metric.own_name, metric_name.name) as name,
    metric.step,
    metric.examples,
    metric.seconds,
    -- NaN and the infinities sort above every number, so only what lies between them is a value.
    case when metric.value > '-Infinity' and metric.value < 'Infinity' then metric.value end as value
from core.trial
join core.trial_state state on state.trial_id = trial.trial_id
join core.metric on metric.trial_id = trial.trial_id and metric.attempt = coalesce(state.accepted_attempt, state.attempt)
join core.metric_name using (metric_name)
union all
select
    trial.sweep_id::text,
    trial.trial_id::text,
    coalesce(state.accepted_attempt, state.attempt)::bigint,
    coalesce(metric.own_name, metric_name.name),
    metric.step,
    metric.examples,
    metric.seconds,
    case when metric.value > '-Infinity' and metric.value < 'Infinity' then metric.value end
from core.trial
join core.trial_state state on state.trial_id = trial.trial_id
join core.lineage
    on lineage.trial_id = trial.trial_id and lineage.attempt = coalesce(state.accepted_attempt, state.attempt)
join core.metric
    on metric.trial_id = trial.trial_id and metric.attempt = lineage.ancestor and metric.seq <= lineage.last_seq
join core.metric_name using (metric_name);

comment on column batchsweep.metric.name is 'train_loss (every step), train_set_loss (at evaluations), learning_rate, gradient_norm, validation_loss, validation_accuracy, validation_error, validation_perplexity (of sequences), or one of the model''s own.';

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
    ) as data_sha256,
    result.task,
    result.tokens,
    case when result.train_seconds > 0 then result.tokens / result.train_seconds end as tokens_per_second,
    result.metrics::text as metrics
from core.trial
join core.sweep using (sweep_id)
join core.trial_state state on state.trial_id = trial.trial_id
left join core.attempt shown
    on shown.trial_id = trial.trial_id and shown.attempt = coalesce(state.accepted_attempt, state.attempt)
left join core.worker on worker.worker_id = shown.worker_id
-- "+ 0": before it has looked at the table, Postgres may otherwise look results up by their attempt alone, which most share.
left join core.result on result.trial_id = trial.trial_id and result.attempt + 0 = state.accepted_attempt;

comment on column batchsweep.result.task is 'What was predicted: classification, sequence (a class for each position), regression, multi_label (labels of 0 or 1) or own_loss (by a loss of the model''s own). Accuracy is NULL for regression and own_loss.';
comment on column batchsweep.result.tokens is 'Positions of sequences that it was trained on, those that are ignored included; NULL for other tasks.';
comment on column batchsweep.result.tokens_per_second is 'tokens / train_seconds.';
comment on column batchsweep.result.metrics is 'The last value of each metric that has no column of its own, as JSON text: perplexity, and those of the model''s own loss; NULL where there is none.';
