-- When an identifier was seen first, in milliseconds since 1970. Nothing moves it. What is there already counts from the
-- day on which this ran: when it came nobody knows any more.
alter table identifier add column first_seen integer not null default 0;

update identifier set first_seen = unixepoch() * 1000;
