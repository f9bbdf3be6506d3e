//! What goes wrong with accounts, in the words of the API.

use control::AccountError;

use crate::error::{Code, Error};

impl From<AccountError> for Error {
    fn from(error: AccountError) -> Self {
        let code = match &error {
            AccountError::BadCredentials => Code::BadCredentials,
            AccountError::TooMany { wait_s } => {
                return Self::new(Code::TooManyAttempts, error.to_string()).retry_after(*wait_s);
            }
            AccountError::LastOwner => Code::InUse,
            AccountError::Exceeds | AccountError::NotSignedIn => Code::Forbidden,
            AccountError::NoUser(_) | AccountError::NoToken(_) => Code::NotFound,
            AccountError::UserExists(_) => Code::AlreadyExists,
            AccountError::Password(_) | AccountError::Name(_) | AccountError::Expired => Code::InvalidValue,
            AccountError::Hashing(_) | AccountError::Store(_) => return Self::internal("change accounts", &error),
        };
        Self::new(code, error.to_string())
    }
}
