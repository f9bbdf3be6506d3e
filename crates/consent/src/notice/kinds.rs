//! What a notice says about each category: what its cookies are for, how to manage them, and who places them.

use workspace::{CategoryRule, OptOutTool, REQUIRED, Vendor, VendorRole};

use super::sections::control;
use super::voice::Voice;
use super::{Block, Declared, Link, Section};

/// Where settings of Flash cookies were, for as long as anybody has them.
const FLASH_SETTINGS: &str =
    "https://www.macromedia.com/support/documentation/en/flashplayer/help/settings_manager07.html";

/// Every category with its vendors.
pub(super) fn kinds(voice: &Voice<'_>, cookies: &[Declared]) -> Section {
    let rules = &voice.workspace.consent;
    let mut blocks: Vec<Block> = rules.categories.iter().flat_map(|rule| kind(voice, rule, cookies)).collect();
    let uses_flash = voice.rules().is_some_and(|rules| rules.flash_cookies);
    if uses_flash {
        blocks.extend(["flash.used", "flash.differ"].map(|place| Block::text(voice.say(place))));
        let settings = Link { text: voice.say("flash.manage"), href: FLASH_SETTINGS.to_owned() };
        blocks.push(Block::Links { links: vec![settings] });
    } else {
        blocks.push(Block::text(voice.say("flash.none")));
    }
    Section { id: "kinds", title: voice.say("heading.kinds"), blocks }
}

/// One category.
fn kind(voice: &Voice<'_>, rule: &CategoryRule, cookies: &[Declared]) -> Vec<Block> {
    let name = rule.name.as_str();
    let mut blocks = vec![Block::Heading { text: voice.category(name) }];
    let description = voice.about_category(name);
    if !description.is_empty() {
        blocks.push(Block::text(description));
    }
    let vendors: Vec<&Vendor> =
        voice.workspace.consent.banner.vendors.iter().filter(|vendor| vendor.category == rule.name).collect();
    blocks.extend(about(voice, name, !vendors.is_empty()).into_iter().map(|place| Block::text(voice.say(place))));
    if name == "targeting" {
        let tools = OptOutTool::ALL.map(|tool| Link { text: tool.title().to_owned(), href: tool.page().to_owned() });
        blocks.extend([
            Block::text(voice.say("kinds.targeting.tools")),
            Block::Links { links: tools.into() },
            Block::text(voice.say("kinds.targeting.tools_not_ours")),
        ]);
    }
    let manage = match name {
        REQUIRED => "kinds.required.manage",
        _ => control(voice, "kinds.manage", "kinds.manage_no_control"),
    };
    blocks.push(Block::text(format!("{}: {}", voice.say("label.manage"), voice.say(manage))));
    if vendors.is_empty() {
        let has_own = cookies.iter().any(|cookie| cookie.category == rule.name);
        blocks.extend(has_own.then(|| Block::text(voice.say("kinds.nobody"))));
    } else {
        blocks.push(Block::text(format!("{}:", voice.say("label.vendors"))));
        blocks.extend(vendors.into_iter().map(|vendor| entry(voice, vendor)));
        blocks.push(Block::text(voice.say("kinds.complete")));
    }
    blocks
}

/// What is said about a category that Assent has words for. A workspace's own has the description of its banner.
fn about(voice: &Voice<'_>, name: &str, has_vendors: bool) -> Vec<&'static str> {
    let mut places = Vec::new();
    match name {
        REQUIRED => {
            places.push("kinds.required.what");
            places.extend(voice.has_account().then_some("kinds.required.account"));
        }
        "functionality" => {
            places.push("kinds.functionality.what");
            places.extend(voice.has_account().then_some("kinds.functionality.account"));
            places.push("kinds.functionality.cost");
        }
        "performance" => {
            places.extend(["kinds.performance.what", "kinds.performance.random", "kinds.performance.pseudonymous"]);
            places.extend(has_vendors.then_some("kinds.performance.vendors"));
        }
        "targeting" => {
            places.push("kinds.targeting.what");
            if has_vendors {
                places.extend(["kinds.targeting.measure", "kinds.targeting.networks"]);
                let in_mail = voice.rules().is_some_and(|rules| rules.beacons.emails);
                places.extend(in_mail.then_some("kinds.targeting.networks_mail"));
                places.extend(["kinds.targeting.follow", "kinds.targeting.joined"]);
            }
        }
        _ => {}
    }
    places
}

fn entry(voice: &Voice<'_>, vendor: &Vendor) -> Block {
    let (name, about) = (vendor.name.as_str(), &vendor.about);
    let title = match &about.company {
        Some(company) => voice.with("label.by_company", &[("vendor", name), ("company", company)]),
        None => name.to_owned(),
    };
    let used = || {
        let used = about.used_for.as_ref().map(|used| voice.with(&format!("use.{used}"), &[("vendor", name)]));
        used.unwrap_or_default()
    };
    let what_for = voice.said_or(about.what_for.as_ref(), used);
    let role = voice.say(&format!("role.{}", about.role.name()));
    // What a container does says already that it is one.
    let text = match about.role {
        VendorRole::Conduit if !what_for.is_empty() => what_for,
        _ if what_for.is_empty() => format!("{name}: {role}."),
        _ => format!("{what_for} {name}: {role}."),
    };
    Block::Vendor { id: vendor.id.clone(), title, text, links: links(voice, vendor) }
}

/// Ways out first, then what the vendor says about itself.
fn links(voice: &Voice<'_>, vendor: &Vendor) -> Vec<Link> {
    let named = |place: &str| voice.with(place, &[("vendor", &vendor.name)]);
    let opt_out = &vendor.about.opt_out;
    let page = opt_out.page.iter().map(|page| Link { text: named("label.opt_out"), href: page.clone() });
    let tools = opt_out.tools.iter().map(|tool| Link { text: tool.title().to_owned(), href: tool.page().to_owned() });
    let policy = vendor.policy.iter().map(|policy| Link { text: named("label.policy"), href: policy.clone() });
    page.chain(tools).chain(policy).collect()
}
