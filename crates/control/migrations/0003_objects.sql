-- Configuration by object. What the first schema kept as the text of a file is taken apart by the program right after
-- this migration (`sqlite/adopt.rs`), because SQL reads no YAML.

alter table workspace rename to workspace_v1;
alter table write_key rename to write_key_v1;

create table workspace (
    name text primary key,
    created_at integer not null
) without rowid, strict;

-- One row, counted up by every change of the configuration: whoever decided on an older state decides again.
create table configuration (
    only_row integer primary key check (only_row = 1),
    revision integer not null
) strict;

insert into configuration (only_row, revision) values (1, 0);

-- Sources, destinations and the consent block, as they were written (`${env:NAME}` stays a reference), with their
-- write keys. `version` is the revision of the last change, so no version ever comes twice, not even after a deletion.
create table object (
    workspace text not null references workspace (name),
    kind text not null,
    name text not null,
    body text not null,           -- JSON
    file text,                    -- the file that spoke last; null: somebody edited it by API or console
    declared integer not null,    -- 1: the server applies that file at start, so nothing else may edit the object
    version integer not null,
    changed_at integer not null,
    primary key (workspace, kind, name),
    check (declared = 0 or file is not null)
) without rowid, strict;
