//! Passwords: what is acceptable, and how one is made.

use crate::DirectoryError;

/// How much randomness [`random_password`] takes.
pub const PASSWORD_RANDOM_BYTES: usize = 16;

/// Makes a password of 16 characters (80 bits) that can be read out and typed into a phone: small letters and digits,
/// none of which looks like another. The randomness is the caller's.
#[must_use]
pub fn random_password(random: [u8; PASSWORD_RANDOM_BYTES]) -> String {
    random.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)])).collect()
}

/// 32 characters, so that five bits of a byte choose one evenly. Left out: l, o, 0 and 1.
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

const MAX_PASSWORD_BYTES: usize = 128;
const MAX_REALM_BYTES: usize = 255;

pub(crate) fn check_password(password: &str) -> Result<(), DirectoryError> {
    if password.is_empty() {
        return Err(DirectoryError::PasswordEmpty);
    }
    if password.len() > MAX_PASSWORD_BYTES {
        let bytes = password.len();
        return Err(DirectoryError::PasswordTooLong { bytes, max_bytes: MAX_PASSWORD_BYTES });
    }
    if password.chars().any(char::is_control) {
        return Err(DirectoryError::PasswordControlCharacter);
    }
    Ok(())
}

pub(crate) fn check_realm(realm: &str) -> Result<(), DirectoryError> {
    let is_usable = (1..=MAX_REALM_BYTES).contains(&realm.len())
        && !realm.chars().any(|c| c.is_control() || c == '"' || c == '\\');
    if is_usable {
        return Ok(());
    }
    Err(DirectoryError::RealmInvalid { realm: realm.to_owned(), max_bytes: MAX_REALM_BYTES })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_use_every_character_and_all_the_randomness() {
        let ramp = |start: u8| std::array::from_fn(|i| start + i as u8);
        assert_eq!(
            random_password(ramp(0)) + &random_password(ramp(16)),
            "abcdefghijkmnpqrstuvwxyz23456789"
        );
        assert_eq!(random_password([255; 16]), "9999999999999999");
    }

    #[test]
    fn what_cannot_be_a_password() {
        assert_eq!(check_password(""), Err(DirectoryError::PasswordEmpty));
        assert_eq!(check_password("a\nb"), Err(DirectoryError::PasswordControlCharacter));
        assert!(check_password(&"x".repeat(129)).is_err());
        assert!(check_password("ünïcode : ok").is_ok());
        assert!(check_realm("offhook").is_ok());
        assert!(check_realm("a\"b").is_err());
        assert!(check_realm("").is_err());
    }
}
