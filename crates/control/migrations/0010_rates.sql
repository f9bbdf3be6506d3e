-- How visitors answered, counted per day while choices are written: a year of them is read without the history.
-- Nothing in it leads to a person. Imports and traits are not counted: no banner of ours asked for them.

-- `regime`, `language` are empty and `version` is 0 where the page did not say. A row with an empty category counts
-- choices by their outcome; one with a category counts the choices that granted it, whatever else they said.
create table choice_rate (
    workspace text not null,
    day integer not null,         -- days since 1970, UTC, of the arrival
    regime text not null,
    version integer not null,
    language text not null,
    outcome text not null,        -- accepted_all, rejected_all, partial, withdrawn, granted
    category text not null,
    choices integer not null,
    primary key (workspace, day, regime, version, language, outcome, category),
    check ((outcome = 'granted') = (category <> ''))
) without rowid, strict;

insert into choice_rate (workspace, day, regime, version, language, outcome, category, choices)
select workspace, received_at / 86400000, coalesce(presented ->> 'regime', ''), iif(presented ->> 'method' is null, 0, coalesce(presented ->> 'version', 0)),
       coalesce(presented ->> 'language', ''),
       case when presented ->> 'method' = 'withdraw' then 'withdrawn'
            when granted <> '[]' and refused = '[]' then 'accepted_all'
            when granted = '[]' and refused <> '[]' then 'rejected_all'
            else 'partial' end,
       '', count(*)
from choice_history where method = 'event' group by 1, 2, 3, 4, 5, 6;

insert into choice_rate (workspace, day, regime, version, language, outcome, category, choices)
select workspace, received_at / 86400000, coalesce(presented ->> 'regime', ''), iif(presented ->> 'method' is null, 0, coalesce(presented ->> 'version', 0)),
       coalesce(presented ->> 'language', ''), 'granted', value, count(*)
from choice_history, json_each(granted) where method = 'event' and value <> '' group by 1, 2, 3, 4, 5, 7;
