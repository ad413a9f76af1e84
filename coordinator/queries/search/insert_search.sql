-- insert_search
insert into core.search (sweep_id, stops)
values ($1, $2)
