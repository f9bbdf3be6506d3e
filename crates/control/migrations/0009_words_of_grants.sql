-- A grant on record says to which version of the banner's words it was given: [granted, when, version]. Those of before get
-- theirs from the choice that made them, where the page had said it.
update choice set standing = (
    select json_group_object(said.key, json(coalesce(
        (select json_array(json('true'), json_extract(said.value, '$[1]'), json_extract(made.presented, '$.version'))
         from identifier
         join choice_history as made on made.workspace = identifier.workspace and made.subject = identifier.subject
         where identifier.workspace = choice.workspace and identifier.fingerprint = choice.fingerprint
             and json_extract(said.value, '$[0]') and made.made_at = json_extract(said.value, '$[1]')
             and json_extract(made.presented, '$.version') is not null
             -- Segment's consent tools say a version too, that of their protocol.
             and (made.method = 'import' or json_extract(made.presented, '$.method') is not null)
             and exists (select 1 from json_each(made.granted) as name where name.value = said.key)
         order by json_extract(made.presented, '$.version') limit 1),
        said.value)))
    from json_each(choice.standing) as said
)
where standing like '%true%';
