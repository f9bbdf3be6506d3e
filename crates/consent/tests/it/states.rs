//! Global Privacy Control in every state of the United States and under every regime of the table.

use consent::{Choice, Choices, Decision, Preferences, Reason, Rules, Signals, Stamp, Use, Wishes};
use workspace::{Basis, Category, ConsentRules, Purpose, RecipientRole, Regime};

/// All states and the District of Columbia, and codes that are none (yet).
const STATES: &str = "AL AK AZ AR CA CO CT DE DC FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV NH NJ NM NY NC \
                      ND OH OK OR PA RI SC SD TN TX UT VT VA WA WV WI WY PR XX";

/// What is decided for a visitor who accepted everything and whose browser sends the signal.
fn with_gpc(regime: Regime, purpose: Purpose, recipient: RecipientRole) -> Decision {
    let rules = Rules::new(&ConsentRules::default());
    let keys = ["functionality", "performance", "targeting"];
    let accepted = Choice::partial(&rules.categories, keys.map(|key| (rules.categories.key(key), true)));
    let stamp = Stamp {
        origin: consent::Origin::Sent,
        preferences: Preferences(keys.map(|key| (key.into(), true)).to_vec()),
        signals: Signals { gpc: true, dnt: false },
        regime,
        basis: Basis::Consent,
    };
    let category = if purpose == Purpose::Analytics { "performance" } else { "targeting" };
    let categories = rules.categories.set([Category::new(category).as_str()]);
    let asked = Use {
        purpose,
        categories,
        vendor: consent::CategorySet::NONE,
        recipient,
        unmapped: false,
        unstamped: false,
        names: Vec::new(),
    };
    consent::decide(Choices::default().and(accepted), &stamp, Wishes::default(), &asked, &rules)
}

// Obligation 21.
#[test]
fn the_signal_counts_in_every_state_and_under_every_regime() {
    use Decision::{Allow, Deny};
    use RecipientRole::{ServiceProvider, ThirdParty};
    for state in STATES.split_whitespace() {
        let regime = Regime::of_region(Some(&format!("US-{state}")));
        assert_eq!(regime.id(), "us", "{state}");
        assert!(regime.row().gpc.show, "the page says that it was honoured in {state}");
    }
    for regime in Regime::all() {
        for purpose in [Purpose::Sale, Purpose::Sharing, Purpose::Advertising] {
            for recipient in [ServiceProvider, ThirdParty] {
                let decided = with_gpc(regime, purpose.clone(), recipient);
                assert_eq!(decided, Deny(Reason::GpcOptOut), "{}, {purpose:?} by {recipient:?}", regime.id());
            }
        }
        assert_eq!(with_gpc(regime, Purpose::Analytics, ServiceProvider), Allow, "{}", regime.id());
        assert_eq!(with_gpc(regime, Purpose::Analytics, ThirdParty), Deny(Reason::GpcOptOut), "{}", regime.id());
    }
}
