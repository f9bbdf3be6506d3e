-- Accounts, sessions, tokens and the audit log.

-- People who may sign in. The password is an Argon2id string.
create table account (
    name text primary key,
    password text not null,
    role text not null,
    personal_data integer not null,
    created_at integer not null,
    last_seen_at integer
) without rowid, strict;

-- Sessions by the SHA-256 of their id: who reads this table cannot use one.
create table session (
    key blob primary key,
    account text not null references account (name) on delete cascade,
    created_at integer not null,
    seen_at integer not null
) without rowid, strict;

create index session_by_account on session (account);

-- Bearer tokens, hashed as sessions are. A token goes with the account that made it.
create table token (
    id text primary key,
    key blob not null unique,
    name text not null,
    role text not null,
    personal_data integer not null,
    made_by text not null references account (name) on delete cascade,
    created_at integer not null,
    last_used_at integer,
    expires_at integer
) without rowid, strict;

create index token_by_account on token (made_by);

-- Who changed what. Written in the transaction of the change, secrets masked; never changed afterwards.
create table audit (
    id integer primary key,
    at integer not null,
    actor text not null,
    action text not null,
    workspace text,
    kind text not null,
    object text not null,
    before text,                  -- JSON
    after text                    -- JSON
) strict;

create index audit_by_object on audit (workspace, kind, object);

create trigger audit_is_not_rewritten before update on audit
begin select raise(abort, 'the audit log is append-only'); end;

create trigger audit_is_not_cut before delete on audit
begin select raise(abort, 'the audit log is append-only'); end;
