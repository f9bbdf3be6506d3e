//! Vendors: who gets something in the page, and the catalogue of those that are known, as data (`vendors.json`, versioned
//! and dated).
//!
//! A workspace that names a vendor of the catalogue by its id gets the rest from there: company, role, purpose, domains,
//! cookies with their lifetimes, privacy policy, ways to opt out. What it writes itself goes over that. The catalogue says
//! what a vendor usually is; what it is to this site, its contract says, so `role` and `purpose` can be written over.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use crate::{Category, Purpose, Said, StoredKey};

/// Somebody who gets something in the page.
///
/// Serialised it is what a page gets and what choices are recorded under: who, under which category, with which policy. The
/// rest is for the notice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "VendorEntry")]
pub struct Vendor {
    /// As choices name it.
    pub id: String,
    /// For people.
    pub name: String,
    /// What must be granted for it.
    pub category: Category,
    /// Its privacy policy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// Its number on the IAB's vendor list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tcf: Option<u16>,
    /// What else is known about it.
    #[serde(skip_serializing)]
    pub about: VendorAbout,
}

/// What a notice says about a vendor.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct VendorAbout {
    /// Who runs it.
    pub company: Option<String>,
    /// What it is to the site.
    pub role: VendorRole,
    /// What it is used for, in the law's sense. Absent for a vendor of the workspace's own that does not say.
    pub purpose: Option<Purpose>,
    /// What for, as one of the uses that Assent has words for in every language.
    pub used_for: Option<String>,
    /// What for, in the workspace's own words.
    pub what_for: Option<Said>,
    /// Where it loads from and sends to, with all below them.
    pub domains: Vec<String>,
    /// What it leaves in the browser.
    pub cookies: Vec<StoredKey>,
    /// How to opt out with it or with its trade.
    pub opt_out: OptOut,
}

/// What a vendor is to the site.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VendorRole {
    /// Acts for the site, on its instructions.
    Agent,
    /// Uses what it gets for purposes of its own too. What holds until somebody says otherwise.
    #[default]
    ThirdParty,
    /// Loads others and is no recipient itself: a tag manager.
    Conduit,
}

impl VendorRole {
    /// Its name, as files have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::ThirdParty => "third_party",
            Self::Conduit => "conduit",
        }
    }
}

/// Ways to opt out beside the choices of the site.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OptOut {
    /// The vendor's own page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<String>,
    /// Pages of the advertising trade that it takes part in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<OptOutTool>,
}

/// An opt-out page of the advertising trade.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OptOutTool {
    /// Network Advertising Initiative.
    Nai,
    /// Digital Advertising Alliance.
    Daa,
    /// European Interactive Digital Advertising Alliance.
    YourOnlineChoices,
}

impl OptOutTool {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::YourOnlineChoices, Self::Nai, Self::Daa];

    /// Its name, which is the same in every language.
    pub fn title(self) -> &'static str {
        match self {
            Self::Nai => "Network Advertising Initiative (NAI)",
            Self::Daa => "Digital Advertising Alliance (DAA)",
            Self::YourOnlineChoices => "Your Online Choices",
        }
    }

    /// Its page.
    pub fn page(self) -> &'static str {
        let tools = &Catalogue::get().tools;
        match self {
            Self::Nai => &tools.nai,
            Self::Daa => &tools.daa,
            Self::YourOnlineChoices => &tools.youronlinechoices,
        }
    }
}

/// A vendor as it is written, in the catalogue and in a workspace. In a workspace everything but `id` may be left to the
/// catalogue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VendorEntry {
    /// As choices name it.
    pub id: String,
    /// For people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Who runs it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub company: Option<String>,
    /// What must be granted for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<Category>,
    /// What it is to the site.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<VendorRole>,
    /// What it is used for, in the law's sense.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub purpose: Option<Purpose>,
    /// What for, as one of the uses that Assent has words for.
    #[serde(rename = "use", skip_serializing_if = "Option::is_none")]
    pub used_for: Option<String>,
    /// What for, in the workspace's own words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub what_for: Option<Said>,
    /// Where it loads from and sends to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domains: Option<Vec<String>>,
    /// What it leaves in the browser.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cookies: Option<Vec<StoredKey>>,
    /// Its privacy policy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// How to opt out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub opt_out: Option<OptOut>,
    /// Its number on the IAB's vendor list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tcf: Option<u16>,
}

impl VendorEntry {
    /// This, with the rest from what is known.
    fn over(self, known: Option<&Self>) -> Self {
        let Some(known) = known.cloned() else { return self };
        // Words of the workspace's own replace the catalogue's use; a use that it names replaces nothing else.
        let used_for = self.used_for.or(if self.what_for.is_some() { None } else { known.used_for });
        Self {
            id: self.id,
            name: self.name.or(known.name),
            company: self.company.or(known.company),
            category: self.category.or(known.category),
            role: self.role.or(known.role),
            purpose: self.purpose.or(known.purpose),
            used_for,
            what_for: self.what_for,
            domains: self.domains.or(known.domains),
            cookies: self.cookies.or(known.cookies),
            policy: self.policy.or(known.policy),
            opt_out: self.opt_out.or(known.opt_out),
            tcf: self.tcf.or(known.tcf),
        }
    }
}

impl TryFrom<VendorEntry> for Vendor {
    type Error = UnknownVendor;

    fn try_from(entry: VendorEntry) -> Result<Self, UnknownVendor> {
        let known = Catalogue::get().vendor(&entry.id);
        let VendorEntry {
            id,
            name,
            company,
            category,
            role,
            purpose,
            used_for,
            what_for,
            domains,
            cookies,
            policy,
            opt_out,
            tcf,
        } = entry.over(known);
        let (Some(name), Some(category)) = (name, category) else { return Err(UnknownVendor::of(&id)) };
        let about = VendorAbout {
            company,
            role: role.unwrap_or_default(),
            purpose,
            used_for,
            what_for,
            domains: domains.unwrap_or_default(),
            cookies: cookies.unwrap_or_default(),
            opt_out: opt_out.unwrap_or_default(),
        };
        Ok(Self { id, name, category, policy, tcf, about })
    }
}

/// A vendor that neither the catalogue nor the workspace describes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "vendor `{id}` is not in the catalogue of vendors; did you mean `{near}`? One of your own needs a `name` and a `category`"
)]
pub struct UnknownVendor {
    id: String,
    near: String,
}

impl UnknownVendor {
    fn of(id: &str) -> Self {
        let all = Catalogue::get().vendors.iter().map(|vendor| vendor.id.as_str());
        let near = all.max_by(|a, b| strsim::jaro_winkler(a, id).total_cmp(&strsim::jaro_winkler(b, id)));
        Self { id: id.to_owned(), near: near.unwrap_or_default().to_owned() }
    }
}

/// The catalogue.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Catalogue {
    /// Counts up with every change.
    pub version: u32,
    /// The day as of which it was written, as `2026-11-22`.
    pub as_of: String,
    /// Where it comes from.
    pub sources: Vec<String>,
    tools: Tools,
    /// The vendors, in the order in which lists show them.
    pub vendors: Vec<VendorEntry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tools {
    nai: String,
    daa: String,
    youronlinechoices: String,
}

static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../vendors.json")).expect("a test reads the catalogue that is compiled in")
});

impl Catalogue {
    /// The one that is compiled in.
    pub fn get() -> &'static Self {
        &CATALOGUE
    }

    /// The vendor of this id.
    pub fn vendor(&self, id: &str) -> Option<&VendorEntry> {
        self.vendors.iter().find(|vendor| vendor.id == id)
    }

    /// The vendors that a host belongs to, as that of a script; several share some of theirs.
    pub fn of_host<'c>(&'c self, host: &str) -> impl Iterator<Item = &'c VendorEntry> {
        let host = host.to_ascii_lowercase();
        let owns = move |vendor: &&VendorEntry| vendor.domains.iter().flatten().any(|domain| is_within(&host, domain));
        self.vendors.iter().filter(owns)
    }
}

/// Whether a host is a domain or lies below it.
pub(crate) fn is_within(host: &str, domain: &str) -> bool {
    host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vendor(json: &str) -> Result<Vendor, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    #[test]
    fn the_catalogue_reads_and_every_vendor_is_whole() {
        let all = &Catalogue::get().vendors;
        // The notice's nine of performance and fifteen of targeting, and the four of the mission beside them.
        assert_eq!(all.len(), 24 + 4);
        for entry in all {
            let vendor = Vendor::try_from(entry.clone()).expect("it has name and category");
            let about = vendor.about;
            let links = [vendor.policy.as_ref(), about.opt_out.page.as_ref()];
            assert!(links.into_iter().flatten().all(|link| link.starts_with("https://")), "{}", entry.id);
            assert!(vendor.policy.is_some() && about.company.is_some() && about.purpose.is_some(), "{}", entry.id);
            assert!(about.used_for.is_some() && !about.domains.is_empty(), "{}", entry.id);
            assert!(about.cookies.iter().all(|cookie| cookie.used_for.is_some()), "{}", entry.id);
        }
        let ids: std::collections::HashSet<_> = all.iter().map(|vendor| &vendor.id).collect();
        assert_eq!(ids.len(), all.len(), "every id once");
    }

    #[test]
    fn an_id_of_the_catalogue_is_enough_and_what_is_written_goes_over_it() {
        let known = vendor(r#"{"id":"google-analytics"}"#).expect("of the catalogue");
        assert_eq!((known.name.as_str(), known.category.as_str()), ("Google Analytics", "performance"));
        assert!(known.about.cookies.iter().any(|cookie| cookie.name == "_ga"));
        let own = vendor(r#"{"id":"google-analytics","category":"stats","cookies":[],"what_for":"Counts."}"#);
        let own = own.expect("of the catalogue");
        assert_eq!((own.name.as_str(), own.category.as_str()), ("Google Analytics", "stats"));
        assert_eq!((own.about.cookies.len(), own.about.used_for), (0, None));
    }

    #[test]
    fn an_id_that_nobody_knows_needs_a_name_and_is_told_the_nearest() {
        let said = vendor(r#"{"id":"gogle-analytics"}"#).expect_err("unknown");
        assert!(said.contains("`gogle-analytics`") && said.contains("did you mean `google-analytics`?"), "{said}");
        assert!(vendor(r#"{"id":"ours","name":"Ours"}"#).is_err(), "it has no category");
        let ours = vendor(r#"{"id":"ours","name":"Ours","category":"performance"}"#).expect("described");
        assert_eq!(ours.about.role, VendorRole::ThirdParty, "who does not say is none of ours");
    }

    #[test]
    fn a_page_gets_of_a_vendor_what_it_needs() {
        let known = vendor(r#"{"id":"heap"}"#).expect("of the catalogue");
        let shown = serde_json::to_string(&known).expect("JSON");
        assert_eq!(
            shown,
            r#"{"id":"heap","name":"Heap Analytics","category":"performance","policy":"https://www.heap.io/privacy"}"#
        );
    }

    #[test]
    fn a_host_leads_to_its_vendors() {
        let of = |host: &str| Catalogue::get().of_host(host).map(|vendor| vendor.id.as_str()).collect::<Vec<_>>();
        assert_eq!(of("cdn.heapanalytics.com"), ["heap"]);
        assert_eq!(of("WWW.GOOGLETAGMANAGER.COM"), ["google-analytics", "google-tag-manager"]);
        assert!(of("notheapanalytics.com").is_empty() && of("example.com").is_empty());
    }
}
