-- begun_trials: and what is known of each
select
    trial.trial_index,
    state.status,
    trial.batch_size,
    trial.learning_rate,
    trial.seed,
    result.train_set_loss as "train_set_loss?",
    result.final_validation_loss as "final_validation_loss?",
    result.final_validation_accuracy as "final_validation_accuracy?",
    result.steps_to_target as "steps_to_target?"
from core.trial_state state
join core.trial on trial.trial_id = any (array[state.trial_id])
left join core.result on result.trial_id = any (array[state.trial_id]) and result.attempt = state.accepted_attempt
where state.sweep_id = $1 and state.status not in ('undecided', 'skipped')
order by trial.trial_index
