-- What goes into the ledger, written with the choice that it is about.

-- The leaves in their order, without gaps, from 0. A row is never changed and never deleted: the tree is made from them.
create table ledger_leaf (
    workspace text not null,
    leaf integer not null,
    commitment blob not null,
    primary key (workspace, leaf)
) without rowid, strict;

-- What opens a leaf. Deleting a row erases: without its salt the commitment leads to nobody and no proof changes.
-- Subject is null for a refusal from somebody unknown.
create table ledger_side (
    workspace text not null,
    leaf integer not null,
    receipt blob not null,        -- the number of the choice, which its maker may know
    subject blob,
    salt blob not null,
    record text not null,         -- canonical JSON
    primary key (workspace, leaf),
    foreign key (workspace, leaf) references ledger_leaf (workspace, leaf)
) without rowid, strict;

create index ledger_side_by_receipt on ledger_side (workspace, receipt);
create index ledger_side_by_subject on ledger_side (workspace, subject) where subject is not null;
