//! Reads one intent pack: TOML as written, then checked into definitions.

mod argument;
mod route;

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use serde::Deserialize;
use toml::Spanned;

use crate::source::Source;
use crate::{
    ArgumentKind, CommandDefinition, CommandName, Confirm, Error, Language, Phrase, Policy,
    RejectSentence, Template, TestSentence, Value,
};

use argument::argument_of;
use route::{RawPaths, RawRoute, route_of};

/// What one file holds.
pub(crate) struct Pack {
    pub(crate) commands: Vec<CommandDefinition>,
    pub(crate) rejects: Vec<RejectSentence>,
}

impl Pack {
    pub(crate) fn load(path: &Path) -> Result<Self, Error> {
        let source = Source::read(path)?;
        let raw: RawPack = source.parse()?;
        let header = raw.pack;
        let mut errors = Vec::new();
        if header.version.split('.').count() != 3 {
            errors.push(source.invalid(
                &(0..0),
                format!("pack \"{}\"", header.name),
                format!("version \"{}\" has not three parts", header.version),
                "write it as in \"1.0.0\"",
            ));
        }
        let mut commands = Vec::new();
        for command in raw.command {
            let reader = Reader {
                source: &source,
                paths: &raw.paths,
            };
            match reader.command(command) {
                Ok(command) => commands.push(command),
                Err(error) => errors.push(error),
            }
        }
        let rejects = raw
            .reject
            .into_iter()
            .map(|reject| RejectSentence {
                language: reject.language,
                at: source.at(&reject.text.span()),
                text: reject.text.into_inner(),
            })
            .collect();
        Error::collect(Self { commands, rejects }, errors)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPack {
    pack: RawHeader,
    /// Path sets that several commands of the file share, by name.
    #[serde(default)]
    paths: BTreeMap<String, RawPaths>,
    #[serde(default)]
    command: Vec<RawCommand>,
    #[serde(default)]
    reject: Vec<RawReject>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawHeader {
    name: String,
    version: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCommand {
    name: Spanned<String>,
    summary: String,
    #[serde(default)]
    arguments: toml::map::Map<String, toml::Value>,
    phrases: BTreeMap<Language, Vec<Spanned<RawPhrase>>>,
    route: Spanned<RawRoute>,
    #[serde(default)]
    policy: RawPolicy,
    #[serde(default)]
    replies: BTreeMap<Language, BTreeMap<String, Spanned<String>>>,
    #[serde(default)]
    tests: Vec<RawTest>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum RawPhrase {
    Plain(String),
    Fixed(RawFixedPhrase),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFixedPhrase {
    text: String,
    arguments: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawPolicy {
    confirm: Confirm,
    time_to_live_ms: u64,
}

impl Default for RawPolicy {
    fn default() -> Self {
        Self {
            confirm: Confirm::Never,
            time_to_live_ms: 5_000,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTest {
    language: Language,
    text: Spanned<String>,
    #[serde(default)]
    arguments: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawReject {
    language: Language,
    text: Spanned<String>,
}

struct Reader<'a> {
    source: &'a Source,
    paths: &'a BTreeMap<String, RawPaths>,
}

impl Reader<'_> {
    fn command(&self, raw: RawCommand) -> Result<CommandDefinition, Error> {
        let span = raw.name.span();
        let subject = format!("command \"{}\"", raw.name.get_ref());
        let name = CommandName::from_str(raw.name.get_ref()).map_err(|problem| {
            self.source
                .invalid(&span, "command", problem, "rename the command")
        })?;
        let problem =
            |problem: String, remedy: &str| self.source.invalid(&span, &subject, problem, remedy);

        let mut arguments = Vec::new();
        for (argument, value) in raw.arguments {
            let parsed = argument_of(&argument, value).map_err(|text| {
                problem(
                    format!("argument \"{argument}\": {text}"),
                    "correct its table in [command.arguments]",
                )
            })?;
            arguments.push(parsed);
        }

        let route_span = raw.route.span();
        let route = route_of(raw.route.into_inner(), &arguments, self.paths).map_err(|text| {
            self.source.invalid(
                &route_span,
                &subject,
                format!("route: {text}"),
                "correct [command.route]",
            )
        })?;

        let mut definition = CommandDefinition {
            name,
            summary: raw.summary,
            arguments,
            phrases: BTreeMap::new(),
            route,
            policy: Policy {
                confirm: raw.policy.confirm,
                time_to_live: Duration::from_millis(raw.policy.time_to_live_ms),
            },
            replies: BTreeMap::new(),
            tests: Vec::new(),
            at: self.source.at(&span),
        };
        for (language, phrases) in raw.phrases {
            let phrases = phrases
                .into_iter()
                .map(|phrase| self.phrase(phrase, &definition, &subject))
                .collect::<Result<_, _>>()?;
            definition.phrases.insert(language, phrases);
        }
        for (language, texts) in raw.replies {
            for (outcome, text) in texts {
                self.check_reply(&text, &definition, &subject)?;
                definition
                    .replies
                    .entry(language)
                    .or_default()
                    .insert(outcome, text.into_inner());
            }
        }
        definition.tests = raw
            .tests
            .into_iter()
            .map(|test| self.test(test, &definition, &subject))
            .collect::<Result<_, _>>()?;
        Ok(definition)
    }

    fn phrase(
        &self,
        raw: Spanned<RawPhrase>,
        command: &CommandDefinition,
        subject: &str,
    ) -> Result<Phrase, Error> {
        let span = raw.span();
        let (text, fixed) = match raw.into_inner() {
            RawPhrase::Plain(text) => (text, BTreeMap::new()),
            RawPhrase::Fixed(fixed) => (fixed.text, fixed.arguments),
        };
        let invalid = |problem: String, remedy: &str| {
            self.source
                .invalid(&span, subject, format!("phrase: {problem}"), remedy)
        };
        let template =
            Template::parse(&text).map_err(|problem| invalid(problem, "correct the template"))?;
        let arguments = self.values(fixed, command, &span, subject)?;
        for slot in template.slots() {
            match command.argument(slot).map(|argument| &argument.kind) {
                None => {
                    return Err(invalid(
                        format!("\"{text}\" names the slot \"{slot}\", which is no argument"),
                        "declare it in [command.arguments] or correct its name",
                    ));
                }
                Some(ArgumentKind::Flag) => {
                    return Err(invalid(
                        format!("\"{text}\" names the slot \"{slot}\", and a flag has no words"),
                        "fix it with { text = \"...\", arguments = { ... } }, or make it a choice",
                    ));
                }
                Some(_) if arguments.contains_key(slot) => {
                    return Err(invalid(
                        format!("\"{text}\" both names and fixes \"{slot}\""),
                        "keep one of the two",
                    ));
                }
                Some(_) => {}
            }
        }
        Ok(Phrase {
            template,
            arguments,
            at: self.source.at(&span),
        })
    }

    fn test(
        &self,
        raw: RawTest,
        command: &CommandDefinition,
        subject: &str,
    ) -> Result<TestSentence, Error> {
        let span = raw.text.span();
        let given = self.values(raw.arguments, command, &span, subject)?;
        let complete = command.complete(given).map_err(|error| {
            self.source.invalid(
                &span,
                subject,
                format!("test: {error}"),
                "state every required argument the sentence means",
            )
        })?;
        Ok(TestSentence {
            language: raw.language,
            text: raw.text.into_inner(),
            arguments: complete.arguments,
            at: self.source.at(&span),
        })
    }

    fn values(
        &self,
        given: BTreeMap<String, Value>,
        command: &CommandDefinition,
        span: &Range<usize>,
        subject: &str,
    ) -> Result<BTreeMap<String, Value>, Error> {
        given
            .into_iter()
            .map(|(name, value)| {
                let argument = command
                    .argument(&name)
                    .ok_or_else(|| format!("there is no argument \"{name}\""))?;
                let value = argument.parse(&value).map_err(|error| error.to_string())?;
                Ok((name, value))
            })
            .collect::<Result<_, String>>()
            .map_err(|problem| {
                self.source.invalid(
                    span,
                    subject,
                    problem,
                    "correct the arguments of this entry",
                )
            })
    }

    fn check_reply(
        &self,
        text: &Spanned<String>,
        command: &CommandDefinition,
        subject: &str,
    ) -> Result<(), Error> {
        let problem = |problem: String| {
            self.source.invalid(
                &text.span(),
                subject,
                format!("reply: {problem}"),
                "use the command's arguments, {value} or {reason} between braces",
            )
        };
        let mut rest = text.get_ref().as_str();
        while let Some((_, after)) = rest.split_once('{') {
            let (slot, after) = after
                .split_once('}')
                .ok_or_else(|| problem("a \"{\" is not closed".into()))?;
            if command.argument(slot).is_none() && !matches!(slot, "value" | "reason") {
                return Err(problem(format!("unknown slot \"{slot}\"")));
            }
            rest = after;
        }
        Ok(())
    }
}
