//! What a workspace may say and should not go on saying: flags for the time of a migration. None is an error. The server's
//! log and the console's overview name each until it is gone.

use std::fmt;

use event::Slug;

use crate::{Before, Regime, Sdk, SourceKind, Workspace};

/// Something that is permitted and that a visitor, or an authority, would not expect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Risk<'w> {
    /// Events go out that nobody was asked about ([`Before::AlwaysLoad`]).
    AlwaysLoad {
        /// Whose pages send them.
        source: &'w Slug,
        /// Where.
        regimes: Vec<Regime>,
    },
}

impl Risk<'_> {
    /// The source that it is about.
    pub fn source(&self) -> &Slug {
        match self {
            Self::AlwaysLoad { source, .. } => source,
        }
    }
}

impl fmt::Display for Risk<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AlwaysLoad { source, regimes } => {
                let regimes = regimes.iter().map(|regime| format!("`{regime}`")).collect::<Vec<_>>().join(", ");
                write!(
                    f,
                    "pages of `{source}` send events before anybody chose, where the law asks first: {regimes} "
                )?;
                write!(f, "(`before: always-load`)")
            }
        }
    }
}

impl Workspace {
    /// All of them, by source as written.
    pub fn risks(&self) -> Vec<Risk<'_>> {
        let asks_us = |source: &&crate::Source| source.kind == SourceKind::Browser && source.sdk() == Sdk::Assent;
        let always_load = |source| {
            let before = &self.site(source).banner().before;
            let is_flagged = |(regime, before): (&Regime, &Before)| (*before == Before::AlwaysLoad).then_some(*regime);
            let regimes: Vec<_> = before.iter().filter_map(is_flagged).collect();
            (!regimes.is_empty()).then_some(Risk::AlwaysLoad { source: &source.name, regimes })
        };
        self.sources.iter().filter(asks_us).filter_map(always_load).collect()
    }
}

#[cfg(test)]
mod tests {
    fn check(source: &str, before: &str, expected: &str) {
        let yaml = format!(
            "workspace: acme\nsources:\n  - {{ name: web, kind: browser, {source} }}\n  - {{ name: app, kind: mobile }}\n\
             consent: {{ banner: {{ before: {{ {before} }} }} }}\n"
        );
        let named = |risk: &super::Risk<'_>| format!("{}: {risk}", risk.source());
        let said = crate::parse(&yaml, &|_| None).map_or_else(
            |error| error.to_string(),
            |workspace| workspace.risks().iter().map(named).collect::<Vec<_>>().join("\n"),
        );
        assert!(if expected.is_empty() { said.is_empty() } else { said.contains(expected) }, "{before}: {said}");
    }

    #[test]
    fn events_before_a_choice_are_a_risk_that_is_named() {
        let both = "compat: segment, sdk: assent";
        check(both, "eu: always-load, uk: always-load, us: block", "web: pages of `web` send events before");
        check(both, "eu: always-load, uk: always-load, us: block", "`eu`, `uk` (`before: always-load`)");
        check(both, "eu: buffer", "");
        check("compat: segment", "eu: always-load", "");
        check(
            "",
            "eu: always-load",
            "`banner.before.eu: always-load` loses what it sends: source `web` takes no event",
        );
        check(both, "us: always-load", "`banner.before.us: always-load` says nothing: source `web` collects under");
    }
}
