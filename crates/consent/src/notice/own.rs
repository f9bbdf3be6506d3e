//! What Assent's own scripts leave in a browser: the names and lifetimes of `web/sdk/src`. Whoever makes the SDK store
//! something new adds a row here, else the declaration is not true any more; a test of the browser
//! (`tests/consent/notice.test.mjs`) compares what it finds after every kind of choice with what is declared.

use workspace::{
    Catalogue, Category, Lifetime, Model, Risk, Sdk, Source, SourceKind, StoreKind, StoredKey, Surface, Unit, Workspace,
};

/// The longest that browsers keep a cookie, and so a refusal that outlives its choice (`web/sdk/src/consent.ts`).
const COOKIE_DAYS_MAX: u16 = 400;
/// The cookie of either script.
const ANONYMOUS_ID: &str = "ajs_anonymous_id";

/// Cookies and keys of the pages of a workspace, each with its category.
pub(super) fn keys(workspace: &Workspace) -> Vec<StoredKey> {
    let mut keys: Vec<StoredKey> = Vec::new();
    let pages = workspace.sources.iter().filter(|source| source.kind == SourceKind::Browser && source.enabled);
    for source in pages {
        let of_source = match source.sdk() {
            Sdk::Assent => assent(workspace, source),
            Sdk::Segment => segment(workspace, source),
        };
        for key in of_source {
            // Sources of one site mostly leave the same.
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
    }
    keys
}

fn assent(workspace: &Workspace, source: &Source) -> Vec<StoredKey> {
    let banner = workspace.site(source).banner();
    let (required, category) = (Category::new(workspace::REQUIRED), &source.category);
    let identifier = days(banner.identifier_days);
    let mut keys = vec![
        key("assent_choice", StoreKind::Cookie, days(choice_days(workspace)), &required, "choice"),
        key("assent_choice", StoreKind::Local, Lifetime::UntilDeleted, &required, "choice"),
        key("assent_untold", StoreKind::Local, Lifetime::UntilDeleted, &required, "untold"),
        key(ANONYMOUS_ID, StoreKind::Cookie, identifier, category, "visitor"),
        key("assent_id", StoreKind::Cookie, identifier, category, "visitor"),
        key("ajs_user_id", StoreKind::Cookie, identifier, category, "user"),
        key("ajs_group_id", StoreKind::Cookie, identifier, category, "user"),
        key("ajs_user_traits", StoreKind::Local, Lifetime::UntilDeleted, category, "traits"),
        key("ajs_group_properties", StoreKind::Local, Lifetime::UntilDeleted, category, "traits"),
        key("assent_queue:*", StoreKind::Local, Lifetime::UntilDeleted, category, "queue"),
    ];
    let held = days(held_days(workspace));
    for surface in &banner.surfaces {
        let names: &[&str] = match surface {
            Surface::TrustArc => {
                &["notice_behavior", "notice_preferences", "notice_gdpr_prefs", "cmapi_cookie_privacy"]
            }
            Surface::OneTrust => &["OptanonConsent", "OptanonAlertBoxClosed"],
            // They answer, and keep nothing.
            Surface::Gpp
            | Surface::Tcf
            | Surface::Frames
            | Surface::HandOff
            | Surface::Elsewhere
            | Surface::TakeOver => &[],
        };
        keys.extend(names.iter().map(|name| key(name, StoreKind::Cookie, held, &required, "compat")));
    }
    keys
}

/// Segment's own script, where a source serves it: as the catalogue has it, but for its anonymous id, which ends here, and
/// what keeps since when it is in use.
fn segment(workspace: &Workspace, source: &Source) -> Vec<StoredKey> {
    let lasts = days(workspace.consent.banner.identifier_days);
    let cookies = Catalogue::get().vendor("segment").and_then(|vendor| vendor.cookies.clone()).unwrap_or_default();
    let ours = |cookie: StoredKey| {
        let lasts = if cookie.name == ANONYMOUS_ID { lasts } else { cookie.lasts };
        StoredKey { category: Some(source.category.clone()), lasts, ..cookie }
    };
    let since = |kind, lasts| key("ajs_anonymous_id_since", kind, lasts, &source.category, "visitor");
    let both = [since(StoreKind::Cookie, lasts), since(StoreKind::Local, Lifetime::UntilDeleted)];
    cookies.into_iter().map(ours).chain(both).collect()
}

fn days(days: u16) -> Lifetime {
    Lifetime::For(days.into(), Unit::Day)
}

fn key(name: &str, kind: StoreKind, lasts: Lifetime, category: &Category, used_for: &str) -> StoredKey {
    StoredKey {
        name: name.to_owned(),
        kind,
        lasts,
        host: None,
        category: Some(category.clone()),
        used_for: Some(used_for.to_owned()),
        what_for: None,
    }
}

/// How long a choice holds at most, over the regimes that somebody may be under.
fn held_days(workspace: &Workspace) -> u16 {
    let regimes = workspace.consent.regimes();
    regimes.iter().map(|regime| regime.row().lifetime_days).max().unwrap_or(COOKIE_DAYS_MAX)
}

/// How long the cookie of a choice lies: a refusal outlives its choice where the category would be on again without it, or
/// events go out all the same.
fn choice_days(workspace: &Workspace) -> u16 {
    let rules = &workspace.consent;
    let is_on = |regime: &workspace::Regime| {
        let mut optional = rules.categories.iter().filter(|rule| !rule.name.is_required());
        optional.any(|rule| regime.model(rule.name.as_str()) != Model::OptIn)
    };
    let goes_unasked = workspace.risks().iter().any(|risk| matches!(risk, Risk::AlwaysLoad { .. }));
    if goes_unasked || rules.regimes().iter().any(is_on) { COOKIE_DAYS_MAX } else { held_days(workspace) }
}
