//! What can be somebody's name: what stands in an address book, as it is said.

use crate::telephone::holds_number;

/// More words than this are a sentence, not a name.
const MOST_WORDS: usize = 5;
/// More characters than this, where names are written without spaces.
const MOST_CHARACTERS: usize = 10;

/// No name begins with these: "let's call it a day" calls nobody.
const BEFORE_OTHER_THINGS: &[&str] = &[
    "it",
    "this",
    "that",
    "these",
    "those",
    "a",
    "an",
    "some",
    "any",
    "no",
    "her",
    "him",
    "them",
    "us",
    "me",
    "you",
    "he",
    "she",
    "they",
    "we",
    "i",
    "someone",
    "somebody",
    "anyone",
    "anybody",
    "everyone",
    "everybody",
    "nobody",
    "one",
    "back",
    "up",
    "off",
    "out",
    "in",
    "on",
    "for",
    "to",
    "at",
    "of",
    "from",
    "with",
    "and",
    "or",
    "when",
    "if",
    "later",
    "now",
    "then",
    "again",
    "is",
    "was",
    "are",
    "were",
    "will",
    "what",
    "who",
    "which",
    "your",
    "his",
    "their",
    "its",
];

/// A name holds none of these: "call volume is low" tells something.
const OF_SENTENCES: &[&str] = &[
    "is", "are", "was", "were", "isn't", "wasn't", "i", "it", "that's", "said", "up",
];

/// No name ends with these: somebody was interrupted.
const BEFORE_MORE: &[&str] = &[
    "and", "or", "the", "a", "an", "of", "on", "at", "to", "with",
];

/// These stand for somebody, and only who speaks knows for whom.
const NOBODY_IN_PARTICULAR: &[&str] = &[
    "我",
    "你",
    "您",
    "他",
    "她",
    "它",
    "我们",
    "你们",
    "他们",
    "她们",
    "咱们",
    "人",
    "别人",
    "谁",
    "人家",
    "大家",
    "有人",
    "这个人",
    "那个人",
    "这个",
    "那个",
    "这",
    "那",
    "对方",
];

/// The name that these words can be; `None` when they are something else.
pub fn name(text: &str) -> Option<String> {
    let name = text.trim();
    let words: Vec<String> = name.split_whitespace().map(str::to_lowercase).collect();
    let (first, last) = (words.first()?, words.last()?);
    let letters = name.chars().any(char::is_alphabetic);
    let unbroken = name.chars().filter(|c| !c.is_ascii()).count();
    let is_name = letters
        && words.len() <= MOST_WORDS
        && unbroken <= MOST_CHARACTERS
        && !BEFORE_OTHER_THINGS.contains(&first.as_str())
        && !BEFORE_MORE.contains(&last.as_str())
        && !words
            .iter()
            .any(|word| OF_SENTENCES.contains(&word.as_str()))
        && !holds_number(name)
        && !NOBODY_IN_PARTICULAR.contains(&name);
    is_name.then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::name;

    #[test]
    fn people_have_names() {
        for said in [
            "mum",
            "my wife",
            "Dr Miller",
            "Anna Lena Berg",
            "老妈",
            "我妈",
            "王小明",
            "张三",
            "pizza one two",
        ] {
            assert_eq!(name(said).as_deref(), Some(said));
        }
    }

    #[test]
    fn what_is_said_of_no_one_is_no_name() {
        let others = [
            "it a day",
            "me when you get there",
            "her",
            "10086",
            "",
            "他",
            "谁",
            "the man who said that he would be there",
            "volume is low",
            "centre and",
            "555 0128 extension 57",
            "客服二九七一四八九零",
        ];
        for said in others {
            assert_eq!(name(said), None, "{said}");
        }
    }
}
