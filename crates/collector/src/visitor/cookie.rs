//! The choice as the visitor's browser keeps it, set by the server: a cookie that a script wrote lives seven days in Safari,
//! one that came with an answer as long as it says. The SDK reads and writes the same text (`web/sdk/src/choice.ts`), so
//! whichever wrote last, the other understands it. It holds what was chosen and no identifier.
//!
//! ```text
//! 1~<version of the words>~<time, base 36>~<granted>~<refused>~<refused vendors>~<method>.<layer>~<told>
//! ```

use event::Millis;
use http::header::{COOKIE, HOST, HeaderName, HeaderValue, ORIGIN};
use http::uri::{Authority, Uri};
use http::{HeaderMap, request::Parts};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use workspace::{Banner, Before, Model, Regime};

use crate::choice::Chosen;

/// Its name, and where the SDK looks for it.
pub(crate) const NAME: &str = "assent_choice";
const FORMAT: &str = "1";
/// What browsers keep of one cookie, less its name and its attributes. A choice is a tenth of it, unless somebody refused
/// a hundred vendors one by one.
const BYTES_MAX: usize = 3_700;
/// Browsers keep no cookie longer.
const DAYS_MAX: i64 = 400;
const DAY_MS: i64 = 86_400_000;
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// What JavaScript's `encodeURIComponent` leaves as it is.
const COMPONENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'!')
    .remove(b'~')
    .remove(b'*')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')');
/// The same without the two characters that separate.
const ITEM: &AsciiSet = &COMPONENT.add(b'.').add(b'~');

/// Where a cookie goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scope {
    /// `None`: this host alone.
    pub(crate) domain: Option<String>,
    pub(crate) is_https: bool,
}

/// Whether the page that asks is of this host's own site, as its browser says; one that says nothing is taken at its
/// origin's word by [`Scope::stated`].
pub(crate) fn is_foreign(headers: &HeaderMap) -> bool {
    headers.get(SEC_FETCH_SITE).is_some_and(|site| site == "cross-site")
}

impl Scope {
    /// The scope that a page of this site asks for: the domain on which its own cookie holds, empty for its own host.
    /// `None` when page or collector lie outside of it; the browser refuses what is a public suffix.
    pub(crate) fn stated(head: &Parts, domain: Option<&str>, is_https: bool) -> Option<Self> {
        let domain = domain?;
        let page = host_of_origin(&head.headers)?;
        let here = host(head)?;
        if is_foreign(&head.headers) {
            return None;
        }
        if domain.is_empty() {
            return (page == here).then_some(Self { domain: None, is_https });
        }
        (is_domain(domain) && covers(domain, &page) && covers(domain, &here))
            .then(|| Self { domain: Some(domain.to_owned()), is_https })
    }

    /// The scope of a page that this host serves itself.
    pub(crate) fn own(head: &Parts, banner: &Banner, is_https: bool) -> Self {
        let here = host(head).unwrap_or_default();
        let domain = banner.cookie_domain.as_deref().map(|domain| domain.trim_start_matches('.'));
        let domain = domain.filter(|domain| is_domain(domain) && covers(domain, &here)).map(str::to_owned);
        Self { domain, is_https }
    }
}

/// The host that a request names, without port.
pub(crate) fn host(head: &Parts) -> Option<String> {
    let named = head.headers.get(HOST).and_then(|value| Authority::try_from(value.as_bytes()).ok());
    let authority = named.or_else(|| head.uri.authority().cloned())?;
    Some(authority.host().to_ascii_lowercase())
}

fn host_of_origin(headers: &HeaderMap) -> Option<String> {
    let origin: Uri = headers.get(ORIGIN)?.to_str().ok()?.parse().ok()?;
    origin.host().map(str::to_ascii_lowercase)
}

fn covers(domain: &str, host: &str) -> bool {
    host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

fn is_domain(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'-');
    text.len() < 254 && text.contains('.') && !text.starts_with('.') && text.bytes().all(is_plain)
}

/// The header that keeps a choice in the browser. One that is too long to be kept takes the choice before it away: an
/// older grant must not outlive the refusal that replaced it, and who has no choice is asked again.
pub(crate) fn set(chosen: &Chosen, scope: &Scope, now: Millis) -> Option<HeaderValue> {
    let value = utf8_percent_encode(&kept(chosen).to_text(true), COMPONENT).to_string();
    if value.len() > BYTES_MAX {
        return remove(NAME, scope);
    }
    let seconds = days(chosen, now).saturating_mul(86_400);
    header(NAME, &value, seconds, scope)
}

/// Takes a cookie away.
pub(crate) fn remove(name: &str, scope: &Scope) -> Option<HeaderValue> {
    header(name, "", 0, scope)
}

/// Not `HttpOnly`: the SDK reads it.
pub(crate) fn header(name: &str, value: &str, seconds: i64, scope: &Scope) -> Option<HeaderValue> {
    let domain = scope.domain.as_ref().map(|domain| format!("; Domain={domain}")).unwrap_or_default();
    let secure = if scope.is_https { "; Secure" } else { "" };
    HeaderValue::from_str(&format!("{name}={value}; Path=/; Max-Age={seconds}; SameSite=Lax{domain}{secure}")).ok()
}

fn kept(chosen: &Chosen) -> Kept {
    let rules = chosen.owner.tenant.gate.rules();
    let rules = &rules.categories;
    let names = |set| rules.names(set).into_iter().map(str::to_owned).collect();
    let presented = &chosen.presented;
    let (method, layer) = (presented.method.as_deref().unwrap_or("api"), presented.layer.as_deref().unwrap_or("page"));
    Kept {
        at: Millis(chosen.stated_at.0.max(0)),
        version: presented.version.unwrap_or(chosen.owner.tenant.workspace.consent.banner.version),
        granted: names(chosen.choice.granted.without(rules.required())),
        refused: names(chosen.choice.refused),
        refused_vendors: presented.refused_vendors.clone(),
        how: format!("{method}.{layer}"),
    }
}

fn list<'i>(items: impl Iterator<Item = &'i str>) -> String {
    items.map(|item| utf8_percent_encode(item, ITEM).to_string()).collect::<Vec<_>>().join(".")
}

/// As the SDK has it: a choice holds as long as its regime says, and what is on unless it is refused, or sent all the same
/// (`always-load`), is remembered as long as a browser remembers anything.
fn days(chosen: &Chosen, now: Millis) -> i64 {
    let row = chosen.regime.row();
    let rules = chosen.owner.tenant.gate.rules();
    let on: Vec<&str> = rules.categories.names(rules.categories.optional());
    let goes_unasked = chosen.owner.site().banner().before(chosen.regime) == Before::AlwaysLoad;
    let is_on = |name: &&str| goes_unasked || chosen.regime.model(name) != Model::OptIn;
    let on: Vec<&str> = on.into_iter().filter(is_on).collect();
    let refused = rules.categories.names(chosen.choice.refused);
    let lasts =
        on.iter().any(|name| refused.contains(name)) || !(on.is_empty() || chosen.presented.refused_vendors.is_empty());
    if lasts {
        return DAYS_MAX;
    }
    let age_days = now.0.saturating_sub(chosen.made_at.0).max(0) / DAY_MS;
    (i64::from(row.lifetime_days) - age_days).clamp(0, DAYS_MAX)
}

fn base36(mut number: u64) -> String {
    let mut digits = Vec::new();
    loop {
        let digit = u32::try_from(number % 36).ok().and_then(|digit| char::from_digit(digit, 36));
        digits.push(digit.expect("a remainder of 36 is a digit"));
        number /= 36;
        if number == 0 {
            return digits.into_iter().rev().collect();
        }
    }
}

/// A choice that a browser brings back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kept {
    /// When it was made, by the clock of the page or of this server.
    pub(crate) at: Millis,
    pub(crate) version: u32,
    pub(crate) granted: Vec<String>,
    pub(crate) refused: Vec<String>,
    pub(crate) refused_vendors: Vec<String>,
    /// `<method>.<layer>`.
    pub(crate) how: String,
}

impl Kept {
    /// As it is kept. `is_told`: whether this server has it.
    pub(crate) fn to_text(&self, is_told: bool) -> String {
        let names = |names: &[String]| list(names.iter().map(String::as_str));
        [
            FORMAT.to_owned(),
            self.version.to_string(),
            base36(self.at.0.unsigned_abs()),
            names(&self.granted),
            names(&self.refused),
            names(&self.refused_vendors),
            self.how.clone(),
            u8::from(is_told).to_string(),
        ]
        .join("~")
    }

    /// The newest that is among the cookies; whoever brings none that can be read has not chosen.
    pub(crate) fn read(headers: &HeaderMap) -> Option<Self> {
        let values = cookies(headers, NAME);
        values.filter_map(|value| Self::parse(&value)).max_by_key(|kept| kept.at)
    }

    /// Whether it is older than choices count under a regime: nothing is granted by it any more.
    pub(crate) fn has_lapsed(&self, regime: Regime, now: Millis) -> bool {
        now.0.saturating_sub(self.at.0) >= i64::from(regime.row().lifetime_days) * DAY_MS
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        let fields: Vec<&str> = text.split('~').collect();
        let [FORMAT, version, at, granted, refused, vendors, how, _] = fields[..] else { return None };
        let items = |list: &str| -> Vec<String> {
            let items = list.split('.').filter(|item| !item.is_empty());
            items.map(|item| percent_decode_str(item).decode_utf8_lossy().into_owned()).collect()
        };
        let at = i64::from_str_radix(at, 36).ok().filter(|at| *at > 0).map(Millis)?;
        let refused = items(refused);
        // Of both, the refusal counts.
        let granted = items(granted).into_iter().filter(|name| !refused.contains(name)).collect();
        let (version, how) = (version.parse().ok()?, how.to_owned());
        Some(Self { at, version, granted, refused, refused_vendors: items(vendors), how })
    }
}

/// The values of a request's cookies of a name, decoded.
pub(crate) fn cookies<'h>(headers: &'h HeaderMap, name: &'h str) -> impl Iterator<Item = String> + 'h {
    let all = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs = all.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let named = pairs.filter(move |(found, _)| *found == name);
    named.map(|(_, value)| percent_decode_str(value).decode_utf8_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;

    fn head(headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder().uri("/v1/consent");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).expect("a request").into_parts().0
    }

    #[test]
    fn a_cookie_goes_where_page_and_collector_are_of_one_site() {
        let check = |page: &str, here: &str, site: &str, domain: Option<&str>, expected: Option<Option<&str>>| {
            let mut headers = vec![("host", here), ("origin", page)];
            if !site.is_empty() {
                headers.push(("sec-fetch-site", site));
            }
            let scope = Scope::stated(&head(&headers), domain, true);
            let expected = expected.map(|domain| Scope { domain: domain.map(str::to_owned), is_https: true });
            assert_eq!(scope, expected, "{page} {here} {site} {domain:?}");
        };
        let (www, events) = ("https://www.example.com", "events.example.com:8443");
        let all = Some(Some("example.com"));
        check(www, events, "same-site", Some("example.com"), all);
        check(www, events, "", Some("example.com"), all);
        check("https://example.com", "example.com", "same-origin", Some(""), Some(None));
        check(www, events, "same-site", Some(""), None);
        check(www, events, "same-site", None, None);
        check(www, events, "cross-site", Some("example.com"), None);
        check("https://example.com.evil.test", events, "", Some("example.com"), None);
        check("https://notexample.com", events, "", Some("example.com"), None);
        check("null", events, "", Some("example.com"), None);
        for odd in [".example.com", "com", "example.com; Secure", "EXAMPLE.com", "example.com\r\nx: y"] {
            check(www, events, "same-site", Some(odd), None);
        }
    }

    #[test]
    fn what_a_browser_brings_back_is_read_as_the_sdk_reads_it() {
        let read = |cookie: &str| Kept::read(&head(&[("cookie", cookie)]).headers);
        let kept = read("a=b; assent_choice=1~3~mifm5hs0~performance~targeting.my%252Eown~ga~choose.first~1; c=d");
        let expected = Kept {
            at: Millis(1_764_137_892_672),
            version: 3,
            granted: vec!["performance".to_owned()],
            refused: vec!["targeting".to_owned(), "my.own".to_owned()],
            refused_vendors: vec!["ga".to_owned()],
            how: "choose.first".to_owned(),
        };
        assert_eq!(expected.to_text(true), "1~3~mifm5hs0~performance~targeting.my%2Eown~ga~choose.first~1");
        assert_eq!(kept, Some(expected));
        let both = "assent_choice=1~1~z~a~~~x.y~1; assent_choice=1~2~zz~~a~~x.y~0";
        assert_eq!(read(both).map(|kept| kept.version), Some(2), "the newest");
        for odd in [
            "",
            "assent_choice=",
            "assent_choice=2~1~z~a~~~x.y~1",
            "assent_choice=1~1~0~a~~~x.y~1",
            "assent_choice=1~1~z",
        ] {
            assert_eq!(read(odd), None, "{odd}");
        }
    }

    #[test]
    fn numbers_are_written_as_javascript_writes_them() {
        assert_eq!((base36(0), base36(35), base36(1_795_298_400_000)), ("0".into(), "z".into(), "mwqybb40".into()));
    }
}
