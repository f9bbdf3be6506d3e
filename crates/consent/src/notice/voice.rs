//! Sentences in one language, with what they leave open filled in.

use workspace::{Direction, FIRST_LANGUAGE, Lifetime, Link, NoticeRules, Said, Site, StoreKind, Words, Workspace};

use crate::experience::choose;

/// Speaks for a workspace in one language.
#[derive(Debug)]
pub(super) struct Voice<'w> {
    pub(super) workspace: &'w Workspace,
    /// Where it is read.
    pub(super) here: Site<'w>,
    /// BCP 47.
    pub(super) language: String,
    words: Words,
    banner: Words,
    site: &'w str,
    account: Option<&'w str>,
    places: String,
    control: String,
}

impl<'w> Voice<'w> {
    /// In the published language that fits best; without a `notice` block in that of the banner, as far as Assent has
    /// words in it.
    pub(super) fn new(here: Site<'w>, accept_language: &str) -> Self {
        let workspace = here.workspace();
        let rules = workspace.consent.notice.as_ref();
        let published: Vec<&str> = match rules {
            Some(rules) => rules.languages.keys().map(String::as_str).collect(),
            None => vec![FIRST_LANGUAGE],
        };
        let language = choose(accept_language, &published).to_owned();
        let words = rules.and_then(|rules| rules.words(&language)).or_else(|| Words::of_notice(&language).cloned());
        let site = rules.map_or(workspace.name().as_str(), |rules| rules.site.as_str());
        let account = rules.and_then(|rules| rules.accounts.as_ref()).map(|said| said.in_language(&language));
        let mut voice = Self {
            workspace,
            here,
            words: words.unwrap_or_default(),
            banner: banner_words(here, &language),
            language,
            site,
            account,
            places: site.to_owned(),
            control: String::new(),
        };
        if let Some(account) = account {
            voice.places = voice.with("site_and_account", &[("site", site), ("account", account)]);
        }
        voice.control = voice.control_words();
        voice
    }

    pub(super) fn rules(&self) -> Option<&'w NoticeRules> {
        self.workspace.consent.notice.as_ref()
    }

    pub(super) fn direction(&self) -> Direction {
        self.words.dir.unwrap_or_default()
    }

    pub(super) fn site(&self) -> &'w str {
        self.site
    }

    pub(super) fn has_account(&self) -> bool {
        self.account.is_some()
    }

    /// The sentence of a place.
    pub(super) fn say(&self, place: &str) -> String {
        self.with(place, &[])
    }

    /// The sentence of a place, with more to fill in. What is filled in is not looked at again: a name in braces in a
    /// workspace's words stays what it is.
    pub(super) fn with(&self, place: &str, more: &[(&str, &str)]) -> String {
        let mut sentence = String::new();
        let mut rest = self.words.said(place);
        while let Some((before, after)) = rest.split_once('{') {
            sentence.push_str(before);
            let Some((name, behind)) = after.split_once('}') else {
                sentence.push('{');
                rest = after;
                continue;
            };
            sentence.push_str(self.filling(name, more));
            rest = behind;
        }
        sentence.push_str(rest);
        sentence
    }

    fn filling<'s>(&'s self, name: &str, more: &[(&str, &'s str)]) -> &'s str {
        let given = more.iter().find(|(given, _)| *given == name).map(|(_, value)| *value);
        given.unwrap_or(match name {
            "site" => self.site,
            "account" => self.account.unwrap_or(self.site),
            "places" => &self.places,
            "control" => &self.control,
            _ => "",
        })
    }

    /// Words of the workspace's own, else a sentence of ours.
    pub(super) fn said_or(&self, said: Option<&Said>, otherwise: impl FnOnce() -> String) -> String {
        said.map_or_else(otherwise, |said| said.in_language(&self.language).to_owned())
    }

    /// What a category is called.
    pub(super) fn category(&self, name: &str) -> String {
        self.banner.category(name).name
    }

    /// What a category is said to do.
    pub(super) fn about_category(&self, name: &str) -> String {
        self.banner.category(name).description
    }

    /// A time.
    pub(super) fn lasts(&self, lifetime: Lifetime) -> String {
        match lifetime {
            Lifetime::Session => self.say("lasts.session"),
            Lifetime::UntilDeleted => self.say("lasts.until_deleted"),
            Lifetime::For(1, unit) => self.say(&format!("lasts.{}", unit.name())),
            Lifetime::For(number, unit) => self.with(&format!("lasts.{}s", unit.name()), &[("n", &number.to_string())]),
        }
    }

    pub(super) fn days(&self, days: u16) -> String {
        self.lasts(Lifetime::For(days.into(), workspace::Unit::Day))
    }

    pub(super) fn kind(&self, kind: StoreKind) -> String {
        self.say(&format!("kind.{}", kind.name()))
    }

    /// What a purpose is called; one of the workspace's own goes by its name.
    pub(super) fn purpose(&self, purpose: &workspace::Purpose) -> String {
        let said = self.say(&format!("purpose.{purpose}"));
        if said.is_empty() { purpose.to_string() } else { said }
    }

    /// What the control is called that opens the choices: some regimes want the law's own words.
    fn control_words(&self) -> String {
        let regimes = self.workspace.consent.regimes();
        let is_law = |regime: &workspace::Regime| regime.row().links.contains(&Link::Choices);
        let by_law = self.banner.said("choices_link");
        let ours = self.banner.said("control");
        if regimes.iter().all(is_law) {
            by_law.to_owned()
        } else if regimes.iter().any(is_law) && by_law != ours {
            format!("{ours} / {by_law}")
        } else {
            ours.to_owned()
        }
    }
}

/// The banner's words, as a reader of the notice meets them: in their language where the banner is published in it.
fn banner_words(here: Site<'_>, language: &str) -> Words {
    let banner = here.banner();
    let published: Vec<&str> = banner.languages.keys().map(String::as_str).collect();
    banner.words(choose(language, &published)).unwrap_or_default()
}
