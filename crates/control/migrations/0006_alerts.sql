-- What alerts have found, and what was told of it.

-- Alerts that are not at rest: pending or firing, about one destination or source each ('' where they are about none).
create table alert_state (
    workspace text not null references workspace (name),
    alert text not null,
    about text not null,
    state text not null,          -- JSON
    primary key (workspace, alert, about)
) without rowid, strict;

-- What was to be told, newest last, with what became of it on each way.
create table alert_notice (
    id integer primary key autoincrement, -- an id never comes twice
    workspace text not null references workspace (name),
    alert text not null,
    about text not null,
    kind text not null,           -- firing, repeated, resolved
    at integer not null,
    figure real,                  -- null: nothing could be counted any more
    above real not null,
    unit text not null,
    message_id text not null,     -- the same in every attempt
    sends text not null,          -- JSON, one for each way
    is_open integer not null      -- 1: something of it is still to be sent
) strict;

create index alert_notice_by_workspace on alert_notice (workspace, id);
create index alert_notice_open on alert_notice (is_open) where is_open = 1;
