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

comment on view batchsweep.best_learning_rate is 'One row a sweep, batch size and optimizer: the learning rate with the lowest median loss over the seeds.';
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
