-- The revision that made an object. A later one of the same name is another one, and what was kept for the first is not
-- its own. 0: made before this was noted.

alter table object add column made_in integer not null default 0;
