-- The first schema of the control store. A released migration never changes: `sqlx` compares its hash.
-- Every key begins with the workspace. Times are Unix milliseconds. Identifiers and numbers of 128 bits are blobs.

-- Workspaces as their files say them: the text as it was written, so that `${env:NAME}` stays a reference.
create table workspace (
    name text primary key,
    file text not null,
    sha256 text not null,
    yaml text not null,
    objects text not null,        -- JSON array: what the file declares, as `source web`
    applied_at integer not null
) without rowid, strict;

-- The write keys of sources whose file names none.
create table write_key (
    workspace text not null references workspace (name),
    source text not null,
    write_key text not null unique,
    primary key (workspace, source)
) without rowid, strict;

-- The keys that seal the log. A destroyed one keeps its row and loses its bytes.
create table key_epoch (
    workspace text not null,
    epoch integer not null,
    key blob,
    created_at integer not null,
    destroyed_at integer,
    primary key (workspace, epoch),
    check ((key is null) = (destroyed_at is not null))
) without rowid, strict;

create table fingerprint_key (
    workspace text primary key,
    key blob not null
) without rowid, strict;

-- The vault: the only place where identifiers stand readable for longer than the logs.
create table identifier (
    workspace text not null,
    fingerprint blob not null,
    subject blob not null,
    kind text not null,
    value text not null,
    primary key (workspace, fingerprint)
) without rowid, strict;

create index identifier_by_subject on identifier (workspace, subject);

-- What each identifier's subject says today, by category name: {"performance": [granted, made_at]}.
create table choice (
    workspace text not null,
    fingerprint blob not null,
    standing text not null,
    primary key (workspace, fingerprint)
) without rowid, strict;

-- Every choice ever made, oldest first. Subject and message are null for a refusal from somebody unknown.
create table choice_history (
    position integer primary key,
    workspace text not null,
    receipt blob not null,
    subject blob,
    message_id text,
    granted text not null,        -- JSON array of category names
    refused text not null,        -- JSON array of category names
    method text not null,
    source text not null,
    made_at integer not null,
    received_at integer not null,
    check (subject is not null or message_id is null)
) strict;

create index choice_history_by_subject on choice_history (workspace, subject);
