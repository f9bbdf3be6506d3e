-- Each version of a workspace's configuration as text, so that what its leaf in the ledger commits to can be shown.
create table ledger_configuration (
    workspace text not null,
    version integer not null,     -- the revision that the change made
    receipt blob not null,        -- the number of its leaf's record
    actor text not null,
    at integer not null,
    sha256 text not null,         -- of the text, in hex
    text text not null,           -- YAML, secrets and write keys masked
    primary key (workspace, version)
) strict;
