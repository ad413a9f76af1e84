-- known_steps: of these families, of each the $2 kinds that were told of last, and of each of these, way by way, $3 steps
-- at most: of those measured one example and what was told last, of those that failed what says more than a smaller one
with kinds as (
    select family, kind
    from (
        select family, kind, row_number() over (partition by family order by told_at desc, kind) as place
        from core.memory_kind
        where family = any($1)
    ) latest
    where place <= $2
),
steps as (
    select
        family, kind, way, outcome, micro_batch, bytes, step.told_at,
        max(bytes) over (
            partition by family, kind, way, outcome
            order by micro_batch
            rows between unbounded preceding and 1 preceding
        ) as smaller_bytes
    from core.memory_step step
    join kinds using (family, kind)
    where family = any ($1) and kind = any (array(select kind from kinds))
),
ranked as (
    select
        steps.*,
        row_number() over (
            partition by family, kind, way, outcome
            order by micro_batch = 1 desc, told_at desc, micro_batch
        ) as place
    from steps
    where outcome = 'measured' or bytes > coalesce(smaller_bytes, -1)
)
select family, kind, way, outcome, micro_batch, bytes
from ranked
where place <= $3
order by family, kind, way, outcome, micro_batch
