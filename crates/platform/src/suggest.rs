//! "Did you mean": the known word nearest to a mistyped one.

/// The candidate nearest to `word`, if it is near enough to be what was meant.
pub(crate) fn nearest<'a>(
    word: &str,
    candidates: impl Iterator<Item = &'a str>,
) -> Option<&'a str> {
    let word = word.to_ascii_lowercase();
    candidates
        .map(|candidate| {
            (strsim::damerau_levenshtein(&word, &candidate.to_ascii_lowercase()), candidate)
        })
        .filter(|(distance, candidate)| {
            let shares_prefix = word.len() >= 3 && candidate.starts_with(word.as_str());
            shares_prefix || *distance <= 1 + candidate.len().min(word.len()) / 4
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn near_words_only() {
        let words = ["listen", "domains", "realm", "off", "digest"];
        let cases = [
            ("lisetn", Some("listen")),
            ("Listen", Some("listen")),
            ("domain", Some("domains")),
            ("dom", Some("domains")),
            ("of", Some("off")),
            ("banana", None),
            ("", None),
        ];
        for (word, expected) in cases {
            assert_eq!(nearest(word, words.iter().copied()), expected, "{word}");
        }
    }
}
