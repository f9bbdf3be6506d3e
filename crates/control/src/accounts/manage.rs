//! People and tokens: added, changed, removed. Each change is in the audit log, without any secret.

use event::Secret;
use serde_json::json;

use super::{
    AccountChange, AccountChanged, AccountError, Accounts, NewToken, NewUser, Principal, Rights, StoredAccount,
    TOKEN_PREFIX, Token, User, UserChange, Via, check_name, key, password, random, user_entry,
};
use crate::audit::{Action, Entry};
use crate::hex::hex;

impl Accounts {
    /// All users by name.
    pub async fn users(&self) -> Result<Vec<User>, AccountError> {
        Ok(self.store.accounts().await?.into_iter().map(|account| account.user).collect())
    }

    /// Adds somebody.
    pub async fn add_user(&self, by: &Principal, new: NewUser) -> Result<User, AccountError> {
        check_name(&new.name)?;
        password::check(&new.password)?;
        by.rights.may_give(new.rights)?;
        let now = self.clock.now();
        let user = User { name: new.name, rights: new.rights, created_at: now, last_seen_at: None };
        let entry = user_entry(by, Action::Create, None, Some(&user));
        let added = StoredAccount { user: user.clone(), password: self.hashing.hash(&new.password).await? };
        done(self.store.change_account(&AccountChange::Add(added), &entry, now).await?, &user.name)?;
        Ok(user)
    }

    /// Changes somebody's rights, password or both.
    pub async fn change_user(&self, by: &Principal, name: &str, change: UserChange) -> Result<User, AccountError> {
        change.password.as_ref().map_or(Ok(()), password::check)?;
        let found = self.store.account(name).await?.ok_or_else(|| AccountError::NoUser(name.to_owned()))?;
        // Whoever could set the password of somebody with more rights could sign in as them.
        by.rights.may_give(found.user.rights)?;
        self.set(by, found.user, change).await
    }

    /// Gives somebody a new password that is made here and returned, to be shown once. All their sessions end.
    pub async fn reset_password(&self, by: &Principal, name: &str) -> Result<Secret<String>, AccountError> {
        let made = Secret::new(hex(&random::<12>()?));
        self.change_user(by, name, UserChange { password: Some(made.clone()), ..UserChange::default() }).await?;
        Ok(made)
    }

    async fn set(&self, by: &Principal, before: User, change: UserChange) -> Result<User, AccountError> {
        let had = before.rights;
        let rights = Rights {
            role: change.role.unwrap_or(had.role),
            personal_data: change.personal_data.unwrap_or(had.personal_data),
        };
        by.rights.may_give(rights)?;
        let user = User { rights, ..before.clone() };
        let action = if rights == had && change.password.is_some() { Action::ChangePassword } else { Action::Update };
        let entry = user_entry(by, action, Some(&before), Some(&user));
        let password = match &change.password {
            Some(password) => Some(self.hashing.hash(password).await?),
            None => None,
        };
        let UserChange { role, personal_data, .. } = change;
        let set = AccountChange::Set { name: user.name.clone(), role, personal_data, password, verified: None };
        done(self.store.change_account(&set, &entry, self.clock.now()).await?, &user.name)?;
        Ok(user)
    }

    /// Removes somebody, with their sessions and tokens.
    pub async fn remove_user(&self, by: &Principal, name: &str) -> Result<(), AccountError> {
        let found = self.store.account(name).await?.ok_or_else(|| AccountError::NoUser(name.to_owned()))?;
        by.rights.may_give(found.user.rights)?;
        let entry = user_entry(by, Action::Delete, Some(&found.user), None);
        let change = AccountChange::Remove { name: name.to_owned() };
        done(self.store.change_account(&change, &entry, self.clock.now()).await?, name)
    }

    /// All tokens by name.
    pub async fn tokens(&self) -> Result<Vec<Token>, AccountError> {
        Ok(self.store.tokens().await?)
    }

    /// Makes a token. Its text is returned once and stored nowhere.
    pub async fn add_token(&self, by: &Principal, new: NewToken) -> Result<(Token, Secret<String>), AccountError> {
        check_name(&new.name)?;
        by.rights.may_give(new.rights)?;
        let now = self.clock.now();
        if new.expires_at.is_some_and(|until| until <= now) {
            return Err(AccountError::Expired);
        }
        if by.via == Via::Local {
            return Err(AccountError::NotSignedIn);
        }
        let text = Secret::new(format!("{TOKEN_PREFIX}{}", hex(&random::<32>()?)));
        let token = Token {
            id: hex(&random::<8>()?),
            name: new.name,
            rights: new.rights,
            made_by: by.name.clone(),
            created_at: now,
            last_used_at: None,
            expires_at: new.expires_at,
        };
        let entry = token_entry(by, Action::Create, &token);
        if !self.store.add_token(&token, &key(text.expose()), &entry).await? {
            return Err(AccountError::NoUser(by.name.clone()));
        }
        Ok((token, text))
    }

    /// Removes a token: the next request with it is refused.
    pub async fn remove_token(&self, by: &Principal, id: &str) -> Result<(), AccountError> {
        let missing = || AccountError::NoToken(id.to_owned());
        let token = self.store.tokens().await?.into_iter().find(|token| token.id == id).ok_or_else(missing)?;
        let entry = token_entry(by, Action::Delete, &token);
        if self.store.remove_token(id, &entry, self.clock.now()).await? { Ok(()) } else { Err(missing()) }
    }
}

fn done(changed: AccountChanged, name: &str) -> Result<(), AccountError> {
    match changed {
        AccountChanged::Done => Ok(()),
        AccountChanged::Exists => Err(AccountError::UserExists(name.to_owned())),
        AccountChanged::Missing => Err(AccountError::NoUser(name.to_owned())),
        AccountChanged::LastOwner => Err(AccountError::LastOwner),
    }
}

fn token_entry(by: &Principal, action: Action, token: &Token) -> Entry {
    let shown = json!({
        "name": token.name, "role": token.rights.role, "personal_data": token.rights.personal_data,
        "made_by": token.made_by, "expires_at": token.expires_at.map(|at| at.to_string()),
    });
    let (before, after) = if action == Action::Delete { (Some(shown), None) } else { (None, Some(shown)) };
    Entry { actor: by.actor(), action, workspace: None, kind: "token", object: token.id.clone(), before, after }
}
