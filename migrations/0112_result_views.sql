-- Public views of what came out.

create view batchsweep.result as
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
    end as error
from core.trial
join core.sweep using (sweep_id)
join core.trial_state state on state.trial_id = trial.trial_id
left join core.attempt shown
    on shown.trial_id = trial.trial_id and shown.attempt = coalesce(state.accepted_attempt, state.attempt)
left join core.worker on worker.worker_id = shown.worker_id
left join core.result on result.trial_id = trial.trial_id and result.attempt = state.accepted_attempt;

comment on view batchsweep.result is 'One row a trial, whatever its state: what was asked, what came out, and the memory it took.';
comment on column batchsweep.result.sweep_id is 'UUID of the sweep, as text.';
comment on column batchsweep.result.sweep_name is 'Name of the sweep; NULL for none.';
comment on column batchsweep.result.trial_id is 'UUID of the trial, as text.';
comment on column batchsweep.result.trial_index is 'Place in the grid, from 0.';
comment on column batchsweep.result.status is 'pending, running, succeeded, diverged, infeasible, failed or cancelled.';
comment on column batchsweep.result.batch_size is 'Examples per optimizer step.';
comment on column batchsweep.result.learning_rate is 'Learning rate at its full height.';
comment on column batchsweep.result.optimizer is 'sgd, adam, adamw or rmsprop.';
comment on column batchsweep.result.seed is 'Seed of weights, data order and, unless fixed, synthetic data.';
comment on column batchsweep.result.parameters is 'JSON object: the value of every axis, in the grid''s order.';
comment on column batchsweep.result.micro_batch is 'Examples in the largest micro-batch; NULL until it ended with a result, and when infeasible.';
comment on column batchsweep.result.accumulation_steps is 'Micro-batches in a batch; 1 means no accumulation; NULL until it ended with a result, and when infeasible.';
comment on column batchsweep.result.precision is 'float32, bfloat16 or float64.';
comment on column batchsweep.result.device is 'The device by name; NULL until it ended with a result.';
comment on column batchsweep.result.worker is 'Name of the worker of the attempt shown (the one whose result counts, else the latest); NULL before the first.';
comment on column batchsweep.result.attempts is 'Number of times a worker took it.';
comment on column batchsweep.result.steps is 'Optimizer steps done; NULL until it ended with a result.';
comment on column batchsweep.result.examples is 'Training examples seen; NULL until it ended with a result.';
comment on column batchsweep.result.epochs is 'Passes over the training set, with fraction; NULL until it ended with a result.';
comment on column batchsweep.result.first_train_loss is 'Loss of the first step, the mean over its batch''s examples; NULL until it ended, and where it is not finite or there is none to tell.';
comment on column batchsweep.result.final_train_loss is 'Loss of the last step, the mean over its batch''s examples; NULL until it ended, and where it is not finite or there is none to tell.';
comment on column batchsweep.result.train_set_loss is 'Mean loss over the whole training set after the last step; NULL until it ended, and where it is not finite or there is none to tell.';
comment on column batchsweep.result.last_epoch_train_loss is 'Mean of the last epoch''s step losses, each weighted by its examples; NULL until it ended, and where it is not finite or there is none to tell.';
comment on column batchsweep.result.train_loss_std is 'Standard deviation of the last epoch''s step losses, divided by n; NULL until it ended, and where it is not finite or there is none to tell.';
comment on column batchsweep.result.final_validation_loss is 'Mean loss over the validation examples at the last evaluation; NULL until it ended, and where it is not finite or there is none to tell.';
comment on column batchsweep.result.final_validation_accuracy is 'Share of validation examples classified rightly at the last evaluation, 0 to 1; NULL until it ended, and where it is not finite or there is none to tell.';
comment on column batchsweep.result.best_validation_loss is 'Lowest validation loss of all evaluations; NULL until it ended, and where it is not finite or there is none to tell.';
comment on column batchsweep.result.best_validation_accuracy is 'Highest validation accuracy of all evaluations, 0 to 1; NULL until it ended, and where it is not finite or there is none to tell.';
comment on column batchsweep.result.steps_to_target is 'Optimizer steps at the first evaluation that met the target; NULL without a target, and where it was not met.';
comment on column batchsweep.result.examples_to_target is 'Training examples at the first evaluation that met the target; NULL like steps_to_target.';
comment on column batchsweep.result.seconds_to_target is 'Training seconds at the first evaluation that met the target; NULL like steps_to_target.';
comment on column batchsweep.result.train_seconds is 'Time in training steps, in seconds; planning and evaluation are not counted; NULL until it ended with a result.';
comment on column batchsweep.result.examples_per_second is 'Examples divided by train_seconds; NULL until it ended with a result.';
comment on column batchsweep.result.peak_memory_bytes is 'Largest sum of all memory parts over the training steps, in bytes; NULL until it ended with a result, and when infeasible.';
comment on column batchsweep.result.peak_reserved_bytes is 'Largest amount that the allocator held, in bytes; NULL until it ended with a result, and when infeasible.';
comment on column batchsweep.result.predicted_peak_memory_bytes is 'The peak that the plan predicted, in bytes; NULL until it ended with a result.';
comment on column batchsweep.result.resident_data_bytes is 'Training data kept on the device, in bytes; 0 when streamed; NULL until it ended with a result.';
comment on column batchsweep.result.parameter_bytes is 'Part 1: weights, biases and buffers, in bytes; NULL until it ended with a result.';
comment on column batchsweep.result.gradient_bytes is 'Part 1: gradients, in bytes; NULL until it ended with a result.';
comment on column batchsweep.result.optimizer_state_bytes is 'Part 2: momentum and moments, in bytes; NULL until it ended with a result.';
comment on column batchsweep.result.batch_bytes is 'Part 3: one micro-batch as the model sees it, in bytes; NULL until it ended with a result.';
comment on column batchsweep.result.activation_bytes is 'Part 4: activations and workspace, the rest of the peak, in bytes; NULL until it ended with a result.';
comment on column batchsweep.result.memory_budget_bytes is 'The memory limit in force, in bytes; NULL without one, and until it ended with a result.';
comment on column batchsweep.result.oom_count is 'Allocations refused for lack of memory, while planning and training; NULL until it ended with a result.';
comment on column batchsweep.result.gradient_noise_scale is 'Gradient noise scale in examples (McCandlish et al. 2018); NULL where it was not determined.';
comment on column batchsweep.result.accumulation is 'Whether accumulation gave the whole batch''s gradient: exact (up to rounding), approximate, or none (the batch was trained whole); NULL until it ended with a result.';
comment on column batchsweep.result.started_at is 'When the attempt shown was claimed; NULL before the first.';
comment on column batchsweep.result.finished_at is 'When the trial ended; NULL before.';
comment on column batchsweep.result.error is 'Why it failed, diverged or is infeasible; NULL otherwise.';

-- A cell is everything but the seed; its repeats are its seeds. A diverged repeat counts as infinitely bad, so a learning
-- rate wins only where more than half of its repeats came through.
create view batchsweep.best_learning_rate as
with trial_loss as (
    select
        result.*,
        (result.parameters::jsonb - 'seed')::text as cell,
        bool_or(result.final_validation_loss is not null) over (partition by result.sweep_id) as validated
    from batchsweep.result
    where result.status in ('succeeded', 'diverged')
),
cell_loss as (
    select
        sweep_id,
        sweep_name,
        batch_size,
        optimizer,
        learning_rate,
        cell,
        case when validated then 'final_validation_loss' else 'train_set_loss' end as metric,
        percentile_cont(0.5) within group (
            order by case
                when status = 'diverged' then 'Infinity'
                else coalesce(case when validated then final_validation_loss else train_set_loss end, 'Infinity')
            end
        ) as value,
        count(*) as trials,
        count(*) filter (where status = 'diverged') as diverged
    from trial_loss
    group by sweep_id, sweep_name, batch_size, optimizer, learning_rate, cell, validated
)
select distinct on (sweep_id, batch_size, optimizer)
    sweep_id,
    sweep_name,
    batch_size,
    optimizer,
    learning_rate,
    metric,
    value,
    trials,
    diverged,
    cell as parameters
from cell_loss
where value < 'Infinity'
order by sweep_id, batch_size, optimizer, value, learning_rate;

comment on view batchsweep.best_learning_rate is 'One row a sweep, batch size and optimizer: the learning rate with the lowest median loss over the seeds. It always goes by the loss; batchsweep best and show go by the steps to the target where a sweep stops at its target, and by the validation error where the target is set on that.';
comment on column batchsweep.best_learning_rate.sweep_id is 'UUID of the sweep, as text.';
comment on column batchsweep.best_learning_rate.sweep_name is 'Name of the sweep; NULL for none.';
comment on column batchsweep.best_learning_rate.batch_size is 'Examples per optimizer step.';
comment on column batchsweep.best_learning_rate.optimizer is 'sgd, adam, adamw or rmsprop.';
comment on column batchsweep.best_learning_rate.learning_rate is 'The best learning rate among the trials that have ended.';
comment on column batchsweep.best_learning_rate.metric is 'What was compared: final_validation_loss where the sweep has validation examples, else train_set_loss.';
comment on column batchsweep.best_learning_rate.value is 'Median of that loss over the seeds of the best cell.';
comment on column batchsweep.best_learning_rate.trials is 'Number of trials in that median; diverged ones count as infinitely bad.';
comment on column batchsweep.best_learning_rate.diverged is 'Number of those that diverged.';
comment on column batchsweep.best_learning_rate.parameters is 'JSON object: the best cell''s value of every axis but the seed.';
