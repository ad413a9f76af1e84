-- insert_result
insert into core.result (
    trial_id, attempt, message, micro_batch, accumulation_steps, accumulation, device, steps, examples, epochs,
    first_train_loss, final_train_loss, train_set_loss, last_epoch_train_loss, train_loss_std,
    final_validation_loss, final_validation_accuracy, best_validation_loss, best_validation_accuracy,
    steps_to_target, examples_to_target, seconds_to_target, train_seconds, examples_per_second,
    peak_memory_bytes, peak_reserved_bytes, predicted_peak_memory_bytes, resident_data_bytes,
    parameter_bytes, gradient_bytes, optimizer_state_bytes, batch_bytes, activation_bytes, memory_budget_bytes,
    oom_count, gradient_noise_scale
)
values (
    $1, $2, $3, $4, $5, $6, $7, $8, $9, $10,
    $11, $12, $13, $14, $15,
    $16, $17, $18, $19,
    $20, $21, $22, $23, $24,
    $25, $26, $27, $28,
    $29, $30, $31, $32, $33, $34,
    $35, $36
)
