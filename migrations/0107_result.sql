-- What an attempt brings when it completes.

create table core.result (
    trial_id                    uuid             not null,
    attempt                     integer          not null,
    message                     text,
    micro_batch                 bigint           not null,
    accumulation_steps          bigint           not null,
    accumulation                text             not null,
    device                      text             not null,
    steps                       bigint           not null,
    examples                    bigint           not null,
    epochs                      double precision not null,
    first_train_loss            double precision,
    final_train_loss            double precision,
    train_set_loss              double precision,
    last_epoch_train_loss       double precision,
    train_loss_std              double precision,
    final_validation_loss       double precision,
    final_validation_accuracy   double precision,
    best_validation_loss        double precision,
    best_validation_accuracy    double precision,
    steps_to_target             bigint,
    examples_to_target          bigint,
    seconds_to_target           double precision,
    train_seconds               double precision not null,
    examples_per_second         double precision,
    peak_memory_bytes           bigint           not null,
    peak_reserved_bytes         bigint           not null,
    predicted_peak_memory_bytes bigint           not null,
    resident_data_bytes         bigint           not null,
    parameter_bytes             bigint           not null,
    gradient_bytes              bigint           not null,
    optimizer_state_bytes       bigint           not null,
    batch_bytes                 bigint           not null,
    activation_bytes            bigint           not null,
    memory_budget_bytes         bigint,
    oom_count                   bigint           not null,
    gradient_noise_scale        double precision,

    constraint result_pkey primary key (trial_id, attempt),
    constraint result_attempt_fkey foreign key (trial_id, attempt) references core.attempt (trial_id, attempt),
    constraint result_accumulation_known check (accumulation in ('none', 'exact', 'approximate'))
);

comment on table core.result is 'One row a completed attempt: every number about it. Losses are means over examples and finite, or NULL.';
comment on column core.result.trial_id is 'The trial.';
comment on column core.result.attempt is 'The attempt that brought it.';
comment on column core.result.message is 'Why, for diverged and infeasible; else NULL.';
comment on column core.result.micro_batch is 'Examples in the largest micro-batch; 0 when infeasible.';
comment on column core.result.accumulation_steps is 'Micro-batches in a batch; 0 when infeasible.';
comment on column core.result.accumulation is 'Whether accumulation gave the whole batch''s gradient: none, exact or approximate.';
comment on column core.result.device is 'The device by name.';
comment on column core.result.steps is 'Optimizer steps done.';
comment on column core.result.examples is 'Training examples seen.';
comment on column core.result.epochs is 'Passes over the training set, with fraction.';
comment on column core.result.first_train_loss is 'Loss of the first step.';
comment on column core.result.final_train_loss is 'Loss of the last step.';
comment on column core.result.train_set_loss is 'Mean loss over the whole training set after the last step.';
comment on column core.result.last_epoch_train_loss is 'Mean of the last epoch''s step losses, each weighted by its examples.';
comment on column core.result.train_loss_std is 'Standard deviation of the last epoch''s step losses, divided by n.';
comment on column core.result.final_validation_loss is 'Mean loss over the validation examples at the last evaluation.';
comment on column core.result.final_validation_accuracy is 'Share classified rightly at the last evaluation, 0 to 1.';
comment on column core.result.best_validation_loss is 'Lowest of all evaluations.';
comment on column core.result.best_validation_accuracy is 'Highest of all evaluations, 0 to 1.';
comment on column core.result.steps_to_target is 'Optimizer steps at the first evaluation that met the target.';
comment on column core.result.examples_to_target is 'Training examples at that evaluation.';
comment on column core.result.seconds_to_target is 'Training seconds at that evaluation.';
comment on column core.result.train_seconds is 'Time in training steps, in seconds.';
comment on column core.result.examples_per_second is 'Examples divided by train_seconds.';
comment on column core.result.peak_memory_bytes is 'Largest sum of all parts over the training steps, in bytes.';
comment on column core.result.peak_reserved_bytes is 'Largest amount that the allocator held, in bytes.';
comment on column core.result.predicted_peak_memory_bytes is 'The peak that the plan predicted, in bytes.';
comment on column core.result.resident_data_bytes is 'Training data kept on the device, in bytes; 0 when streamed.';
comment on column core.result.parameter_bytes is 'Part 1: weights, biases, buffers, in bytes.';
comment on column core.result.gradient_bytes is 'Part 1: gradients, in bytes.';
comment on column core.result.optimizer_state_bytes is 'Part 2: momentum and moments, in bytes.';
comment on column core.result.batch_bytes is 'Part 3: one micro-batch as the model sees it, in bytes.';
comment on column core.result.activation_bytes is 'Part 4: activations and workspace, the rest of the peak, in bytes.';
comment on column core.result.memory_budget_bytes is 'The limit in force, in bytes; NULL without one.';
comment on column core.result.oom_count is 'Allocations refused for lack of memory.';
comment on column core.result.gradient_noise_scale is 'In examples; NULL where it was not determined.';
