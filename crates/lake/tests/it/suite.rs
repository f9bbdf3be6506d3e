//! One suite, two grounds. Each case is a test of its own over files. Over S3 they are one test, because the server that
//! they need takes seconds to start and each test is a process.

use futures::future::LocalBoxFuture;

use crate::ground::Ground;

/// A case and its name.
pub(crate) type Case = (&'static str, for<'g> fn(&'g Ground) -> LocalBoxFuture<'g, ()>);

/// Makes a test over files of each `async fn(&Ground)` named, and lists them as `CASES` for other grounds.
macro_rules! cases {
    ($( $name:ident, )*) => {
        pub(crate) const CASES: &[$crate::suite::Case] =
            &[$( (stringify!($name), |ground| futures::FutureExt::boxed_local($name(ground))), )*];

        mod on_files {
            $(
                #[tokio::test]
                async fn $name() {
                    super::$name(&$crate::ground::Ground::Files).await;
                }
            )*
        }
    };
}
pub(crate) use cases;
