//! From the store to tenants that are served.

use control::{ApplyOptions, Directory, Principal, Site, WorkspaceFile};
use insta::assert_snapshot;
use vault::{Epoch, KeyError, Keys};

use crate::setup::{ACME, NOW, Place, apply_text, file, no_env, run, site, stored_key};

#[test]
fn a_generated_write_key_leads_to_its_source_after_every_restart() {
    run(async {
        let place = Place::new();
        let key = {
            let store = place.store().await;
            apply_text(&*store, ACME, false).await.expect("applies");
            stored_key(&*store, "web").await
        };
        let store = place.store().await;
        let directory = Directory::default();
        directory.replace(control::load(&store, &Keys::default(), &no_env, NOW).await.expect("loads"));
        let owner = directory.by_write_key(&key).expect("known");
        assert_eq!((owner.source().name.as_str(), &*owner.tenant.name()), ("web", "acme"));
        assert_eq!(directory.by_write_key("wk_server").expect("known").source().name.as_str(), "api");
        assert!(directory.by_write_key("wk_unknown").is_none());
    });
}

#[test]
fn keys_outlive_the_process() {
    run(async {
        let place = Place::new();
        let (sealed, epoch) = {
            let store = place.store().await;
            apply_text(&*store, ACME, false).await.expect("applies");
            let keys = Keys::default();
            control::load(&store, &keys, &no_env, NOW).await.expect("loads");
            let (epoch, sealed) = keys.seal("acme", b"raw/0", b"hello").expect("seals");
            assert_eq!(control::keys::rotate(&*store, &keys, "acme", NOW).await.expect("rotates"), Epoch(2));
            (sealed, epoch)
        };
        let (store, keys) = (place.store().await, Keys::default());
        control::load(&store, &keys, &no_env, NOW).await.expect("loads");
        assert_eq!(keys.open("acme", epoch, b"raw/0", &sealed).as_deref(), Ok(&b"hello"[..]));
        assert_eq!(keys.current("acme"), Ok(Epoch(2)));

        let sealing = control::keys::destroy(&*store, &keys, "acme", Epoch(2), NOW).await.expect_err("refused");
        assert_snapshot!(sealing, @"epoch 2 of workspace `acme` cannot be destroyed: it is the one that seals now; begin a new epoch first");
        let unknown = control::keys::destroy(&*store, &keys, "acme", Epoch(3), NOW).await.expect_err("refused");
        assert_snapshot!(unknown, @"epoch 3 of workspace `acme` cannot be destroyed: there is no such epoch");
        control::keys::destroy(&*store, &keys, "acme", Epoch(1), NOW).await.expect("destroys");
        assert_eq!(keys.open("acme", epoch, b"raw/0", &sealed), Err(KeyError::Destroyed(epoch)));
        let reopened = Keys::default();
        control::load(&store, &reopened, &no_env, NOW).await.expect("loads");
        assert_eq!(reopened.open("acme", epoch, b"raw/0", &sealed), Err(KeyError::Destroyed(epoch)));
    });
}

#[test]
fn what_cannot_be_served_is_named() {
    run(async {
        let place = Place::new();
        let store = place.store().await;
        let apply = async |file: WorkspaceFile| {
            let env = |name: &str| (name == "API_KEY").then(|| "wk_other".to_owned());
            let (by, how) = (Principal::local("test"), ApplyOptions::once(false, false));
            control::apply(Site { env: &env, ..site(&*store) }, &by, &[file], how).await.expect("applies");
        };
        apply(file("acme.yaml", &ACME.replace("wk_server", "\"${env:API_KEY}\""))).await;
        let unset = control::load(&store, &Keys::default(), &no_env, NOW).await.expect_err("refused");
        assert_snapshot!(unset, @"workspace `acme`: `sources[0].write_key` asks for the environment variable `API_KEY`, which is not set");
        apply(file("b.yaml", &ACME.replace("acme", "beta").replace("wk_server", "wk_third"))).await;
        let changed = |name: &str| (name == "API_KEY").then(|| "wk_third".to_owned());
        let same = control::load(&store, &Keys::default(), &changed, NOW).await.expect_err("refused");
        assert_snapshot!(same, @"source `acme/api` of `acme.yaml` and source `beta/api` of `b.yaml` have the same write key `wk_t…`: change one");
    });
}
