-- What must hold at any time, as one question: this view is empty, whatever was killed, cut off or restarted. It reads all
-- that is stored, so it is for tests and for people who suspect something, not for every minute.
create view core.broken_invariant as
select 'a trial runs if and only if it has a lease, of its own attempt' as invariant, trial_id, state.attempt
from core.trial_state state
full join core.lease using (trial_id)
where (state.status = 'running') is distinct from (lease.attempt is not null)
    or lease.attempt <> state.attempt
union all
select 'each claim adds one attempt, and none is ever taken back', trial_id, state.attempt
from core.trial_state state
left join (
    select trial_id, count(*) as attempts, min(attempt) as first, max(attempt) as last
    from core.attempt
    group by trial_id
) made using (trial_id)
where coalesce(made.attempts, 0) <> state.attempt
    or coalesce(made.last, 0) <> state.attempt
    or made.first <> 1
union all
select 'an attempt is open if and only if it has the lease', trial_id, attempt
from core.attempt
full join core.lease using (trial_id, attempt)
where (attempt.started_at is not null and attempt.outcome is null) <> (lease.request_id is not null)
union all
select 'a result is stored if and only if its attempt is the accepted one', trial_id, attempt
from (select trial_id, accepted_attempt as attempt from core.trial_state where accepted_attempt is not null) accepted
full join (select trial_id, attempt from core.result) stored using (trial_id, attempt)
where accepted is null or stored is null
union all
select 'the accepted attempt ended as its trial did', state.trial_id, state.accepted_attempt
from core.trial_state state
left join core.attempt on attempt.trial_id = state.trial_id and attempt.attempt = state.accepted_attempt
where state.accepted_attempt is not null
    and (attempt.outcome is distinct from state.status or attempt.digest is null)
union all
select 'records of an attempt are numbered from 1 to its watermark without gap', trial_id, attempt
from (
    select trial_id, attempt, count(*) as records, count(distinct seq) as numbers, min(seq) as first, max(seq) as last
    from (
        select trial_id, attempt, seq from core.metric
        union all
        select trial_id, attempt, seq from core.split
        union all
        select trial_id, attempt, seq from core.log
    ) record
    group by trial_id, attempt
) stored
full join (
    select trial_id, attempt, coalesce(lease.acked_seq, attempt.acked_seq) as watermark
    from core.attempt
    left join core.lease using (trial_id, attempt)
) known using (trial_id, attempt)
where coalesce(stored.last, 0) is distinct from known.watermark
    or stored.records <> stored.numbers
    or stored.records <> stored.last
    or stored.first <> 1
union all
select 'a trial fails only after an attempt that failed and says why', trial_id, state.attempt
from core.trial_state state
left join core.attempt using (trial_id, attempt)
where state.status = 'failed' and attempt.outcome is distinct from 'failed'
union all
select 'an attempt goes on only from earlier ones of its trial, and from no more than they told', lineage.trial_id, lineage.attempt
from core.lineage
left join core.attempt own on own.trial_id = lineage.trial_id and own.attempt = lineage.attempt
left join core.attempt before on before.trial_id = lineage.trial_id and before.attempt = lineage.ancestor
where own.trial_id is null
    or before.trial_id is null
    or lineage.ancestor >= lineage.attempt
    or lineage.last_seq < 0
    or lineage.last_seq > before.acked_seq
union all
-- Of two attempts that come before a third, the earlier one comes before the later one, in the same way: one line, without
-- branches, gaps or circles.
select 'those that come before an attempt are one line', near.trial_id, near.attempt
from core.lineage near
join core.lineage far
    on far.trial_id = near.trial_id and far.attempt = near.attempt and far.ancestor < near.ancestor
left join core.lineage link
    on link.trial_id = near.trial_id and link.attempt = near.ancestor and link.ancestor = far.ancestor
where link.last_seq is distinct from far.last_seq
union all
select 'what comes before one that an attempt goes on from comes before that attempt', near.trial_id, near.attempt
from core.lineage near
join core.lineage link on link.trial_id = near.trial_id and link.attempt = near.ancestor
left join core.lineage far
    on far.trial_id = near.trial_id and far.attempt = near.attempt and far.ancestor = link.ancestor
where far.last_seq is distinct from link.last_seq
union all
select 'a checkpoint is of an attempt of its trial, and of no more records than it told', checkpoint.trial_id, checkpoint.attempt
from core.checkpoint
left join core.attempt using (trial_id, attempt)
left join core.lease using (trial_id, attempt)
where attempt.started_at is null
    or checkpoint.last_seq > coalesce(lease.acked_seq, attempt.acked_seq)
union all
-- Trials of tests may be saved without telling any step.
select 'a checkpoint is no further than the steps that were told before it', checkpoint.trial_id, checkpoint.attempt
from core.checkpoint
cross join lateral (
    select max(metric.step) as step
    from core.metric
    join core.metric_name using (metric_name)
    left join core.lineage
        on lineage.trial_id = checkpoint.trial_id
        and lineage.attempt = checkpoint.attempt
        and lineage.ancestor = metric.attempt
    where metric.trial_id = checkpoint.trial_id
        and metric_name.name = 'train_loss'
        and metric.seq <= case
            when metric.attempt = checkpoint.attempt then checkpoint.last_seq
            else lineage.last_seq
        end
) told
where checkpoint.step > told.step
union all
select 'no checkpoint is further than the furthest', trial_id, attempt
from core.checkpoint
where step > furthest_step
union all
select 'a trial with a result has no checkpoint to go on from', checkpoint.trial_id, checkpoint.attempt
from core.checkpoint
join core.trial_state state using (trial_id)
where state.accepted_attempt is not null
union all
select 'nothing goes on from a checkpoint that is to be removed', checkpoint.trial_id, checkpoint.attempt
from core.checkpoint
join core.checkpoint_removal removal using (trial_id)
where checkpoint.attempt <= removal.attempt;

comment on view core.broken_invariant is 'One row a trial and rule that does not hold: always empty. Reads all that is stored.';
comment on column core.broken_invariant.invariant is 'The rule that does not hold.';
comment on column core.broken_invariant.trial_id is 'The trial.';
comment on column core.broken_invariant.attempt is 'The attempt; NULL for one that should be there and is not.';
