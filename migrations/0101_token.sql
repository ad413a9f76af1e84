-- Who may call: bearer tokens, by their hash.

create table core.token (
    token_id   uuid        not null,
    name       text        not null,
    hash       bytea       not null,
    scopes     text[]      not null,
    created_at timestamptz not null default now(),
    expires_at timestamptz,
    revoked_at timestamptz,
    used_at    timestamptz,

    constraint token_pkey primary key (token_id),
    constraint token_hash_unique unique (hash),
    constraint token_hash_is_sha_256 check (octet_length(hash) = 32),
    constraint token_scopes_known check (
        cardinality(scopes) > 0 and scopes <@ array['submit', 'work', 'read', 'admin']
    )
);

create index token_name_index on core.token (name);

comment on table core.token is 'One row a bearer token, kept after its end: who may call what. The token itself is nowhere.';
comment on column core.token.token_id is 'UUID version 4, to name it by.';
comment on column core.token.name is 'The principal it stands for; several tokens may have one name.';
comment on column core.token.hash is 'SHA-256 of the token.';
comment on column core.token.scopes is 'What it allows: submit, work, read, admin.';
comment on column core.token.created_at is 'When it was made.';
comment on column core.token.expires_at is 'When it ends; NULL for never.';
comment on column core.token.revoked_at is 'When it was revoked; NULL for not.';
comment on column core.token.used_at is 'When it was last used, to the minute; NULL for never.';
