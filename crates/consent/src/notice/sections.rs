//! What a notice says about the site itself: what a cookie is, how to choose, beacons, addresses, signals.

use workspace::{Compat, Control, DoNotTrack, Model, NoticeRules, Regime, Sdk, SourceKind};

use super::voice::Voice;
use super::{Block, Declared, Link, Section};

/// Pages of browsers' makers change; this one collects them.
const BROWSER_HELP: &str = "https://www.allaboutcookies.org/how-to-manage-cookies";
/// What GPC denies everywhere.
const TARGETING: &str = "targeting";

fn texts(voice: &Voice<'_>, places: &[&str]) -> Vec<Block> {
    places.iter().map(|place| Block::text(voice.say(place))).collect()
}

/// What cookies are, and which kinds are used.
pub(super) fn what(voice: &Voice<'_>, cookies: &[Declared]) -> Section {
    let (session, persistent) = (has(cookies, true), has(cookies, false));
    let used = match (session, persistent) {
        (true, true) => "what.both",
        (true, false) => "what.only_session",
        (false, true) => "what.only_persistent",
        (false, false) => "what.none",
    };
    let mut places = vec!["what.cookie", "what.recognise", "what.help", "what.browser", "what.joined", used];
    places.extend(session.then_some("what.session"));
    places.extend(persistent.then_some("what.persistent"));
    places.extend(["what.refuse", "what.refuse_cost"]);
    let mut blocks = texts(voice, &places);
    let help = Link { text: voice.say("what.browser_help"), href: BROWSER_HELP.to_owned() };
    blocks.push(Block::Links { links: vec![help] });
    Section { id: "what", title: voice.say("heading.what"), blocks }
}

fn has(cookies: &[Declared], session: bool) -> bool {
    cookies.iter().any(|cookie| cookie.lasts.is_session() == session)
}

/// What holds before a choice, and how a choice is made, changed and kept.
pub(super) fn choices(voice: &Voice<'_>) -> Section {
    let rules = &voice.workspace.consent;
    let regimes = rules.regimes();
    let models = |regime: &Regime| {
        let optional = rules.categories.iter().filter(|rule| !rule.name.is_required());
        optional.map(|rule| regime.model(rule.name.as_str())).collect::<Vec<_>>()
    };
    let has = |model: Model| regimes.iter().any(|regime| models(regime).contains(&model));
    let pages = || voice.workspace.sources.iter().filter(|source| source.kind == SourceKind::Browser && source.enabled);
    let asks = pages().any(|source| source.sdk() == Sdk::Assent);
    let mut places = Vec::new();
    if asks {
        places.extend(has(Model::OptIn).then_some("choices.opt_in"));
        places.extend(has(Model::OptOut).then_some("choices.opt_out"));
        places.extend(has(Model::Exempt).then_some("choices.exempt"));
    }
    places.extend(pages().any(|source| source.compat == Some(Compat::Segment)).then_some("choices.foreign"));
    if asks {
        places.extend(["choices.equal", control(voice, "choices.control", "choices.no_control"), "choices.withdraw"]);
        places.extend((!rules.banner.vendors.is_empty()).then_some("choices.vendors"));
    }
    let mut blocks = texts(voice, &places);
    let days = regimes.iter().map(|regime| regime.row().lifetime_days);
    if let Some((least, most)) = days.clone().min().zip(days.max()).filter(|_| asks) {
        blocks.push(Block::text(if least == most {
            voice.with("choices.lasts", &[("days", &voice.days(most))])
        } else {
            voice.with("choices.lasts_by_region", &[("least", &voice.days(least)), ("most", &voice.days(most))])
        }));
    }
    blocks.push(Block::text(voice.say("choices.proof")));
    Section { id: "choices", title: voice.say("heading.choices"), blocks }
}

/// The place of a sentence that names the control, or of the one for sites that have none floating.
pub(super) fn control(voice: &Voice<'_>, floating: &'static str, none: &'static str) -> &'static str {
    if voice.here.banner().control == Control::Floating { floating } else { none }
}

/// Web beacons, where they are used.
pub(super) fn beacons(voice: &Voice<'_>, rules: &NoticeRules) -> Section {
    let mut sites =
        voice.workspace.sources.iter().filter(|source| source.kind == SourceKind::Browser && source.enabled);
    let is_in = |source| rules.has_page_beacons(voice.workspace.site(source).banner());
    let pages = rules.has_page_beacons(voice.here.banner()) || sites.any(is_in);
    let mut places = vec!["beacons.what"];
    places.extend(pages.then_some("beacons.pages"));
    places.extend(rules.beacons.emails.then_some("beacons.emails"));
    let is_used = pages || rules.beacons.emails;
    places.extend(if is_used { ["beacons.use", "beacons.gate"].as_slice() } else { &["beacons.none"] });
    Section { id: "beacons", title: voice.say("heading.beacons"), blocks: texts(voice, &places) }
}

/// What is done with addresses.
pub(super) fn addresses(voice: &Voice<'_>, rules: &NoticeRules) -> Section {
    let uses = &rules.ip_addresses.uses;
    let items: Vec<String> = uses.iter().map(|one| voice.say(&format!("addresses.use.{}", one.name()))).collect();
    let mut blocks = Vec::new();
    if !items.is_empty() {
        blocks.extend([Block::text(voice.say("addresses.collect")), Block::List { items }]);
    }
    blocks.push(Block::text(voice.say("addresses.cut")));
    if let Some(days) = rules.ip_addresses.whole_days {
        blocks.push(Block::text(voice.with("addresses.whole", &[("days", &voice.days(days))])));
    }
    Section { id: "addresses", title: voice.say("heading.addresses"), blocks }
}

/// What Global Privacy Control and Do Not Track mean here.
pub(super) fn signals(voice: &Voice<'_>) -> Section {
    let rules = &voice.workspace.consent;
    let mut blocks = texts(voice, &["signals.gpc.what"]);
    let targeting = rules.category(TARGETING).map(|category| voice.category(category.as_str()));
    blocks.push(Block::text(match targeting {
        Some(denied) => voice.with("signals.gpc.honoured", &[("denied", &denied)]),
        None => voice.say("signals.gpc.honoured_plain"),
    }));
    if rules.regimes().iter().any(|regime| regime.row().gpc.show) {
        blocks.push(Block::text(voice.say("signals.gpc.shown")));
    }
    blocks.extend(texts(voice, &["signals.dnt.what", "signals.dnt.no_agreement"]));
    blocks.push(Block::text(voice.say(match rules.do_not_track {
        DoNotTrack::Ignore => "signals.dnt.ignored",
        DoNotTrack::AsGpc => "signals.dnt.as_gpc",
    })));
    Section { id: "signals", title: voice.say("heading.signals"), blocks }
}
