//! Reads one intent pack: TOML as written, then checked into definitions.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use serde::Deserialize;
use toml::Spanned;

use crate::source::Source;
use crate::{
    Argument, ArgumentKind, AssistantAction, Bus, Choice, CommandDefinition, CommandName, Confirm,
    DbusArgument, DbusCall, DbusRoute, Error, Language, Lookup, ObjectFilter, Operation, Paths,
    Phrase, Policy, RejectSentence, Route, Template, TestSentence, TextForm, Unit, Value,
    ValueSource, VssRoute, Zone,
};

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
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
enum RawArgument {
    Zone {
        allowed: Vec<Zone>,
        default: Option<Value>,
    },
    Number {
        unit: Option<Unit>,
        min: f64,
        max: f64,
        step: f64,
        default: Option<Value>,
    },
    Choice {
        choices: toml::map::Map<String, toml::Value>,
        default: Option<Value>,
    },
    Text {
        max_characters: Option<usize>,
        #[serde(default)]
        form: TextForm,
        lookup: Option<Lookup>,
        #[serde(default)]
        never_begins: Vec<String>,
        default: Option<Value>,
    },
    Flag {
        default: Option<Value>,
    },
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
#[serde(deny_unknown_fields)]
struct RawRoute {
    vss: Option<RawVss>,
    dbus: Option<RawDbus>,
    assistant: Option<AssistantAction>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawVss {
    operation: Operation,
    value: Option<RawValue>,
    paths: RawPaths,
    scale: Option<f64>,
}

#[derive(Clone, Deserialize)]
#[serde(untagged)]
enum RawPaths {
    Named(String),
    Fixed(Vec<String>),
    ByChoice(RawPathTable),
    ByZone(BTreeMap<Zone, Vec<String>>),
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPathTable {
    argument: String,
    table: BTreeMap<String, Vec<String>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum RawValue {
    Table(RawTable),
    Scaled(RawScaled),
    Plain(Value),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawScaled {
    argument: String,
    scale: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTable {
    argument: String,
    table: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawDbus {
    bus: Bus,
    service: String,
    path: String,
    #[serde(rename = "where")]
    filter: Option<BTreeMap<String, RawFilterValues>>,
    interface: String,
    member: Option<String>,
    #[serde(default)]
    arguments: Vec<RawDbusArgument>,
    property: Option<String>,
    operation: Option<Operation>,
    value: Option<RawDbusArgument>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum RawFilterValues {
    Several(Vec<Value>),
    One(Value),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawDbusArgument {
    #[serde(rename = "type")]
    signature: char,
    value: RawValue,
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

/// Longest free text when a pack does not say.
const DEFAULT_TEXT_CHARACTERS: usize = 80;

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

fn argument_of(name: &str, value: toml::Value) -> Result<Argument, String> {
    let raw: RawArgument = value
        .try_into()
        .map_err(|error: toml::de::Error| error.message().to_owned())?;
    let (kind, default) = match raw {
        RawArgument::Zone { allowed, default } => {
            if allowed.is_empty() {
                return Err("no zone is allowed".into());
            }
            if name != "zone" {
                return Err("an argument of kind \"zone\" must be called zone".into());
            }
            (ArgumentKind::Zone { allowed }, default)
        }
        RawArgument::Number {
            unit,
            min,
            max,
            step,
            default,
        } => {
            let unit =
                unit.ok_or("it has no unit; add unit = \"percent\", \"celsius\" or another")?;
            let finite = [min, max, step].iter().all(|number| number.is_finite());
            if !finite || min > max || step <= 0.0 {
                return Err(format!(
                    "min {min}, max {max}, step {step} make no range; min <= max and step > 0"
                ));
            }
            (
                ArgumentKind::Number {
                    unit,
                    min,
                    max,
                    step,
                },
                default,
            )
        }
        RawArgument::Choice { choices, default } => {
            let choices = choices
                .into_iter()
                .map(|(name, words)| {
                    let words: BTreeMap<Language, Vec<String>> =
                        words.try_into().map_err(|error: toml::de::Error| {
                            format!("choice \"{name}\": {}", error.message())
                        })?;
                    Ok(Choice { name, words })
                })
                .collect::<Result<Vec<_>, String>>()?;
            if choices.is_empty() {
                return Err("it has no choices".into());
            }
            (ArgumentKind::Choice { choices }, default)
        }
        RawArgument::Text {
            max_characters,
            form,
            lookup,
            never_begins,
            default,
        } => {
            if lookup.is_some() && form == TextForm::TelephoneNumber {
                return Err(
                    "a telephone number is looked up nowhere; remove lookup or form".into(),
                );
            }
            let plain = |words: &String| !words.is_empty() && *words == words.to_lowercase();
            if let Some(words) = never_begins.iter().find(|words| !plain(words)) {
                return Err(format!(
                    "never_begins holds \"{words}\"; write words, in small letters"
                ));
            }
            let max_characters = max_characters.unwrap_or(DEFAULT_TEXT_CHARACTERS);
            (
                ArgumentKind::Text {
                    max_characters,
                    form,
                    lookup,
                    never_begins,
                },
                default,
            )
        }
        RawArgument::Flag { default } => (ArgumentKind::Flag, default),
    };
    let mut argument = Argument {
        name: name.to_owned(),
        kind,
        default: None,
    };
    argument.default = default
        .map(|value| argument.parse(&value))
        .transpose()
        .map_err(|error| format!("default: {error}"))?;
    Ok(argument)
}

fn route_of(
    raw: RawRoute,
    arguments: &[Argument],
    named: &BTreeMap<String, RawPaths>,
) -> Result<Route, String> {
    if let Some(argument) = looked_up(arguments)
        && raw.dbus.is_none()
    {
        return Err(format!(
            "\"{argument}\" has a lookup, and what is found is for a dbus route only"
        ));
    }
    match (raw.vss, raw.dbus, raw.assistant) {
        (Some(vss), None, None) => vss_route(vss, arguments, named).map(Route::Vss),
        (None, Some(dbus), None) => dbus_route(dbus, arguments).map(Route::Dbus),
        (None, None, Some(action)) => Ok(Route::Assistant(action)),
        _ => Err("exactly one of vss, dbus and assistant must be given".into()),
    }
}

/// The name of an argument that is looked up, if there is one.
fn looked_up(arguments: &[Argument]) -> Option<&str> {
    let is_looked_up = |argument: &&Argument| {
        matches!(
            argument.kind,
            ArgumentKind::Text {
                lookup: Some(_),
                ..
            }
        )
    };
    arguments
        .iter()
        .find(is_looked_up)
        .map(|argument| argument.name.as_str())
}

fn vss_route(
    raw: RawVss,
    arguments: &[Argument],
    named: &BTreeMap<String, RawPaths>,
) -> Result<VssRoute, String> {
    let value = written_value(raw.operation, raw.value, arguments)?;
    let scale = match raw.scale {
        None => 1.0,
        Some(scale) if raw.operation == Operation::Get => factor(scale)?,
        Some(_) => {
            return Err(
                "the scale of a route is for get; write value = { argument = \"...\", scale = ... }"
                    .into(),
            );
        }
    };
    let paths = match raw.paths {
        RawPaths::Named(name) => named
            .get(&name)
            .cloned()
            .ok_or_else(|| format!("there is no [paths.{name}] in this file"))?,
        written => written,
    };
    let paths = match paths {
        RawPaths::Named(name) => {
            return Err(format!("[paths] may not name another set, \"{name}\""));
        }
        RawPaths::Fixed(paths) if paths.is_empty() => return Err("paths is empty".into()),
        RawPaths::Fixed(paths) => Paths::Fixed(paths),
        RawPaths::ByChoice(RawPathTable { argument, table }) => {
            let choices = arguments
                .iter()
                .find(|known| known.name == argument)
                .and_then(|argument| match &argument.kind {
                    ArgumentKind::Choice { choices } => Some(choices),
                    _ => None,
                })
                .ok_or_else(|| format!("paths name \"{argument}\", which is no choice argument"))?;
            same_names(&argument, choices, table.keys())?;
            if let Some((name, _)) = table.iter().find(|(_, paths)| paths.is_empty()) {
                return Err(format!("choice \"{name}\" of \"{argument}\" has no paths"));
            }
            Paths::ByChoice { argument, table }
        }
        RawPaths::ByZone(by_zone) => {
            let allowed = arguments
                .iter()
                .find_map(|argument| match &argument.kind {
                    ArgumentKind::Zone { allowed } => Some(allowed),
                    _ => None,
                })
                .ok_or("paths go by zone, but there is no zone argument")?;
            for zone in allowed {
                if by_zone.get(zone).is_none_or(Vec::is_empty) {
                    return Err(format!("zone \"{zone}\" is allowed but has no paths"));
                }
            }
            Paths::ByZone(by_zone)
        }
    };
    Ok(VssRoute {
        operation: raw.operation,
        value,
        paths,
        scale,
    })
}

fn dbus_route(raw: RawDbus, arguments: &[Argument]) -> Result<DbusRoute, String> {
    let call = match (raw.member, raw.property) {
        (Some(member), None) => {
            if raw.operation.is_some() || raw.value.is_some() {
                return Err("operation and value belong to a property, not to a member".into());
            }
            DbusCall::Method {
                member,
                arguments: raw
                    .arguments
                    .into_iter()
                    .map(|argument| dbus_argument(argument, arguments))
                    .collect::<Result<_, _>>()?,
            }
        }
        (None, Some(name)) => {
            let operation = raw.operation.ok_or("a property needs an operation")?;
            if (operation == Operation::Get) != raw.value.is_none() {
                return Err("set and step need a value, get has none".into());
            }
            DbusCall::Property {
                name,
                operation,
                value: raw
                    .value
                    .map(|value| dbus_argument(value, arguments))
                    .transpose()?,
            }
        }
        _ => return Err("exactly one of member and property must be given".into()),
    };
    let filter = raw.filter.map(object_filter).transpose()?;
    if filter.is_some() && !raw.path.ends_with("/*") {
        return Err("where chooses among the objects below a path that ends in \"/*\"".into());
    }
    Ok(DbusRoute {
        bus: raw.bus,
        service: raw.service,
        path: raw.path,
        filter,
        interface: raw.interface,
        call,
    })
}

fn object_filter(raw: BTreeMap<String, RawFilterValues>) -> Result<ObjectFilter, String> {
    let mut entries = raw.into_iter();
    let (Some((property, values)), None) = (entries.next(), entries.next()) else {
        return Err("where names exactly one property, as in { State = \"incoming\" }".into());
    };
    let values = match values {
        RawFilterValues::One(value) => vec![value],
        RawFilterValues::Several(values) => values,
    };
    if values.is_empty() {
        return Err(format!("where lists no value of {property}"));
    }
    Ok(ObjectFilter { property, values })
}

fn dbus_argument(raw: RawDbusArgument, arguments: &[Argument]) -> Result<DbusArgument, String> {
    if !"sbdiuxtynqo".contains(raw.signature) {
        return Err(format!(
            "\"{}\" is no basic D-Bus type; use one of s b d i u x t y n q o",
            raw.signature
        ));
    }
    Ok(DbusArgument {
        signature: raw.signature,
        value: value_source(raw.value, arguments)?,
    })
}

fn written_value(
    operation: Operation,
    raw: Option<RawValue>,
    arguments: &[Argument],
) -> Result<Option<ValueSource>, String> {
    match (operation, raw) {
        (Operation::Get, None) => Ok(None),
        (Operation::Get, Some(_)) => Err("get writes no value".into()),
        (_, None) => Err("set and step need a value".into()),
        (_, Some(raw)) => value_source(raw, arguments).map(Some),
    }
}

fn factor(scale: f64) -> Result<f64, String> {
    if scale.is_finite() && scale != 0.0 {
        Ok(scale)
    } else {
        Err("scale must be a number other than zero".into())
    }
}

fn value_source(raw: RawValue, arguments: &[Argument]) -> Result<ValueSource, String> {
    let source = match raw {
        RawValue::Plain(Value::Text(text)) => {
            match text
                .strip_prefix('{')
                .and_then(|rest| rest.strip_suffix('}'))
            {
                Some(argument) => ValueSource::Argument(argument.to_owned()),
                None => ValueSource::Constant(Value::Text(text)),
            }
        }
        RawValue::Plain(value) => ValueSource::Constant(value),
        RawValue::Scaled(RawScaled { argument, scale }) => {
            let scale = factor(scale)?;
            ValueSource::Scaled { argument, scale }
        }
        RawValue::Table(RawTable { argument, table }) => ValueSource::Table { argument, table },
    };
    let Some(name) = source.argument() else {
        return Ok(source);
    };
    let argument = arguments
        .iter()
        .find(|argument| argument.name == name)
        .ok_or_else(|| format!("value names \"{name}\", which is no argument"))?;
    match (&source, &argument.kind) {
        (ValueSource::Scaled { .. }, kind) if !matches!(kind, ArgumentKind::Number { .. }) => {
            Err(format!(
                "only a number can be scaled, and \"{name}\" is a {}",
                kind.name()
            ))
        }
        (ValueSource::Table { table, .. }, ArgumentKind::Choice { choices }) => {
            same_names(name, choices, table.keys())?;
            Ok(source)
        }
        _ => Ok(source),
    }
}

/// A table by a choice lists exactly its choices.
fn same_names<'a>(
    argument: &str,
    choices: &[Choice],
    listed: impl Iterator<Item = &'a String>,
) -> Result<(), String> {
    let known: BTreeSet<_> = choices.iter().map(|choice| choice.name.as_str()).collect();
    let listed: BTreeSet<_> = listed.map(String::as_str).collect();
    match known.symmetric_difference(&listed).next() {
        Some(odd) => Err(format!(
            "the table and the choices of \"{argument}\" differ in \"{odd}\""
        )),
        None => Ok(()),
    }
}
