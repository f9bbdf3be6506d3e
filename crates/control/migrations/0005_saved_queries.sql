-- Questions to the lake that people keep for everybody of a workspace.
create table saved_query (
    id integer primary key autoincrement, -- an id never comes twice
    workspace text not null references workspace (name),
    name text not null,
    sql text not null,
    made_by text not null,
    made_at integer not null,
    unique (workspace, name)
) strict;
