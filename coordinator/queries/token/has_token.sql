-- has_token: whether there ever was one of this name or id
select exists (select from core.token where name = $1 or token_id::text = $1) as "there!"
