-- That somebody refuses, for destinations that are to be told of it. A row goes when it is told or given up.
create table untold (
    id integer primary key autoincrement, -- an id never comes twice
    workspace text not null references workspace (name),
    destination text not null,
    made_in integer not null,     -- which making of that name: a later one is told nothing of this
    message_id text not null,     -- the same in every attempt
    epoch integer not null,       -- of the key that sealed
    sealed blob not null,         -- who, what, when
    at integer not null,          -- when the refusal arrived: days are counted from it
    attempts integer not null default 0,
    next_at integer not null      -- not tried before
) strict;

create index untold_due on untold (workspace, destination, made_in, next_at, at);
