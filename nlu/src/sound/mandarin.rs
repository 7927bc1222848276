//! Chinese characters that sound alike, by pinyin without tones.

use pinyin::{ToPinyin, ToPinyinMulti};

/// How a character is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sound {
    /// Toneless syllables, the usual one first.
    syllables: Vec<&'static str>,
}

/// The cost of a homophone (床 for 窗).
pub const HOMOPHONE: f32 = 0.05;
/// The cost of a syllable that differs only where speakers and recognisers
/// confuse sounds: zh and z, ch and c, sh and s, ng and n, l and n.
pub const NEAR_HOMOPHONE: f32 = 0.12;

impl Sound {
    /// The sound of a character; `None` for anything else.
    pub fn of(character: char) -> Option<Self> {
        let usual = character.to_pinyin()?.plain();
        let mut syllables = vec![usual];
        for other in character.to_pinyin_multi()? {
            if !syllables.contains(&other.plain()) {
                syllables.push(other.plain());
            }
        }
        Some(Self { syllables })
    }

    /// The syllables of this character with confusable sounds made equal:
    /// equal keys are a condition for likeness.
    pub fn keys(&self) -> Vec<String> {
        self.syllables.iter().map(|s| folded(s)).collect()
    }

    /// The key of the usual reading.
    pub fn key(&self) -> String {
        self.syllables
            .first()
            .map_or_else(String::new, |s| folded(s))
    }

    /// What it costs to take `heard`, in its usual reading, for this
    /// character in any of its readings; `None` when they sound different.
    pub fn cost(&self, heard: &Self) -> Option<f32> {
        let said = heard.syllables.first()?;
        if self.syllables.contains(said) {
            return Some(HOMOPHONE);
        }
        self.keys()
            .contains(&folded(said))
            .then_some(NEAR_HOMOPHONE)
    }
}

fn folded(syllable: &str) -> String {
    let (initial, rest) = [("zh", "z"), ("ch", "c"), ("sh", "s"), ("l", "n")]
        .into_iter()
        .find_map(|(from, to)| Some((to, syllable.strip_prefix(from)?)))
        .unwrap_or(("", syllable));
    let rest = rest
        .strip_suffix("ng")
        .map_or_else(|| rest.to_owned(), |stem| format!("{stem}n"));
    format!("{initial}{rest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cost(character: char, heard: char) -> Option<f32> {
        Sound::of(character)?.cost(&Sound::of(heard)?)
    }

    #[test]
    fn homophones_are_cheap_and_confusable_sounds_a_little_dearer() {
        assert_eq!(cost('窗', '床'), Some(HOMOPHONE));
        assert_eq!(cost('座', '作'), Some(HOMOPHONE));
        assert_eq!(cost('椅', '以'), Some(HOMOPHONE));
        assert_eq!(cost('调', '条'), Some(HOMOPHONE));
        assert_eq!(cost('车', '册'), Some(NEAR_HOMOPHONE));
        assert_eq!(cost('冷', '能'), Some(NEAR_HOMOPHONE));
    }

    #[test]
    fn opposites_sound_different() {
        for (a, b) in [
            ('开', '关'),
            ('高', '低'),
            ('大', '小'),
            ('左', '右'),
            ('前', '后'),
            ('上', '下'),
            ('冷', '热'),
            ('升', '降'),
            ('快', '慢'),
            ('主', '副'),
            ('加', '减'),
            ('亮', '暗'),
            ('强', '弱'),
            ('锁', '开'),
        ] {
            assert_eq!(cost(a, b), None, "{a} and {b}");
            assert_eq!(cost(b, a), None, "{b} and {a}");
        }
    }
}
