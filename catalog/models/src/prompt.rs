//! The text around an utterance that a language model was tuned on.

use std::fmt;

/// One piece of a prompt, in order.
///
/// Pieces are kept apart so that the model's user can encode them apart:
/// literal text may hold control tokens, what somebody said must not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PromptSegment {
    /// Text from the manifest, control tokens included.
    Literal(String),
    /// What was said and done before.
    Context,
    /// What was said now.
    Utterance,
}

/// A parsed prompt template: literal text with `{utterance}` once and
/// `{context}` at most once. Braces themselves are written `{{` and `}}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PromptTemplate {
    segments: Vec<PromptSegment>,
}

impl PromptTemplate {
    /// Parses `text`.
    ///
    /// # Errors
    /// A sentence that says which placeholder is unknown, missing, doubled or
    /// not closed.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut segments = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            let (before, from_brace) = rest.split_at(at);
            literal.push_str(before);
            if let Some(after) = from_brace.strip_prefix("{{") {
                literal.push('{');
                rest = after;
            } else if let Some(after) = from_brace.strip_prefix("}}") {
                literal.push('}');
                rest = after;
            } else {
                let (segment, after) = placeholder(from_brace)?;
                if !literal.is_empty() {
                    segments.push(PromptSegment::Literal(std::mem::take(&mut literal)));
                }
                segments.push(segment);
                rest = after;
            }
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            segments.push(PromptSegment::Literal(literal));
        }
        let count = |wanted| segments.iter().filter(|found| **found == wanted).count();
        match (
            count(PromptSegment::Utterance),
            count(PromptSegment::Context),
        ) {
            (1, 0 | 1) => Ok(Self { segments }),
            (1, _) => Err("has {context} more than once; keep one".into()),
            (0, _) => Err("has no {utterance}; say where what was said belongs".into()),
            (_, _) => Err("has {utterance} more than once; keep one".into()),
        }
    }

    /// The pieces in order.
    pub fn segments(&self) -> &[PromptSegment] {
        &self.segments
    }

    /// The literal text before the first placeholder: the same for every
    /// utterance, so its key-value cache can be kept.
    pub fn prefix(&self) -> &str {
        match self.segments.first() {
            Some(PromptSegment::Literal(text)) => text,
            _ => "",
        }
    }

    /// The whole prompt as text.
    pub fn render(&self, context: &str, utterance: &str) -> String {
        self.segments
            .iter()
            .map(|segment| match segment {
                PromptSegment::Literal(text) => text,
                PromptSegment::Context => context,
                PromptSegment::Utterance => utterance,
            })
            .collect()
    }
}

impl fmt::Display for PromptTemplate {
    /// Writes the template as it stands in a manifest.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for segment in &self.segments {
            match segment {
                PromptSegment::Literal(text) => {
                    f.write_str(&text.replace('{', "{{").replace('}', "}}"))?;
                }
                PromptSegment::Context => f.write_str("{context}")?,
                PromptSegment::Utterance => f.write_str("{utterance}")?,
            }
        }
        Ok(())
    }
}

fn placeholder(from_brace: &str) -> Result<(PromptSegment, &str), String> {
    let inside = from_brace
        .strip_prefix('{')
        .ok_or("has a } that closes nothing; write }} for a brace")?;
    let (name, after) = inside
        .split_once('}')
        .ok_or("has a { that is not closed; write {{ for a brace")?;
    let segment = match name {
        "utterance" => PromptSegment::Utterance,
        "context" => PromptSegment::Context,
        other => {
            return Err(format!(
                "has the unknown placeholder {{{other}}}; use {{utterance}} or {{context}}"
            ));
        }
    };
    Ok((segment, after))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_template_splits_into_fixed_text_context_and_utterance() {
        let template = PromptTemplate::parse("<s>{context}\nuser: {utterance}\n").unwrap();
        assert_eq!(template.prefix(), "<s>");
        assert_eq!(
            template.render("it is warm", "open it"),
            "<s>it is warm\nuser: open it\n"
        );
    }

    #[test]
    fn placeholders_in_what_was_said_are_only_text() {
        let template = PromptTemplate::parse("{context}|{utterance}").unwrap();
        assert_eq!(
            template.render("{utterance}", "{context}"),
            "{utterance}|{context}"
        );
    }

    #[test]
    fn doubled_braces_are_braces() {
        let template = PromptTemplate::parse("{{\"said\": \"{utterance}\"}}").unwrap();
        assert_eq!(template.render("", "hi"), "{\"said\": \"hi\"}");
    }

    #[test]
    fn a_wrong_template_says_what_is_wrong() {
        for (text, complaint) in [
            ("no place for it", "no {utterance}"),
            ("{utterance}{utterance}", "{utterance} more than once"),
            ("{context}{context}{utterance}", "{context} more than once"),
            ("{utterence}", "unknown placeholder {utterence}"),
            ("{utterance", "not closed"),
            ("utterance}", "closes nothing"),
        ] {
            let error = PromptTemplate::parse(text).unwrap_err();
            assert!(error.contains(complaint), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn parsing_never_panics_and_printing_gives_the_template_back(text in ".{0,40}") {
            if let Ok(template) = PromptTemplate::parse(&text) {
                prop_assert_eq!(PromptTemplate::parse(&template.to_string()), Ok(template));
            }
        }

        #[test]
        fn any_literal_text_around_the_utterance_survives(before in ".{0,20}", after in ".{0,20}") {
            let escape = |text: &str| text.replace('{', "{{").replace('}', "}}");
            let template =
                PromptTemplate::parse(&format!("{}{{utterance}}{}", escape(&before), escape(&after))).unwrap();
            prop_assert_eq!(template.render("", "x"), format!("{before}x{after}"));
        }
    }
}
