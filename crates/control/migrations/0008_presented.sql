-- What was shown when a choice was made, and how it was answered; null for choices of before and those that say nothing.
alter table choice_history add column presented text;

-- The words that were published, under the hash that choices name. Kept as long as choices name them.
create table published_words (
    workspace text not null,
    hash text not null,
    version integer not null,
    language text not null,
    words text not null,
    since integer not null,
    primary key (workspace, hash)
) without rowid, strict;
