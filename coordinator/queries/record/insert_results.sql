-- insert_results
insert into core.result (
    trial_id, attempt, message, micro_batch, accumulation_steps, accumulation, device, steps, examples, epochs,
    first_train_loss, final_train_loss, train_set_loss, last_epoch_train_loss, train_loss_std, final_validation_loss,
    final_validation_accuracy, best_validation_loss, best_validation_accuracy, steps_to_target, examples_to_target,
    seconds_to_target, train_seconds, examples_per_second, peak_memory_bytes, peak_reserved_bytes,
    predicted_peak_memory_bytes, resident_data_bytes, parameter_bytes, gradient_bytes, optimizer_state_bytes,
    batch_bytes, activation_bytes, memory_budget_bytes, oom_count, gradient_noise_scale, seed_sets, task, tokens, metrics
)
select
    trial_id, attempt, message, micro_batch, accumulation_steps, accumulation, device, steps, examples, epochs,
    first_train_loss, final_train_loss, train_set_loss, last_epoch_train_loss, train_loss_std, final_validation_loss,
    final_validation_accuracy, best_validation_loss, best_validation_accuracy, steps_to_target, examples_to_target,
    seconds_to_target, train_seconds, examples_per_second, peak_memory_bytes, peak_reserved_bytes,
    predicted_peak_memory_bytes, resident_data_bytes, parameter_bytes, gradient_bytes, optimizer_state_bytes,
    batch_bytes, activation_bytes, memory_budget_bytes, oom_count, gradient_noise_scale, seed_sets, task, tokens, metrics
from unnest(
    $1::uuid[], $2::integer[], $3::text[], $4::bigint[], $5::bigint[], $6::text[], $7::text[], $8::bigint[],
    $9::bigint[], $10::double precision[], $11::double precision[], $12::double precision[], $13::double precision[],
    $14::double precision[], $15::double precision[], $16::double precision[], $17::double precision[],
    $18::double precision[], $19::double precision[], $20::bigint[], $21::bigint[], $22::double precision[],
    $23::double precision[], $24::double precision[], $25::bigint[], $26::bigint[], $27::bigint[], $28::bigint[],
    $29::bigint[], $30::bigint[], $31::bigint[], $32::bigint[], $33::bigint[], $34::bigint[], $35::bigint[],
    $36::double precision[], $37::text[], $38::text[], $39::bigint[], $40::jsonb[]
) as new (
    trial_id, attempt, message, micro_batch, accumulation_steps, accumulation, device, steps, examples, epochs,
    first_train_loss, final_train_loss, train_set_loss, last_epoch_train_loss, train_loss_std, final_validation_loss,
    final_validation_accuracy, best_validation_loss, best_validation_accuracy, steps_to_target, examples_to_target,
    seconds_to_target, train_seconds, examples_per_second, peak_memory_bytes, peak_reserved_bytes,
    predicted_peak_memory_bytes, resident_data_bytes, parameter_bytes, gradient_bytes, optimizer_state_bytes,
    batch_bytes, activation_bytes, memory_budget_bytes, oom_count, gradient_noise_scale, seed_sets, task, tokens, metrics
)
