//! The identifier of a browser, as cookies that the server sets with the answer to a choice: the readable alias that pages
//! send with events (`ajs_anonymous_id`), and beside it `assent_id`, which is `HttpOnly` and sealed, and says since when
//! the alias is in use. No script can read, write or copy that one, so nothing that a page does makes an identifier
//! younger; both end when its days are over, and no later choice gives them more.
//!
//! They are set only where the choice permits what the source collects for, and the page has stored the alias by that
//! permission. A choice that refuses it takes them away; one that is silent about it changes nothing. On pages of Segment's
//! SDK, whose choices are events, no such answer ever comes: there the first event that is stored under the alias by consent
//! brings the seal, and a choice among events that refuses it takes the seal away. The alias is left as the page wrote it,
//! since only the page knows the domain of its cookie.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use consent::Stamp;
use control::KeyOwner;
use event::{Event, Millis};
use http::HeaderMap;
use http::header::{COOKIE, HeaderValue};
use http::request::Parts;
use serde::{Deserialize, Serialize};
use vault::Fingerprints;
use workspace::Basis;

use super::cookie::{self, Scope};
use crate::choice::Chosen;

/// The alias, by the name that Segment's SDK has for it too.
const ALIAS: &str = "ajs_anonymous_id";
/// The sealed one.
const SEALED: &str = "assent_id";
/// What else the SDK keeps of who somebody is in cookies.
const OTHERS: [&str; 2] = ["ajs_user_id", "ajs_group_id"];
/// What a token is sealed for.
const PURPOSE: &str = "browser identifier";
const DAY_MS: i64 = 86_400_000;

/// What the sealed cookie says.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Seal {
    #[serde(rename = "i")]
    alias: String,
    #[serde(rename = "a")]
    since_ms: i64,
}

/// The anonymous id that a browser brings along.
pub(crate) fn alias(headers: &HeaderMap) -> Option<String> {
    cookie::cookies(headers, ALIAS).map(|id| id.trim_matches('"').to_owned()).find(|id| !id.is_empty())
}

/// The sealed cookies that a browser brings along, still closed. There is one, unless a page has put others beside it.
fn sealed(headers: &HeaderMap) -> Vec<String> {
    cookie::cookies(headers, SEALED).collect()
}

/// What a browser keeps here of who it is, and brings along with events.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    alias: Option<String>,
    pub(crate) sealed: Vec<String>,
}

/// What the answer to events does about the seal.
#[derive(Debug)]
pub(crate) enum Sealing {
    /// It is as it should be, or there is nothing to seal.
    Nothing,
    /// The alias has none yet, and its use is permitted.
    Seal(KeyOwner),
    /// A choice took the permission away.
    TakeAway(KeyOwner),
}

impl Kept {
    /// Reads the cookies. Most events come from pages of other hosts, without any.
    pub(crate) fn new(headers: &HeaderMap) -> Self {
        if !headers.contains_key(COOKIE) {
            return Self::default();
        }
        Self { alias: alias(headers).filter(|_| !cookie::is_foreign(headers)), sealed: sealed(headers) }
    }

    /// Whether an event comes under the alias.
    pub(crate) fn is_under(&self, event: &Event<'_>) -> bool {
        self.alias.is_some() && event.anonymous_id() == self.alias.as_deref()
    }

    /// `is_permitted`: an event under the alias was stored by consent.
    pub(crate) fn sealing(&self, owner: KeyOwner, chosen: Option<&Chosen>, is_permitted: bool) -> Sealing {
        // What is no seal of this workspace's is left alone: another's of this host would be sealed over in turn.
        let is_sealed = || {
            let open = |sealed: &String| opened(sealed, &owner.tenant.fingerprints);
            let ours: Vec<Seal> = self.sealed.iter().filter_map(open).collect();
            let is_of_alias = |seal: &Seal| Some(&seal.alias) == self.alias.as_ref();
            ours.iter().any(is_of_alias) || (ours.is_empty() && !self.sealed.is_empty())
        };
        match chosen.and_then(permits) {
            Some(false) if !self.sealed.is_empty() => Sealing::TakeAway(owner),
            None | Some(true) if is_permitted && !is_sealed() => Sealing::Seal(owner),
            _ => Sealing::Nothing,
        }
    }
}

/// Whether an event was stored by consent to what its source collects for, said or by the region's law: what is
/// strictly needed, rests on another basis or is of unknown consent gives nobody an identifier.
pub(crate) fn is_permitted(owner: &KeyOwner, stamp: &Stamp<'_>) -> bool {
    let rules = owner.tenant.gate.rules();
    let collecting = rules.categories.key(owner.source().category.as_str());
    let is_optional = !rules.categories.required().contains(collecting);
    is_optional && stamp.basis == Basis::Consent && stamp.grants(collecting, &rules.categories)
}

/// The headers that go with the answer to events.
pub(crate) fn with_events(sealing: &Sealing, head: &Parts, is_https: bool, now: Millis) -> Vec<HeaderValue> {
    let scope = |owner: &KeyOwner| Scope::own(head, owner.site().banner(), is_https);
    match sealing {
        Sealing::Nothing => Vec::new(),
        Sealing::Seal(owner) => {
            let id = alias(&head.headers).expect("only what came along is sealed");
            let made = event::day_of_id(&id).map_or(now, |made| made.min(now));
            let sealed = seal(owner, &id, made, now);
            sealed.and_then(|(token, left_s)| hidden(&token, left_s, &scope(owner))).into_iter().collect()
        }
        Sealing::TakeAway(owner) => unseal(&scope(owner)),
    }
}

/// Since when an alias is in use, as the oldest of its seals says; `None` where it has none, or those of another alias or
/// workspace.
pub(crate) fn since(sealed: &[String], alias: &str, keys: &Fingerprints) -> Option<Millis> {
    let ours = sealed.iter().filter_map(|sealed| opened(sealed, keys));
    ours.filter(|seal| seal.alias == alias).map(|seal| Millis(seal.since_ms)).min()
}

fn opened(sealed: &str, keys: &Fingerprints) -> Option<Seal> {
    let token = URL_SAFE_NO_PAD.decode(sealed).ok()?;
    serde_json::from_slice(&keys.open(PURPOSE, &token)?).ok()
}

/// Until when an alias may be used that is in use since then.
pub(crate) fn ends(since: Millis, days: u16) -> Millis {
    Millis(since.0.saturating_add(i64::from(days) * DAY_MS))
}

/// The headers that go with the answer to a choice. `id` is the alias that the page names.
pub(crate) fn keep(chosen: &Chosen, id: &str, headers: &HeaderMap, scope: &Scope, now: Millis) -> Vec<HeaderValue> {
    match permits(chosen) {
        Some(true) => {}
        // The page takes away what scripts can.
        Some(false) if !sealed(headers).is_empty() => return unseal(scope),
        Some(false) | None => return Vec::new(),
    }
    if alias(headers).as_deref() != Some(id) {
        return Vec::new();
    }
    let owner = &chosen.owner;
    let before = since(&sealed(headers), id, &owner.tenant.fingerprints);
    let made = event::day_of_id(id).map_or(now, |made| made.min(now));
    // Of an id that says its day and has a seal, the older counts.
    let since = before.map_or(made, |before| before.min(made));
    if left_s(owner, since, now) <= 0 {
        return forget(headers, scope);
    }
    let Some((token, left_s)) = seal(owner, id, since, now) else { return Vec::new() };
    // An id of somebody else's making can hold what a cookie cannot; it is left to the page.
    let shown = event::day_of_id(id).and_then(|_| cookie::header(ALIAS, id, left_s, scope));
    shown.into_iter().chain(hidden(&token, left_s, scope)).collect()
}

/// How long an alias may still be used.
fn left_s(owner: &KeyOwner, since: Millis, now: Millis) -> i64 {
    let days = owner.tenant.workspace.consent.banner.identifier_days;
    ends(since, days).0.saturating_sub(now.0) / 1_000
}

/// The seal of an alias that is in use since then, and how long it lives; `None` when its days are over.
fn seal(owner: &KeyOwner, alias: &str, since: Millis, now: Millis) -> Option<(String, i64)> {
    let left_s = left_s(owner, since, now);
    if left_s <= 0 {
        return None;
    }
    let seal = Seal { alias: alias.to_owned(), since_ms: since.0 };
    let seal = serde_json::to_vec(&seal).expect("a text and a number are JSON");
    match owner.tenant.fingerprints.seal(PURPOSE, &seal) {
        Ok(token) => Some((URL_SAFE_NO_PAD.encode(token), left_s)),
        Err(error) => {
            tracing::error!(%error, "an identifier was not sealed; the page keeps it by itself");
            None
        }
    }
}

/// Takes the seal away, also one that came with an event and so may be of this host alone.
fn unseal(scope: &Scope) -> Vec<HeaderValue> {
    let here = scope.domain.is_some().then_some(Scope { domain: None, is_https: scope.is_https });
    [Some(scope), here.as_ref()].into_iter().flatten().filter_map(|scope| cookie::remove(SEALED, scope)).collect()
}

fn hidden(token: &str, left_s: i64, scope: &Scope) -> Option<HeaderValue> {
    http_only(&cookie::header(SEALED, token, left_s, scope)?)
}

/// The headers that take away every identifier that came along, for who refused on a page without a script.
pub(crate) fn refuse(chosen: &Chosen, headers: &HeaderMap, scope: &Scope) -> Vec<HeaderValue> {
    if permits(chosen) == Some(true) { Vec::new() } else { forget(headers, scope) }
}

fn forget(headers: &HeaderMap, scope: &Scope) -> Vec<HeaderValue> {
    let names = [SEALED, ALIAS].into_iter().chain(OTHERS);
    let brought = names.filter(|name| cookie::cookies(headers, name).next().is_some());
    brought.filter_map(|name| cookie::remove(name, scope)).collect()
}

/// Whether the choice grants what the source collects for; `None` where it is silent about it.
fn permits(chosen: &Chosen) -> Option<bool> {
    let rules = chosen.owner.tenant.gate.rules();
    let collecting = rules.categories.key(chosen.owner.source().category.as_str());
    if collecting.is_empty() || chosen.choice.refused.intersects(collecting) {
        return Some(false);
    }
    chosen.choice.granted.contains(collecting).then_some(true)
}

fn http_only(cookie: &HeaderValue) -> Option<HeaderValue> {
    HeaderValue::from_str(&format!("{}; HttpOnly", cookie.to_str().ok()?)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seal_is_of_one_alias_in_one_workspace() {
        let (ours, theirs) = (Fingerprints::new(&[7; 32]), Fingerprints::new(&[8; 32]));
        let seal = serde_json::to_vec(&Seal { alias: "x-1".to_owned(), since_ms: 42 }).expect("JSON");
        let token = URL_SAFE_NO_PAD.encode(ours.seal(PURPOSE, &seal).expect("random bytes"));
        let all = ["AAAA".to_owned(), token.clone()];
        assert_eq!(since(&all, "x-1", &ours), Some(Millis(42)), "what a page put in front is passed over");
        assert_eq!((since(&all, "x-2", &ours), since(&all, "x-1", &theirs)), (None, None));
        for odd in ["", "AAAA", "!", &token[1..]] {
            assert_eq!(since(&[odd.to_owned()], "x-1", &ours), None, "{odd}");
        }
    }
}
