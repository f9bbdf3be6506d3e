//! What the law wants a notice to say beyond cookies: recipients, grounds, periods, rights, and who is responsible (GDPR
//! Art. 13; Cal. Civ. Code 1798.130).

use workspace::{Basis, Contact, Link as RegimeLink, NoticeRules, Party, RecipientRole, Right, Said, Workspace};

use super::recipients::Gets;
use super::voice::Voice;
use super::{Block, Link, Recipient, Section};

/// Those that events are passed on to.
pub(super) fn recipients(voice: &Voice<'_>, recipients: &[Recipient<'_>]) -> Section {
    let title = voice.say("heading.recipients");
    if recipients.is_empty() {
        return Section { id: "recipients", title, blocks: vec![Block::text(voice.say("recipients.none"))] };
    }
    let mut head = vec!["column.name", "column.role", "column.purpose", "column.categories"];
    let has_country = recipients.iter().any(|recipient| recipient.country.is_some());
    head.extend(has_country.then_some("column.country"));
    let rows = recipients.iter().map(|recipient| {
        let mut row = vec![
            recipient.name.to_owned(),
            voice.say(&format!("recipients.role.{}", role(recipient.role))),
            voice.purpose(recipient.purpose),
            permissions(voice, recipient),
        ];
        row.extend(has_country.then(|| recipient.country.unwrap_or_default().to_owned()));
        row
    });
    let head = head.into_iter().map(|place| voice.say(place)).collect();
    let table = Block::Table { caption: title.clone(), head, rows: rows.collect() };
    Section { id: "recipients", title, blocks: vec![Block::text(voice.say("recipients.intro")), table] }
}

fn role(role: RecipientRole) -> &'static str {
    match role {
        RecipientRole::ServiceProvider => "service_provider",
        RecipientRole::ThirdParty => "third_party",
    }
}

fn permissions(voice: &Voice<'_>, recipient: &Recipient<'_>) -> String {
    match recipient.gets {
        Gets::Nothing => voice.say("recipients.nothing"),
        Gets::Everything => voice.say("recipients.everything"),
        Gets::ByCategory => {
            let names: Vec<String> = recipient.categories.iter().map(|one| voice.category(one.as_str())).collect();
            names.join(", ")
        }
    }
}

/// The lawful bases by which the sources that run collect, each once (GDPR Art. 6(1)).
pub(super) fn bases(workspace: &Workspace) -> Vec<&'static str> {
    let mut names: Vec<&'static str> = Vec::new();
    for source in workspace.sources.iter().filter(|source| source.enabled) {
        let name = match source.basis() {
            Basis::Consent => "consent",
            Basis::Contract => "contract",
            Basis::LegalObligation => "legal_obligation",
            Basis::VitalInterests => "vital_interests",
            Basis::PublicTask => "public_task",
            Basis::LegitimateInterests => "legitimate_interests",
        };
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// What is collected, by what right, where it lies and goes.
pub(super) fn grounds(voice: &Voice<'_>, rules: &NoticeRules) -> Section {
    let list = |prefix: &str, names: Vec<&'static str>| Block::List {
        items: names.into_iter().map(|name| voice.say(&format!("{prefix}.{name}"))).collect(),
    };
    let mut blocks = Vec::new();
    if !rules.data.is_empty() {
        blocks.push(Block::text(voice.say("grounds.data")));
        blocks.push(list("data", rules.data.iter().map(|kind| kind.name()).collect()));
    }
    let bases = bases(voice.workspace);
    if !bases.is_empty() {
        blocks.push(Block::text(voice.say("grounds.basis")));
        blocks.push(list("basis", bases));
    }
    if !rules.storage_locations.is_empty() {
        let locations = rules.storage_locations.join("; ");
        blocks.push(Block::text(voice.with("grounds.locations", &[("locations", &locations)])));
    }
    let own = [&rules.transfers, &rules.obligatory, &rules.automated_decisions].into_iter().flatten();
    blocks.extend(own.map(|said: &Said| Block::text(said.in_language(&voice.language).to_owned())));
    Section { id: "grounds", title: voice.say("heading.grounds"), blocks }
}

/// How long what is kept.
pub(super) fn retention(voice: &Voice<'_>, rules: &NoticeRules) -> Section {
    let identifier = voice.days(voice.workspace.consent.banner.identifier_days);
    let mut blocks = vec![Block::text(voice.with("retention.identifier", &[("days", &identifier)]))];
    let item = |kept: &workspace::Kept| {
        let what = kept.what.in_language(&voice.language);
        voice.with("retention.item", &[("what", what), ("lasts", &voice.lasts(kept.lasts))])
    };
    if !rules.retention.is_empty() {
        blocks.push(Block::List { items: rules.retention.iter().map(item).collect() });
    }
    blocks.push(Block::text(voice.say("retention.choices")));
    Section { id: "retention", title: voice.say("heading.retention"), blocks }
}

/// The rights that are named: the workspace's, else those of the laws that may hold.
pub(super) fn rights_of(workspace: &Workspace, rules: &NoticeRules) -> Vec<Right> {
    if let Some(rights) = &rules.rights {
        return rights.clone();
    }
    let opt_out = workspace.consent.regimes().iter().any(|regime| regime.row().links.contains(&RegimeLink::Choices));
    let mut rights = Right::OF_CONSENT.to_vec();
    rights.extend(opt_out.then_some(Right::OF_OPT_OUT).into_iter().flatten());
    rights
}

/// Rights, and where to complain.
pub(super) fn rights(voice: &Voice<'_>, rules: &NoticeRules) -> Section {
    let rights = rights_of(voice.workspace, rules);
    let items = rights.into_iter().map(|right| voice.say(&format!("rights.{}", right.name()))).collect();
    let mut blocks =
        vec![Block::text(voice.say("rights.intro")), Block::List { items }, Block::text(voice.say("rights.how"))];
    if let Some(authority) = &rules.authority {
        blocks.push(Block::text(voice.say("rights.authority")));
        blocks.push(match &authority.url {
            Some(url) => Block::Links { links: vec![Link { text: authority.name.clone(), href: url.clone() }] },
            None => Block::Lines { lines: vec![authority.name.clone()] },
        });
    }
    Section { id: "rights", title: voice.say("heading.rights"), blocks }
}

/// Who is responsible and how to reach them.
pub(super) fn contact(voice: &Voice<'_>, rules: &NoticeRules) -> Section {
    let mut blocks = vec![Block::text(voice.say("contact.controller"))];
    blocks.extend(party(&rules.controller));
    blocks.push(Block::text(voice.say("contact.write")));
    if let Some(representative) = &rules.representative {
        blocks.push(Block::text(voice.say("contact.representative")));
        blocks.extend(party(representative));
    }
    if let Some(Contact { name, email }) = &rules.dpo {
        blocks.push(Block::text(voice.say("contact.dpo")));
        blocks.extend(name.clone().map(|name| Block::Lines { lines: vec![name] }));
        blocks.push(Block::Links { links: vec![mail(email)] });
    }
    Section { id: "contact", title: voice.say("heading.contact"), blocks }
}

fn party(party: &Party) -> [Block; 2] {
    let mut lines = vec![party.name.clone()];
    lines.extend(party.address.lines().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()));
    lines.extend(party.phone.clone());
    [Block::Lines { lines }, Block::Links { links: vec![mail(&party.email)] }]
}

fn mail(email: &str) -> Link {
    Link { text: email.to_owned(), href: format!("mailto:{email}") }
}
