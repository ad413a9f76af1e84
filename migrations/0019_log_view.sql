create view batchsweep.log as
select
    trial.sweep_id::text as sweep_id,
    trial.trial_id::text as trial_id,
    trial.trial_index,
    log.attempt::bigint as attempt,
    log.seq,
    log.recorded_at,
    log.level,
    log.text
from core.trial
join core.log on log.trial_id = trial.trial_id;

comment on view batchsweep.log is 'One row a line of a trial''s log, of all its attempts.';
comment on column batchsweep.log.sweep_id is 'UUID of the sweep, as text.';
comment on column batchsweep.log.trial_id is 'UUID of the trial, as text.';
comment on column batchsweep.log.trial_index is 'Place in the grid, from 0.';
comment on column batchsweep.log.attempt is 'Which attempt told it, from 1.';
comment on column batchsweep.log.seq is 'Order within the attempt: its place among all records, metrics and splits included.';
comment on column batchsweep.log.recorded_at is 'When the coordinator stored it.';
comment on column batchsweep.log.level is 'info, warning or error.';
comment on column batchsweep.log.text is 'The line.';
