//! What a notice says: the same facts for people and for programs, without any person's data.

use control::{AlertNotice, NoticeKind};
use serde_json::{Value, json};
use workspace::ConditionKind;

/// A notice, or a trial of one, with what is needed to tell it.
#[derive(Debug)]
pub(crate) struct Message<'m> {
    pub(crate) notice: &'m AlertNotice,
    pub(crate) when: ConditionKind,
    /// Where browsers reach the console.
    pub(crate) public_url: Option<&'m str>,
    pub(crate) is_test: bool,
}

impl Message<'_> {
    fn word(&self) -> &'static str {
        match (self.is_test, self.notice.kind) {
            (true, _) => "test",
            (false, NoticeKind::Firing) => "firing",
            (false, NoticeKind::Repeated) => "still firing",
            (false, NoticeKind::Resolved) => "resolved",
        }
    }

    /// Of an e-mail.
    pub(crate) fn subject(&self) -> String {
        let subject = &self.notice.subject;
        let about = if subject.about.is_empty() { String::new() } else { format!(" ({})", subject.about) };
        format!("[{}] {} is {}{about}", subject.workspace, subject.alert, self.word()).replace("is test", "is tested")
    }

    /// The figure in words.
    pub(crate) fn finding(&self) -> String {
        let AlertNotice { subject, figure, above, unit, .. } = self.notice;
        let about = &subject.about;
        let what = match self.when {
            ConditionKind::FailureRate => format!("failed attempts at destination {about}"),
            ConditionKind::OldestWaiting => format!("age of the oldest event that waits for destination {about}"),
            ConditionKind::Refusals => format!("events of source {about} that were not stored"),
            ConditionKind::NoChoices => format!("pages of source {about} since the last choice of a visitor"),
            ConditionKind::UntoldWithdrawals => {
                format!("age of the oldest withdrawal that destination {about} was not told of")
            }
            ConditionKind::Disk => "used space of the server's disk".to_owned(),
        };
        let figure =
            figure.map_or_else(|| "not counted any more".to_owned(), |figure| format!("{} {unit}", rounded(figure)));
        format!("{what}: {figure} (the rule says above {} {unit})", rounded(*above))
    }

    /// The page of the console about it; without `public_url` only its path.
    pub(crate) fn link(&self) -> String {
        let subject = &self.notice.subject;
        let page = match self.when {
            _ if subject.about.is_empty() && self.when != ConditionKind::Disk => "settings/alerts".to_owned(),
            ConditionKind::FailureRate | ConditionKind::OldestWaiting | ConditionKind::UntoldWithdrawals => {
                format!("destinations/{}", subject.about)
            }
            ConditionKind::Refusals | ConditionKind::NoChoices => format!("sources/{}", subject.about),
            ConditionKind::Disk => "settings/storage".to_owned(),
        };
        self.at(&format!("/w/{}/{page}", subject.workspace))
    }

    /// What to do about it.
    pub(crate) fn runbook(&self) -> String {
        let page = match self.when {
            ConditionKind::FailureRate | ConditionKind::OldestWaiting | ConditionKind::UntoldWithdrawals => {
                "destination-down"
            }
            ConditionKind::Refusals => "refusals",
            ConditionKind::NoChoices => "no-choices",
            ConditionKind::Disk => "disk-full",
        };
        self.at(&format!("/docs/runbooks/{page}"))
    }

    fn at(&self, path: &str) -> String {
        format!("{}{path}", self.public_url.unwrap_or_default().trim_end_matches('/'))
    }

    /// For people.
    pub(crate) fn text(&self) -> String {
        let AlertNotice { subject, at, .. } = self.notice;
        let head = match self.word() {
            "test" => format!("This is a test of alert {}. Nothing is wrong; the figures are made up.", subject.alert),
            word => format!("Alert {} of workspace {} is {word} (at {at}).", subject.alert, subject.workspace),
        };
        let (finding, link, runbook) = (self.finding(), self.link(), self.runbook());
        let (first, rest) = finding.split_at(finding.chars().next().map_or(0, char::len_utf8));
        let hint = match self.public_url {
            Some(_) => "",
            None => "\nThese are paths on the server. With `public_url` in its settings they are whole links.\n",
        };
        let finding = first.to_uppercase() + rest;
        format!("{head}\n\n{finding}.\n\nConsole: {link}\nWhat to do: {runbook}\n{hint}")
    }

    /// For programs, as [Standard Webhooks](https://www.standardwebhooks.com) has it: type, time, data.
    pub(crate) fn json(&self) -> Value {
        let AlertNotice { subject, at, figure, above, unit, .. } = self.notice;
        let kind = if self.is_test { "test" } else { self.notice.kind.name() };
        json!({
            "type": format!("alert.{kind}"),
            "timestamp": at.to_string(),
            "data": {
                "workspace": subject.workspace,
                "alert": subject.alert,
                "when": self.when.name(),
                "about": (!subject.about.is_empty()).then_some(&subject.about),
                "figure": figure,
                "above": above,
                "unit": unit,
                "text": self.finding(),
                "link": self.link(),
                "runbook": self.runbook(),
            },
        })
    }
}

/// As a person would write it: at most one digit behind the point.
fn rounded(figure: f64) -> String {
    let shown = format!("{figure:.1}");
    shown.strip_suffix(".0").map(str::to_owned).unwrap_or(shown)
}

#[cfg(test)]
mod tests {
    use control::AlertSubject;
    use event::Millis;

    use super::*;

    fn notice(about: &str, kind: NoticeKind) -> AlertNotice {
        let subject =
            AlertSubject { workspace: "acme".to_owned(), alert: "hook-fails".to_owned(), about: about.to_owned() };
        AlertNotice {
            id: 1,
            subject,
            kind,
            at: Millis(1_795_298_400_000),
            figure: Some(42.04),
            above: 5.0,
            unit: "percent".to_owned(),
            message_id: "alert_1".to_owned(),
            sends: Vec::new(),
        }
    }

    #[test]
    fn people_get_the_figure_the_page_and_the_runbook() {
        let notice = notice("hook", NoticeKind::Firing);
        let public_url = Some("https://assent.example/");
        let message = Message { notice: &notice, when: ConditionKind::FailureRate, public_url, is_test: false };
        assert_eq!(message.subject(), "[acme] hook-fails is firing (hook)");
        assert_eq!(
            message.text(),
            "Alert hook-fails of workspace acme is firing (at 2026-11-21T22:00:00.000Z).\n\n\
             Failed attempts at destination hook: 42 percent (the rule says above 5 percent).\n\n\
             Console: https://assent.example/w/acme/destinations/hook\n\
             What to do: https://assent.example/docs/runbooks/destination-down\n"
        );
    }

    #[test]
    fn programs_get_the_same_facts() {
        let notice = notice("", NoticeKind::Resolved);
        let message = Message { notice: &notice, when: ConditionKind::Disk, public_url: None, is_test: false };
        let json = message.json();
        assert_eq!(json["type"], "alert.resolved");
        assert_eq!(json["data"]["about"], Value::Null);
        assert_eq!(json["data"]["link"], "/w/acme/settings/storage");
        let test = Message { is_test: true, ..message };
        assert_eq!(
            (test.json()["type"].as_str(), test.subject().as_str()),
            (Some("alert.test"), "[acme] hook-fails is tested")
        );
    }
}
