-- The same view, in which each row is looked up by its key: an equality of columns lets Postgres read all of a table that it
-- takes to be small, and the plan is kept when it has grown.
create or replace view core.handed_out as
select
    trial.trial_id,
    trial.trial_index,
    trial.settings,
    trial.batch_size,
    array(
        select killed.micro_batch
        from core.attempt killed
        where killed.trial_id = any (array[trial.trial_id])
            and killed.error_kind = 'suspected_host_oom'
            -- One that had saved its progress was at its memory's peak for long enough to say that it is not to blame.
            and not killed.got_further
        order by killed.attempt
    ) as killed_at,
    checkpoint.attempt as checkpoint_attempt,
    checkpoint.step as checkpoint_step,
    checkpoint.examples as checkpoint_examples,
    checkpoint.last_seq as checkpoint_last_seq,
    checkpoint.path as checkpoint_path,
    checkpoint.sha256 as checkpoint_sha256,
    checkpoint.bytes as checkpoint_bytes,
    sweep.data_sha256
from core.trial
join core.sweep on sweep.sweep_id = any (array[trial.sweep_id])
left join core.checkpoint on checkpoint.trial_id = any (array[trial.trial_id]);
