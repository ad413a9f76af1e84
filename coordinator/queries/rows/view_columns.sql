-- view_columns: of a public view, in order
select attname::text as "name!", format_type(atttypid, null) as "type!"
from pg_catalog.pg_attribute
where attrelid = to_regclass('batchsweep.' || quote_ident($1)) and attnum > 0 and not attisdropped
order by attnum
