//! Accounts: signing in, being recognised, who may change whom.

use std::net::IpAddr;
use std::sync::Arc;

use control::{
    AccountError, AccountLimits, Accounts, AuditQuery, FIRST_OWNER, HashingCost, NewToken, NewUser, Principal, Rights,
    Role, Store, UserChange,
};
use event::{Millis, Secret};
use insta::assert_snapshot;

use crate::setup::{Hand, Place, run};

const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
const HOUR_MS: i64 = 3_600_000;

struct Rig {
    accounts: Accounts,
    clock: Arc<Hand>,
    store: Arc<dyn Store>,
    place: Place,
}

fn secret(text: &str) -> Secret<String> {
    Secret::new(text.to_owned())
}

fn rights(role: Role) -> Rights {
    Rights { role, personal_data: role == Role::Owner }
}

/// Hashing that costs nothing; what real hashing costs is checked once.
fn limits() -> AccountLimits {
    AccountLimits { hashing: HashingCost { memory_kib: 8, passes: 1 }, ..AccountLimits::default() }
}

impl Rig {
    /// With an owner `admin`, password `correct horse`.
    async fn new() -> Self {
        let place = Place::new();
        let (store, clock) = (place.store().await, Arc::new(Hand::default()));
        let accounts = Accounts::new(Arc::clone(&store), Arc::<Hand>::clone(&clock), limits());
        assert!(accounts.ensure_owner(Some(secret("correct horse"))).await.expect("makes one").is_none());
        Self { accounts, clock, store, place }
    }

    async fn sign_in(&self, name: &str, password: &str) -> Result<Principal, AccountError> {
        let signed_in = self.accounts.sign_in(name, &secret(password), HERE).await?;
        Ok(self.accounts.by_session(signed_in.session.expose()).await?.expect("is recognised"))
    }

    async fn admin(&self) -> Principal {
        self.sign_in(FIRST_OWNER, "correct horse").await.expect("signs in")
    }

    async fn add(&self, by: &Principal, name: &str, rights: Rights) -> Result<(), AccountError> {
        let new = NewUser { name: name.to_owned(), password: secret("a password"), rights };
        self.accounts.add_user(by, new).await.map(drop)
    }
}

fn told<T>(result: Result<T, AccountError>) -> String {
    match result {
        Ok(_) => "done".to_owned(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn the_first_owner_is_made_once_and_a_generated_password_is_told_once() {
    run(async {
        let place = Place::new();
        let store = place.store().await;
        let accounts = || Accounts::new(Arc::clone(&store), Arc::new(Hand::default()), limits());
        let generated = accounts().ensure_owner(None).await.expect("makes one").expect("is told");
        assert_eq!(generated.expose().len(), 24);
        assert!(accounts().ensure_owner(Some(secret("another"))).await.expect("finds one").is_none());
        assert!(accounts().ensure_owner(None).await.expect("finds one").is_none());
        accounts().sign_in(FIRST_OWNER, &generated, HERE).await.expect("signs in");
        assert_snapshot!(told(accounts().sign_in(FIRST_OWNER, &secret("another"), HERE).await), @"name or password is wrong");
    });
}

#[test]
fn what_is_stored_is_argon2id_at_the_cost_that_owasp_asks_for() {
    run(async {
        let place = Place::new();
        let store = place.store().await;
        let accounts = Accounts::new(Arc::clone(&store), Arc::new(Hand::default()), AccountLimits::default());
        accounts.ensure_owner(Some(secret("correct horse"))).await.expect("makes one");
        let stored = store.account(FIRST_OWNER).await.expect("reads").expect("is there");
        assert!(stored.password.expose().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{:?}", stored.user);
    });
}

#[test]
fn neither_name_nor_password_is_told_to_be_wrong() {
    run(async {
        let rig = Rig::new().await;
        assert_snapshot!(told(rig.sign_in(FIRST_OWNER, "wrong horse").await), @"name or password is wrong");
        assert_snapshot!(told(rig.sign_in("nobody", "correct horse").await), @"name or password is wrong");
        assert_snapshot!(told(rig.sign_in("", "correct horse").await), @"name or password is wrong");
        for _ in 0..4 {
            told(rig.sign_in(FIRST_OWNER, "wrong horse").await);
        }
        assert_snapshot!(told(rig.sign_in(FIRST_OWNER, "correct horse").await), @"too many attempts to sign in: try again in 30 s");
        rig.clock.move_by(30_000);
        rig.admin().await;
    });
}

#[test]
fn sessions_end_by_age_by_idleness_by_signing_out_and_with_the_password() {
    run(async {
        let rig = Rig::new().await;
        let open = async || {
            let opened = rig.accounts.sign_in(FIRST_OWNER, &secret("correct horse"), HERE).await.expect("signs in");
            opened.session.expose().clone()
        };
        let known = async |session: &str| rig.accounts.by_session(session).await.expect("reads").is_some();
        // Used every eleven hours it lives for a week, and no longer.
        let used = open().await;
        for _ in 0..15 {
            rig.clock.move_by(11 * HOUR_MS);
            assert!(known(&used).await);
        }
        rig.clock.move_by(11 * HOUR_MS);
        assert!(!known(&used).await);
        let idle = open().await;
        rig.clock.move_by(12 * HOUR_MS + 1);
        assert!(!known(&idle).await);
        let (left, other) = (open().await, open().await);
        let principal = rig.accounts.by_session(&left).await.expect("reads").expect("is open");
        rig.accounts.sign_out(&principal).await.expect("signs out");
        assert!(!known(&left).await && known(&other).await);
        let principal = rig.accounts.by_session(&other).await.expect("reads").expect("is open");
        let change = async |current: &str, new: &str| {
            rig.accounts.change_password(&principal, &secret(current), &secret(new), HERE).await
        };
        assert_snapshot!(told(change("wrong horse", "battery staple").await), @"name or password is wrong");
        assert_snapshot!(told(change("correct horse", "short").await), @"this password cannot be used: it is shorter than 8 characters");
        let changed = change("correct horse", "battery staple").await.expect("changes");
        assert!(!known(&other).await && known(changed.session.expose()).await);
        assert!(!known("").await && !known("ffff").await);
    });
}

#[test]
fn an_owner_is_always_left() {
    run(async {
        let rig = Rig::new().await;
        let admin = rig.admin().await;
        let demote = UserChange { role: Some(Role::Admin), ..UserChange::default() };
        assert_snapshot!(told(rig.accounts.remove_user(&admin, FIRST_OWNER).await), @"this is the last owner: make somebody else an owner first");
        assert_snapshot!(told(rig.accounts.change_user(&admin, FIRST_OWNER, demote.clone()).await), @"this is the last owner: make somebody else an owner first");
        rig.add(&admin, "ada", rights(Role::Owner)).await.expect("adds");
        rig.accounts.change_user(&admin, FIRST_OWNER, demote).await.expect("demotes");
        assert_eq!(rig.accounts.users().await.expect("reads")[1].rights.role, Role::Admin);
    });
}

#[test]
fn nobody_gives_or_takes_what_they_do_not_have() {
    run(async {
        let rig = Rig::new().await;
        let admin = rig.admin().await;
        rig.add(&admin, "bob", rights(Role::Admin)).await.expect("adds");
        let bob = rig.sign_in("bob", "a password").await.expect("signs in");
        assert_snapshot!(told(rig.add(&bob, "eve", rights(Role::Owner)).await), @"you cannot give rights that you do not have");
        let sees = Rights { role: Role::Viewer, personal_data: true };
        assert_snapshot!(told(rig.add(&bob, "eve", sees).await), @"you cannot give rights that you do not have");
        let password = UserChange { password: Some(secret("stolen account")), ..UserChange::default() };
        assert_snapshot!(told(rig.accounts.change_user(&bob, FIRST_OWNER, password).await), @"you cannot give rights that you do not have");
        assert_snapshot!(told(rig.accounts.remove_user(&bob, FIRST_OWNER).await), @"you cannot give rights that you do not have");
        assert_snapshot!(told(rig.add(&admin, "bob", rights(Role::Viewer)).await), @"there is a user `bob` already");
        assert_snapshot!(told(rig.accounts.remove_user(&admin, "carl").await), @"there is no user `carl`");
        assert_snapshot!(told(rig.add(&admin, " bob", rights(Role::Viewer)).await), @"` bob` cannot be used as a name: use 1 to 128 characters without spaces at the ends or control characters");
    });
}

#[test]
fn a_token_never_may_more_than_its_maker_may_today() {
    run(async {
        let rig = Rig::new().await;
        let admin = rig.admin().await;
        rig.add(&admin, "bob", rights(Role::Admin)).await.expect("adds");
        let bob = rig.sign_in("bob", "a password").await.expect("signs in");
        let make = async |role, expires_at| {
            let new = NewToken { name: "ci".to_owned(), rights: rights(role), expires_at };
            rig.accounts.add_token(&bob, new).await
        };
        assert_snapshot!(told(make(Role::Owner, None).await), @"you cannot give rights that you do not have");
        assert_snapshot!(told(make(Role::Admin, Some(Millis(1))).await), @"the token would expire in the past");
        let (token, text) = make(Role::Admin, None).await.expect("makes");
        assert!(text.expose().starts_with("asn_") && text.expose().len() == 68);
        let seen = async || rig.accounts.by_token(text.expose()).await.expect("reads");
        let principal = seen().await.expect("is good");
        assert_eq!((principal.actor().as_str(), principal.rights.role), ("bob (token ci)", Role::Admin));
        let demote = UserChange { role: Some(Role::Viewer), ..UserChange::default() };
        rig.accounts.change_user(&admin, "bob", demote).await.expect("demotes");
        assert_eq!(seen().await.expect("is good").rights.role, Role::Viewer);
        let listed = rig.accounts.tokens().await.expect("reads").remove(0);
        assert_eq!((listed.id, listed.last_used_at.is_some()), (token.id.clone(), true));
        rig.accounts.remove_token(&admin, &token.id).await.expect("removes");
        assert!(seen().await.is_none());
        assert_snapshot!(told(rig.accounts.remove_token(&admin, "x").await), @"there is no token `x`");
    });
}

#[test]
fn tokens_end_in_time_and_with_their_maker() {
    run(async {
        let rig = Rig::new().await;
        let admin = rig.admin().await;
        rig.add(&admin, "bob", rights(Role::Admin)).await.expect("adds");
        let bob = rig.sign_in("bob", "a password").await.expect("signs in");
        let until = Some(Millis(crate::setup::NOW.0 + HOUR_MS));
        let new = |expires_at| NewToken { name: "ci".to_owned(), rights: rights(Role::Viewer), expires_at };
        let (_, short) = rig.accounts.add_token(&bob, new(until)).await.expect("makes");
        let (_, long) = rig.accounts.add_token(&bob, new(None)).await.expect("makes");
        let good = async |token: &Secret<String>| rig.accounts.by_token(token.expose()).await.expect("reads").is_some();
        assert!(good(&short).await && good(&long).await);
        rig.clock.move_by(HOUR_MS);
        assert!(!good(&short).await && good(&long).await);
        rig.accounts.remove_user(&admin, "bob").await.expect("removes");
        assert!(!good(&long).await);
    });
}

#[test]
fn no_secret_is_in_the_store_or_in_the_audit_log() {
    run(async {
        let rig = Rig::new().await;
        let admin = rig.admin().await;
        let opened = rig.accounts.sign_in(FIRST_OWNER, &secret("correct horse"), HERE).await.expect("signs in");
        let new = NewToken { name: "ci".to_owned(), rights: rights(Role::Viewer), expires_at: None };
        let (_, token) = rig.accounts.add_token(&admin, new).await.expect("makes");
        let directory = rig.place.file().parent().expect("in a directory").to_owned();
        let files = std::fs::read_dir(directory).expect("readable");
        let bytes: Vec<u8> =
            files.flat_map(|file| std::fs::read(file.expect("readable").path()).expect("readable")).collect();
        for text in ["correct horse", opened.session.expose(), token.expose()] {
            assert!(!bytes.windows(text.len()).any(|window| window == text.as_bytes()), "{text} is on disk");
        }
        let told = rig.store.audit(&AuditQuery::default()).await.expect("reads");
        let told: Vec<String> = told.iter().map(|one| format!("{} {} {}", one.actor, one.action, one.kind)).collect();
        assert_eq!(
            told,
            ["admin create token", "admin sign_in session", "admin sign_in session", "first start create user"]
        );
    });
}

#[test]
fn a_password_changed_by_whoever_knows_it_gives_no_rights_back_and_loses_against_a_newer_one() {
    run(async {
        let rig = Rig::new().await;
        let admin = rig.admin().await;
        rig.add(&admin, "ada", rights(Role::Owner)).await.expect("is added");
        let read = rig.store.account("ada").await.expect("reads").expect("is there");
        let taken = UserChange { role: Some(Role::Viewer), ..UserChange::default() };
        rig.accounts.change_user(&admin, "ada", taken).await.expect("is changed");
        // What a change of the password that began before the demotion writes after it.
        let late = |hash: &str| control::AccountChange::Set {
            name: "ada".to_owned(),
            role: None,
            personal_data: None,
            password: Some(secret(hash)),
            verified: Some(read.password.clone()),
        };
        let entry = control::Entry {
            actor: "ada".to_owned(),
            action: control::Action::ChangePassword,
            workspace: None,
            kind: "user",
            object: "ada".to_owned(),
            before: None,
            after: None,
        };
        let changed = rig.store.change_account(&late("first"), &entry, Millis(0)).await.expect("is written");
        assert_eq!(changed, control::AccountChanged::Done);
        let now = rig.store.account("ada").await.expect("reads").expect("is there");
        assert_eq!((now.user.rights.role, now.password), (Role::Viewer, secret("first")));
        let changed = rig.store.change_account(&late("second"), &entry, Millis(0)).await.expect("is written");
        assert_eq!(changed, control::AccountChanged::Missing);
    });
}
