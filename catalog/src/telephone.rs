//! Telephone numbers, as they are dialled and as they are said.

/// Fewest digits of a number: the emergency numbers have three.
const FEWEST: usize = 3;
/// Most digits, ITU-T E.164 and an international prefix.
const MOST: usize = 20;

/// Reads a number that was said or written, in English or Mandarin, as the
/// characters to dial: "double five five, 0134" is `5550134`. `None` when there
/// is any other word in it: "the kitchen" is nobody's number.
pub fn telephone_number(text: &str) -> Option<String> {
    let mut dialled = String::new();
    let mut times = 1;
    let mut words = words(text).into_iter().peekable();
    while let Some(word) = words.next() {
        let digits = match word.to_lowercase().as_str() {
            "double" => {
                times = 2;
                continue;
            }
            "triple" => {
                times = 3;
                continue;
            }
            "hundred" => "00".to_owned(),
            "thousand" => "000".to_owned(),
            word => match tens(word) {
                Some(tens) => {
                    let unit = words.next_if(|next| is_unit(next));
                    format!("{tens}{}", one(unit.unwrap_or("zero"))?)
                }
                None => teen(word).map_or_else(|| one(word), |teen| Some(teen.to_owned()))?,
            },
        };
        dialled.push_str(&digits.repeat(times));
        times = 1;
    }
    let digits = dialled.chars().filter(char::is_ascii_digit).count();
    let plus = dialled.rfind('+').is_none_or(|place| place == 0);
    (plus && times == 1 && (FEWEST..=MOST).contains(&digits)).then_some(dialled)
}

/// Whether some digits in a row, said or written, are enough for a number: "555
/// 0128 extension 57".
pub(crate) fn holds_number(text: &str) -> bool {
    let mut run = 0;
    words(text).into_iter().any(|word| {
        let word = word.to_lowercase();
        let digits = match one(&word) {
            Some(_) => 1,
            None if teen(&word).is_some() || tens(&word).is_some() => 2,
            None => 0,
        };
        run = if digits == 0 { 0 } else { run + digits };
        run >= FEWEST
    })
}

/// Words of letters, and every other character that counts by itself.
fn words(text: &str) -> Vec<&str> {
    let ignored =
        |c: char| c.is_whitespace() || matches!(c, '-' | '.' | ',' | '(' | ')' | '/' | '，' | '、');
    let mut words = Vec::new();
    for part in text.split(ignored).filter(|part| !part.is_empty()) {
        if part.chars().all(|c| c.is_ascii_alphabetic()) {
            words.push(part);
        } else {
            words.extend(
                part.char_indices()
                    .map(|(at, c)| &part[at..at + c.len_utf8()]),
            );
        }
    }
    words
}

fn one(word: &str) -> Option<String> {
    let digit = match word {
        "zero" | "oh" | "o" | "nought" | "零" | "〇" | "洞" => '0',
        "one" | "一" | "幺" | "么" => '1',
        "two" | "二" | "两" => '2',
        "three" | "三" => '3',
        "four" | "四" => '4',
        "five" | "五" => '5',
        "six" | "六" => '6',
        "seven" | "七" => '7',
        "eight" | "八" => '8',
        "nine" | "niner" | "九" => '9',
        "plus" | "加" => '+',
        "star" => '*',
        "hash" | "pound" => '#',
        other => other
            .chars()
            .next()
            .filter(|c| c.is_ascii_digit() || matches!(c, '+' | '*' | '#'))?,
    };
    Some(digit.to_string())
}

fn teen(word: &str) -> Option<&'static str> {
    Some(match word {
        "ten" => "10",
        "eleven" => "11",
        "twelve" => "12",
        "thirteen" => "13",
        "fourteen" => "14",
        "fifteen" => "15",
        "sixteen" => "16",
        "seventeen" => "17",
        "eighteen" => "18",
        "nineteen" => "19",
        _ => return None,
    })
}

fn tens(word: &str) -> Option<char> {
    Some(match word {
        "twenty" => '2',
        "thirty" => '3',
        "forty" => '4',
        "fifty" => '5',
        "sixty" => '6',
        "seventy" => '7',
        "eighty" => '8',
        "ninety" => '9',
        _ => return None,
    })
}

/// Whether a word may follow "twenty" as the rest of one number.
fn is_unit(word: &str) -> bool {
    matches!(
        word.to_lowercase().as_str(),
        "one" | "two" | "three" | "four" | "five" | "six" | "seven" | "eight" | "nine"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_however_they_are_said() {
        for (said, dialled) in [
            ("112", "112"),
            ("+49 (171) 555-0134", "+491715550134"),
            ("five five five one two three four", "5551234"),
            ("oh one seven one double five", "017155"),
            ("one eight hundred three four two six", "18003426"),
            ("一三八 零零一三 八零零零", "13800138000"),
            ("幺幺零", "110"),
            ("star one two three hash", "*123#"),
            ("five five five oh four thirty seven", "5550437"),
            ("Fifty five eighty nineteen", "558019"),
            ("sixty oh seven triple five", "6007555"),
        ] {
            assert_eq!(telephone_number(said).as_deref(), Some(dialled), "{said}");
        }
    }

    #[test]
    fn anything_else_is_no_number() {
        for said in [
            "",
            "12",
            "the temperature to nineteen",
            "up the heat",
            "璃上全是水",
            "1+1+1",
            "double",
            "me",
            "123456789012345678901",
        ] {
            assert_eq!(telephone_number(said), None, "{said}");
        }
    }
}
