//! What a notice may not be: in a language that nobody has read, without somebody to write to, or about destinations that do
//! not exist.

use super::vendor::{said, stored};
use super::{NAME_CHARS_MAX, TEXT_CHARS_MAX, URL_BYTES_MAX, is_language, is_link, refuse};
use crate::validate::Invalid;
use crate::words::{FIRST_LANGUAGE, notice_places};
use crate::{NoticeRules, Party, Words, Workspace};

/// Each is a line of the notice.
const ENTRIES_MAX: usize = 100;
/// A postal address has lines.
const ADDRESS_CHARS_MAX: usize = 500;
const EMAIL_BYTES_MAX: usize = 254;

/// Checks what a workspace says about itself.
pub(super) fn notice(workspace: &Workspace, notice: &NoticeRules) -> Result<(), Invalid> {
    if notice.languages.is_empty() {
        return refuse("`notice.languages` is empty: publish at least one, or leave the notice out".to_owned());
    }
    notice.languages.iter().try_for_each(|(code, over)| language(notice, code, over))?;
    name("notice.site", &notice.site)?;
    if notice.url.as_ref().is_some_and(|url| !is_link(url)) {
        return refuse(format!("`notice.url` is an `https://` address of at most {URL_BYTES_MAX} bytes"));
    }
    parties(notice)?;
    let cookies = &notice.cookies;
    if cookies.len() > ENTRIES_MAX
        || notice.retention.len() > ENTRIES_MAX
        || notice.storage_locations.len() > ENTRIES_MAX
    {
        return refuse(format!("the notice has more than {ENTRIES_MAX} cookies, periods or places"));
    }
    for cookie in cookies {
        stored(workspace, "the notice", cookie)?;
        if cookie.category.is_none() {
            return refuse(format!("cookie `{}` of the notice needs a `category`", cookie.name));
        }
    }
    notice.storage_locations.iter().try_for_each(|place| name("notice.storage_locations", place))?;
    notice
        .said()
        .into_iter()
        .try_for_each(|(place, words)| said(workspace, &format!("`notice.{place}`"), Some(words)))?;
    recipients(workspace, notice)
}

fn language(notice: &NoticeRules, code: &str, over: &Words) -> Result<(), Invalid> {
    is_language(code)?;
    let places: Vec<&str> = notice_places().collect();
    if let Some(place) = over.at.keys().find(|place| !places.contains(&place.as_str())) {
        let near = places.iter().max_by(|a, b| strsim::jaro(a, place).total_cmp(&strsim::jaro(b, place)));
        let hint = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
        return refuse(format!("notice language `{code}` has words at `{place}`, which is no place{hint}"));
    }
    let words = notice.words(code).unwrap_or_default();
    if code != FIRST_LANGUAGE && words.reviewed.as_deref().is_none_or(|who| who.trim().is_empty()) {
        return refuse(format!(
            "notice language `{code}` is a draft and cannot be published: let somebody who speaks it read every sentence of \
             the notice, then name them, as `reviewed: \"Jane Roe, 2026-11-20\"`"
        ));
    }
    if let Some(place) = places.iter().find(|place| words.said(place).trim().is_empty()) {
        return refuse(format!("notice language `{code}` has no words at `{place}`"));
    }
    match words.at.iter().find(|(_, said)| said.chars().count() > TEXT_CHARS_MAX) {
        Some((place, _)) => {
            refuse(format!("notice language `{code}` has more than {TEXT_CHARS_MAX} characters at `{place}`"))
        }
        None => Ok(()),
    }
}

/// Somebody answers for it, and can be reached.
fn parties(notice: &NoticeRules) -> Result<(), Invalid> {
    party("notice.controller", &notice.controller)?;
    notice.representative.as_ref().map_or(Ok(()), |its| party("notice.representative", its))?;
    if let Some(dpo) = &notice.dpo {
        email("notice.dpo", &dpo.email)?;
        dpo.name.as_ref().map_or(Ok(()), |its| name("notice.dpo.name", its))?;
    }
    let Some(authority) = &notice.authority else { return Ok(()) };
    name("notice.authority.name", &authority.name)?;
    match &authority.url {
        Some(url) if !is_link(url) => refuse("`notice.authority.url` is an `https://` address".to_owned()),
        _ => Ok(()),
    }
}

fn party(place: &str, party: &Party) -> Result<(), Invalid> {
    name(&format!("{place}.name"), &party.name)?;
    email(place, &party.email)?;
    if party.address.trim().is_empty() || party.address.chars().count() > ADDRESS_CHARS_MAX {
        return refuse(format!("`{place}.address` is a postal address of 1 to {ADDRESS_CHARS_MAX} characters"));
    }
    party.phone.as_ref().map_or(Ok(()), |phone| name(&format!("{place}.phone"), phone))
}

/// Not whether it is an address that mail reaches: only that a letter of it is not missing.
fn email(place: &str, email: &str) -> Result<(), Invalid> {
    let is_one = email.split_once('@').is_some_and(|(user, host)| !user.is_empty() && host.contains('.'));
    if is_one && email.len() <= EMAIL_BYTES_MAX && !email.chars().any(|c| c.is_whitespace() || "<>\"".contains(c)) {
        return Ok(());
    }
    refuse(format!("`{place}.email` is not an e-mail address: write it as `privacy@company.example`"))
}

fn name(place: &str, name: &str) -> Result<(), Invalid> {
    if name.trim().is_empty() || name.chars().count() > NAME_CHARS_MAX {
        return refuse(format!("`{place}` has 1 to {NAME_CHARS_MAX} characters"));
    }
    Ok(())
}

fn recipients(workspace: &Workspace, notice: &NoticeRules) -> Result<(), Invalid> {
    for (destination, recipient) in &notice.recipients {
        if !workspace.destinations.iter().any(|known| known.name == *destination) {
            return refuse(format!("`notice.recipients` names destination `{destination}`, which does not exist"));
        }
        name(&format!("notice.recipients.{destination}.name"), &recipient.name)?;
        if let Some(country) = &recipient.country {
            name(&format!("notice.recipients.{destination}.country"), country)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    const PARTY: &str = "{ name: Shop Ltd, address: '1 Road, Town', email: privacy@shop.example }";

    fn check(more: &str, expected: &str) {
        let yaml = format!(
            "workspace: acme\nsources: [{{ name: web, kind: browser }}]\ndestinations: [{{ name: crm, kind: webhook, sources: \
             [web], purpose: service }}]\nconsent:\n  notice: {{ site: Shop, controller: {PARTY}{more} }}\n"
        );
        let said = crate::parse(&yaml, &|_| None).map_or_else(|error| error.to_string(), |_| "published".to_owned());
        assert!(said.contains(expected), "{more}: {said}");
    }

    #[test]
    fn a_notice_names_somebody_who_can_be_reached() {
        check("", "published");
        check(&format!(", representative: {PARTY}, dpo: {{ email: dpo@shop.example }}"), "published");
        check(", dpo: { email: dpo }", "`notice.dpo.email` is not an e-mail address");
        check(", representative: { name: ' ', address: a, email: a@b.example }", "`notice.representative.name`");
        check(", authority: { name: DPA, url: 'http://dpa.example' }", "`notice.authority.url`");
        check(", url: 'javascript:alert(1)'", "`notice.url`");
        check(", contact: x", "unknown field `contact`");
    }

    #[test]
    fn a_language_that_nobody_has_read_is_not_published() {
        check(", languages: { nl: {} }", "`nl` is a draft");
        check(", languages: { nl: { reviewed: R } }", "has no words at");
        check(", languages: {}", "publish at least one");
        check(", languages: { en: { titel: T } }", "did you mean `title`?");
        check(", languages: { en: { title: Cookies } }", "published");
    }

    #[test]
    fn own_words_stand_in_every_language_that_is_published() {
        check(", accounts: the console", "published");
        check(", accounts: { en: the console }", "published");
        check(", accounts: { de: die Konsole }", "has no words in `en`");
        check(", accounts: ''", "has 1 to");
        check(
            ", retention: [{ what: Events, lasts: 400d }, { what: { de: Rest }, lasts: 1y }]",
            "`notice.retention[1].what`",
        );
    }

    #[test]
    fn what_is_declared_exists() {
        check(", recipients: { crm: { name: CRM Ltd, country: Germany } }", "published");
        check(", recipients: { cmr: { name: CRM Ltd } }", "destination `cmr`, which does not exist");
        check(", cookies: [{ name: sid, lasts: session, use: login, category: required }]", "published");
        check(", cookies: [{ name: sid, lasts: session, use: login }]", "needs a `category`");
        check(", ip_addresses: { uses: [regions] }", "unknown variant `regions`");
    }
}
