//! What a vendor may not be: nameless, or under `required` when what it does can be refused. Under which name it hides does
//! not matter: the catalogue knows it by its id, its name and its domains.

use super::{NAME_CHARS_MAX, URL_BYTES_MAX, is_link, refuse};
use crate::validate::Invalid;
use crate::vendor::is_within;
use crate::words::notice_places;
use crate::{Catalogue, Said, StoredKey, Vendor, VendorEntry, VendorRole, Workspace};

/// Each is a line of the notice.
const COOKIES_MAX: usize = 100;
const DOMAINS_MAX: usize = 100;
const SAID_CHARS_MAX: usize = 1_000;

/// Checks one vendor. Its id and category were checked before.
pub(super) fn vendor(workspace: &Workspace, vendor: &Vendor) -> Result<(), Invalid> {
    let (id, about) = (&vendor.id, &vendor.about);
    if vendor.name.trim().is_empty() || vendor.name.chars().count() > NAME_CHARS_MAX {
        return refuse(format!("vendor `{id}`: its name has 1 to {NAME_CHARS_MAX} characters"));
    }
    let links = [("policy", &vendor.policy), ("opt_out.page", &about.opt_out.page)];
    if let Some((what, _)) = links.into_iter().find(|(_, link)| link.as_deref().is_some_and(|link| !is_link(link))) {
        return refuse(format!("vendor `{id}`: its {what} is an `https://` address of at most {URL_BYTES_MAX} bytes"));
    }
    if about.domains.len() > DOMAINS_MAX || about.cookies.len() > COOKIES_MAX {
        return refuse(format!("vendor `{id}` has more than {DOMAINS_MAX} domains or {COOKIES_MAX} cookies"));
    }
    if let Some(domain) = about.domains.iter().find(|domain| !is_domain(domain)) {
        return refuse(format!("vendor `{id}`: `{domain}` is not a domain; write it as `vendor.example`"));
    }
    used_for(&format!("vendor `{id}`"), "use.", about.used_for.as_deref())?;
    said(workspace, &format!("vendor `{id}`: `what_for`"), about.what_for.as_ref())?;
    about.cookies.iter().try_for_each(|cookie| stored(workspace, &format!("vendor `{id}`"), cookie))?;
    if vendor.category.is_required() { required(vendor) } else { Ok(()) }
}

/// A vendor that nobody can refuse.
fn required(vendor: &Vendor) -> Result<(), Invalid> {
    let (who, about) = (format!("vendor `{}`", vendor.id), &vendor.about);
    if about.role == VendorRole::Conduit {
        return refuse(format!(
            "{who} is a container that loads others: under `required` nobody could refuse what it brings; use another category"
        ));
    }
    match &about.purpose {
        None => refuse(format!(
            "{who} is under `required`, which nobody can refuse: say what it is for, as `purpose: service` or `purpose: \
             security`"
        )),
        Some(purpose) if !purpose.may_be_required() => refuse(format!(
            "{who} is under `required` for purpose `{purpose}`: nobody can refuse `required`, so it may not be used for \
             analytics, advertising, sale or sharing"
        )),
        Some(_) => not_required(&who, &known_as(vendor)),
    }
}

/// The vendors of the catalogue that a vendor of the workspace looks like: by name, or by a domain.
fn known_as(vendor: &Vendor) -> Vec<&'static VendorEntry> {
    let name = vendor.name.trim().to_lowercase();
    let is_named = |known: &VendorEntry| known.name.as_ref().is_some_and(|known| known.to_lowercase() == name);
    let own = |domain: &String| vendor.about.domains.iter().any(|own| is_within(own, domain));
    let all = Catalogue::get().vendors.iter();
    all.filter(|known| known.id != vendor.id)
        .filter(|known| is_named(known) || known.domains.iter().flatten().any(own))
        .collect()
}

/// The vendors that an address leads to.
pub(super) fn by_address(src: &str) -> Vec<&'static VendorEntry> {
    let host = src.strip_prefix("https://").and_then(|rest| rest.split(['/', '?', '#', ':']).next());
    host.into_iter().flat_map(|host| Catalogue::get().of_host(host)).collect()
}

/// What is known about somebody under `required` forbids it when every vendor that it may be is one that can be refused:
/// several share a domain, and one of them may be harmless.
pub(super) fn not_required(who: &str, known: &[&VendorEntry]) -> Result<(), Invalid> {
    let may_be = |entry: &&VendorEntry| {
        entry.role != Some(VendorRole::Conduit) && entry.purpose.as_ref().is_some_and(crate::Purpose::may_be_required)
    };
    let Some(first) = known.first().filter(|_| !known.iter().any(may_be)) else { return Ok(()) };
    let name = first.name.as_deref().unwrap_or(&first.id);
    refuse(format!(
        "{who} is under `required` and is `{name}`, which the catalogue of vendors knows: nobody can refuse `required`, so it \
         may hold no analytics, no advertising and no tag manager"
    ))
}

/// Checks a cookie or storage key.
pub(super) fn stored(workspace: &Workspace, whose: &str, key: &StoredKey) -> Result<(), Invalid> {
    let name = &key.name;
    if name.trim().is_empty() || name.chars().count() > NAME_CHARS_MAX || name.chars().any(char::is_control) {
        return refuse(format!("{whose}: the name of a cookie has 1 to {NAME_CHARS_MAX} characters"));
    }
    if let Some(host) = key.host.as_ref().filter(|host| !is_domain(host)) {
        return refuse(format!("{whose}: cookie `{name}` is of `{host}`, which is not a domain"));
    }
    let known = |category: &&crate::Category| workspace.consent.categories.iter().any(|rule| rule.name == **category);
    if let Some(category) = key.category.as_ref().filter(|category| !known(category)) {
        return refuse(format!("{whose}: cookie `{name}` is of category `{category}`, which does not exist"));
    }
    if key.used_for.is_none() && key.what_for.is_none() {
        return refuse(format!("{whose}: cookie `{name}` does not say what for: give it `use` or `what_for`"));
    }
    used_for(&format!("{whose}: cookie `{name}`"), "for.", key.used_for.as_deref())?;
    said(workspace, &format!("{whose}: cookie `{name}`"), key.what_for.as_ref())
}

/// A use must be one that every language has words for.
fn used_for(who: &str, prefix: &str, used_for: Option<&str>) -> Result<(), Invalid> {
    let Some(used_for) = used_for else { return Ok(()) };
    let uses: Vec<&str> = notice_places().filter_map(|place| place.strip_prefix(prefix)).collect();
    if uses.contains(&used_for) {
        return Ok(());
    }
    let near = uses.iter().max_by(|a, b| strsim::jaro(a, used_for).total_cmp(&strsim::jaro(b, used_for)));
    let hint = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
    refuse(format!("{who} has the use `{used_for}`, which has no words{hint} Own words go under `what_for`"))
}

/// Words of the workspace's own stand in every language that its notice is published in.
pub(super) fn said(workspace: &Workspace, place: &str, said: Option<&Said>) -> Result<(), Invalid> {
    let Some(said) = said else { return Ok(()) };
    let texts = said.texts();
    if texts.is_empty() || texts.iter().any(|(_, text)| text.trim().is_empty() || text.chars().count() > SAID_CHARS_MAX)
    {
        return refuse(format!("{place} has 1 to {SAID_CHARS_MAX} characters in each language"));
    }
    let Some(notice) = &workspace.consent.notice else { return Ok(()) };
    match said {
        Said::Same(_) if notice.languages.len() > 1 => refuse(format!(
            "{place} is one text, and the notice is published in {} languages: write it for each, as `{{ en: …, de: … }}`",
            notice.languages.len()
        )),
        Said::Same(_) => Ok(()),
        Said::By(texts) => match notice.languages.keys().find(|code| !texts.contains_key(*code)) {
            Some(code) => refuse(format!("{place} has no words in `{code}`, in which the notice is published")),
            None => Ok(()),
        },
    }
}

fn is_domain(text: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
    };
    text.len() <= 253 && text.contains('.') && text.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use super::super::tests::check;

    fn vendor(written: &str) -> String {
        format!("{{ vendors: [{{ {written} }}] }}")
    }

    #[test]
    fn a_vendor_of_the_catalogue_needs_its_id_alone() {
        check(&vendor("id: google-analytics"), "published");
        check(&vendor("id: trustarc"), "published");
        check(&vendor("id: gogle-analytics"), "did you mean `google-analytics`?");
        check(&vendor("id: crazy-egg, category: nothing"), "which does not exist");
    }

    #[test]
    fn what_can_be_refused_does_not_hide_under_required() {
        check(&vendor("id: doubleclick, category: required"), "for purpose `advertising`");
        check(&vendor("id: google-tag-manager, category: required"), "is a container that loads others");
        check(&vendor("id: ads, name: Ads, category: required"), "say what it is for");
        check(&vendor("id: ads, name: DoubleClick, category: required, purpose: service"), "is `DoubleClick`");
        check(
            &vendor("id: ads, name: Ads, category: required, purpose: service, domains: [px.adnxs.com]"),
            "is `AppNexus`",
        );
        check(&vendor("id: chat, name: Chat, category: required, purpose: service"), "published");
        check(&vendor("id: sift-science, category: required"), "published");
        check(
            "{ tags: [{ id: t, kind: script, src: 'https://static.ads-twitter.com/uwt.js', categories: [required], \
               purpose: service }] }",
            "is `Twitter Analytics`",
        );
    }

    #[test]
    fn cookies_say_how_long_and_what_for() {
        let cookie =
            |written: &str| vendor(&format!("id: v, name: V, category: performance, cookies: [{{ {written} }}]"));
        check(&cookie("name: _v, lasts: 90d, use: visitor"), "published");
        check(&cookie("name: _v, lasts: 90d, what_for: Counts."), "published");
        check(&cookie("name: _v, lasts: 90d"), "does not say what for");
        check(&cookie("name: _v, lasts: 90d, use: visiter"), "did you mean `visitor`?");
        check(&cookie("name: _v, lasts: 90, use: visitor"), "expected a string");
        check(&cookie("name: _v, lasts: ninety, use: visitor"), "`ninety` is not a lifetime");
        check(&cookie("name: _v, lasts: 90d, use: visitor, host: 'a b'"), "is not a domain");
        check(&cookie("name: ' ', lasts: 90d, use: visitor"), "the name of a cookie");
    }
}
