-- What the fleet knows of the memory that trials take, so that what one worker found out is not found out again. Rows are
-- merged, never replaced by less: any number of coordinators may tell the same thing in any order.
create table core.memory_kind (
    family      text        not null,
    kind        text        not null,
    description text        not null,
    told_at     timestamptz not null default now(),
    times_told  bigint      not null default 1,

    constraint memory_kind_pkey primary key (family, kind)
);

comment on table core.memory_kind is 'One row a kind of trial whose memory was measured, for each family that it belongs to.';
comment on column core.memory_kind.family is 'What a coordinator can tell of it (model, way of training, device, libtorch): SHA-256 as 64 hex digits.';
comment on column core.memory_kind.kind is 'What a worker knows besides (shape of the data, resident or streamed, threads): SHA-256 of all of it, as 64 hex digits.';
comment on column core.memory_kind.description is 'The text that kind is the hash of.';
comment on column core.memory_kind.told_at is 'When a worker last told something about it.';
comment on column core.memory_kind.times_told is 'How often workers told something about it: as long as it is the same, nothing has changed.';

create table core.memory_step (
    kind        text        not null,
    way         text        not null,
    outcome     text        not null,
    micro_batch bigint      not null,
    bytes       bigint      not null,
    told_at     timestamptz not null default now(),

    constraint memory_step_pkey primary key (kind, way, outcome, micro_batch),
    constraint memory_step_way_known check (way in ('whole', 'accumulated')),
    constraint memory_step_outcome_known check (outcome in ('measured', 'failed')),
    constraint memory_step_counts check (micro_batch > 0 and bytes >= 0)
);

comment on table core.memory_step is 'One row a micro-batch that a worker ran to see what it takes, or that ran out of memory.';
comment on column core.memory_step.kind is 'Of which kind of trial; see core.memory_kind.';
comment on column core.memory_step.way is 'whole: the only micro-batch of its batch; accumulated: a later one, with gradients there from the start.';
comment on column core.memory_step.outcome is 'measured, or failed: ran out of memory.';
comment on column core.memory_step.micro_batch is 'Examples in it.';
comment on column core.memory_step.bytes is 'measured: the most that it took besides what does not grow with it; failed: the most that there was for it, and too little.';
comment on column core.memory_step.told_at is 'When a worker told it.';
