-- What people do with sweeps that have ended: find them again by words, and remove them.

alter table core.sweep add column tags text[] not null default '{}';
alter table core.sweep add constraint sweep_tags_few check (cardinality(tags) <= 32 and array_position(tags, null) is null);

comment on column core.sweep.tags is 'Words that people gave it, sorted, each once.';

-- The files of a removed sweep's checkpoints are still to be removed when its trials are gone.
alter table core.checkpoint_removal drop constraint checkpoint_removal_trial_fkey;

create or replace view batchsweep.sweep as
select
    sweep.sweep_id::text as sweep_id,
    sweep.name as sweep_name,
    progress.state,
    progress.trials,
    progress.pending,
    progress.running,
    progress.succeeded,
    progress.diverged,
    progress.infeasible,
    progress.failed,
    progress.cancelled,
    sweep.created_at,
    progress.finished_at,
    sweep.source,
    sweep.data_sha256,
    sweep.weight,
    case when progress.state = 'paused' then sweep.pause_reason end as pause_reason,
    array_to_string(sweep.tags, ' ') as tags
from core.sweep
join core.sweep_progress progress on progress.sweep_id = sweep.sweep_id;

comment on column batchsweep.sweep.sweep_name is 'Its name in the sweep file, or the one that it was given later; NULL for none.';
comment on column batchsweep.sweep.tags is 'Words that people gave it, sorted, each once, with spaces between them; empty for none.';
