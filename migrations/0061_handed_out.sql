-- What a worker is told of a trial besides its lease, the same whether the lease is new or was given before.
create view core.handed_out as
select
    trial.trial_id,
    trial.trial_index,
    trial.settings,
    trial.batch_size,
    array(
        select killed.micro_batch
        from core.attempt killed
        where killed.trial_id = trial.trial_id
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
join core.sweep using (sweep_id)
left join core.checkpoint using (trial_id);

comment on view core.handed_out is 'One row a trial: what the worker that claims it is told.';
comment on column core.handed_out.trial_id is 'The trial.';
comment on column core.handed_out.trial_index is 'Its place in the grid, from 0.';
comment on column core.handed_out.settings is 'Its settings, encoded as on the wire.';
comment on column core.handed_out.batch_size is 'Examples per optimizer step.';
comment on column core.handed_out.killed_at is 'The micro-batches of its attempts that were killed by signal 9 before they saved any progress; 0 where not known.';
comment on column core.handed_out.checkpoint_attempt is 'The attempt that saved its newest checkpoint; NULL without one, as are the other columns of it.';
comment on column core.handed_out.checkpoint_step is 'Optimizer steps done in it.';
comment on column core.handed_out.checkpoint_examples is 'Training examples seen in it.';
comment on column core.handed_out.checkpoint_last_seq is 'Number of the last record before it.';
comment on column core.handed_out.checkpoint_path is 'Where it is in the store.';
comment on column core.handed_out.checkpoint_sha256 is 'Hash of its file.';
comment on column core.handed_out.checkpoint_bytes is 'Size of its file.';
comment on column core.handed_out.data_sha256 is 'Hash of the files that its sweep''s trials are trained on, once it is known.';
