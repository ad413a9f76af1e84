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
where state.status = 'failed' and attempt.outcome is distinct from 'failed';

comment on view core.broken_invariant is 'One row a trial and rule that does not hold: always empty. Reads all that is stored.';
comment on column core.broken_invariant.invariant is 'The rule that does not hold.';
comment on column core.broken_invariant.trial_id is 'The trial.';
comment on column core.broken_invariant.attempt is 'The attempt; NULL for one that should be there and is not.';
