//! The configured list of execution providers.

use std::fmt;
use std::path::PathBuf;

use super::{Candidate, CandidateSettings};
use crate::{Error, GraphKind};

/// A candidate, and what it is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Who may run a model.
    pub candidate: Candidate,
    /// The kind of graph that it takes of a model that has several.
    pub graph: GraphKind,
    /// Where it keeps what it compiled; `None` compiles at every start.
    pub cache: Option<PathBuf>,
}

impl Entry {
    /// ONNX Runtime's own kernels.
    pub fn cpu() -> Self {
        Self {
            candidate: Candidate::Cpu,
            graph: GraphKind::CpuDynamic,
            cache: None,
        }
    }
}

impl fmt::Display for Entry {
    /// The candidate's name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.candidate.fmt(f)
    }
}

/// The candidates in the order in which they are tried. Never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecutionProviders {
    entries: Vec<Entry>,
}

impl ExecutionProviders {
    /// The CPU alone.
    pub fn cpu() -> Self {
        Self {
            entries: vec![Entry::cpu()],
        }
    }

    /// Parses the configured list. The CPU is added at its end unless it is
    /// there already or `cpu_may_be_added` is false.
    ///
    /// # Errors
    /// [`Error::ExecutionProvider`] with the entry's place, name and mistake.
    pub fn parse(settings: &[CandidateSettings], cpu_may_be_added: bool) -> Result<Self, Error> {
        let mut entries = Vec::with_capacity(settings.len() + 1);
        for (index, written) in settings.iter().enumerate() {
            let entry = entry(written).map_err(|problem| Error::ExecutionProvider {
                position: index + 1,
                name: written.name.clone(),
                problem,
            })?;
            entries.push(entry);
        }
        if entries.is_empty() || (cpu_may_be_added && !entries.contains(&Entry::cpu())) {
            entries.push(Entry::cpu());
        }
        Ok(Self { entries })
    }

    /// Those that take graphs for CPUs; never empty.
    pub fn for_cpu_graphs(&self) -> Self {
        let entries = self.entries.iter();
        let mut entries: Vec<_> = entries
            .filter(|entry| entry.graph == GraphKind::CpuDynamic)
            .cloned()
            .collect();
        if entries.is_empty() {
            entries.push(Entry::cpu());
        }
        Self { entries }
    }

    /// The one of this name for a small model that has a single graph, and the CPU behind it.
    ///
    /// # Errors
    /// [`Error::NoSuchProvider`] with the names there are; `key` is the setting that asks for it.
    pub fn named(&self, key: &'static str, name: &str) -> Result<Self, Error> {
        let mut entries = self.entries.iter().map(|entry| Entry {
            graph: GraphKind::CpuDynamic,
            ..entry.clone()
        });
        let cpu = Entry::cpu();
        match entries.find(|entry| entry.to_string() == name) {
            Some(entry) if entry != cpu => Ok(Self {
                entries: vec![entry, cpu],
            }),
            None if name != cpu.to_string() => Err(Error::NoSuchProvider {
                key,
                name: name.into(),
                known: self.entries.iter().map(Entry::to_string).collect(),
            }),
            _ => Ok(Self::cpu()),
        }
    }

    /// The candidates in order.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }
}

fn entry(written: &CandidateSettings) -> Result<Entry, String> {
    Ok(Entry {
        candidate: written.candidate()?,
        graph: written.graph_kind()?,
        cache: written.cache.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    fn settings(toml: &str) -> Vec<CandidateSettings> {
        #[derive(Deserialize)]
        struct Config {
            execution_provider: Vec<CandidateSettings>,
        }
        toml::from_str::<Config>(toml).unwrap().execution_provider
    }

    fn complaint(toml: &str) -> String {
        ExecutionProviders::parse(&settings(toml), true)
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn candidates_keep_their_order_and_the_cpu_comes_last() {
        let list = settings(
            r#"
            [[execution_provider]]
            name = "plugin"
            library = "/usr/lib/libqnn.so"
            registered_as = "QNN"
            options = { backend_type = "htp" }
            [[execution_provider]]
            name = "openvino"
            device = "NPU"
            "#,
        );
        let names = |providers: ExecutionProviders| {
            let names = providers.entries().iter().map(Entry::to_string);
            names.collect::<Vec<_>>()
        };
        let with_cpu = ExecutionProviders::parse(&list, true).unwrap();
        assert_eq!(names(with_cpu), ["plugin:QNN", "openvino:NPU", "cpu"]);
        let without_cpu = ExecutionProviders::parse(&list, false).unwrap();
        assert_eq!(names(without_cpu), ["plugin:QNN", "openvino:NPU"]);
    }

    #[test]
    fn the_cpu_is_not_added_twice_and_an_empty_list_means_the_cpu() {
        let list = settings("[[execution_provider]]\nname = \"cpu\"");
        assert_eq!(
            ExecutionProviders::parse(&list, true).unwrap(),
            ExecutionProviders::cpu()
        );
        assert_eq!(
            ExecutionProviders::parse(&[], false).unwrap(),
            ExecutionProviders::cpu()
        );
    }

    #[test]
    fn a_small_model_gets_the_provider_that_is_named_for_it_and_the_cpu() {
        let list = settings(
            "[[execution_provider]]\nname = \"openvino\"\ndevice = \"NPU\"\ngraph = \"npu\"",
        );
        let list = ExecutionProviders::parse(&list, true).unwrap();
        let named = list.named("wake", "openvino:NPU").unwrap();
        let entries = named.entries().iter().map(Entry::to_string);
        assert_eq!(entries.collect::<Vec<_>>(), ["openvino:NPU", "cpu"]);
        assert_eq!(named.entries()[0].graph, GraphKind::CpuDynamic);
        assert_eq!(
            list.named("wake", "cpu").unwrap(),
            ExecutionProviders::cpu()
        );
        assert_eq!(
            list.named("wake", "openvino").unwrap_err().to_string(),
            "wake = \"openvino\" is none of the execution providers; use one of openvino:NPU, cpu"
        );
    }

    #[test]
    fn an_unknown_provider_is_an_error_that_lists_the_known_ones() {
        assert_eq!(
            complaint(
                "[[execution_provider]]\nname = \"cpu\"\n[[execution_provider]]\nname = \"npu\""
            ),
            "execution_provider 2 (\"npu\"): is unknown; use cpu, openvino, qnn, xnnpack, acl, cann, vitisai, rknpu or plugin"
        );
    }

    #[test]
    fn a_key_that_the_provider_does_not_have_is_an_error_that_names_it() {
        for (toml, expected) in [
            (
                "name = \"cpu\"\ndevice = \"0\"",
                "device means nothing for cpu",
            ),
            (
                "name = \"qnn\"\ndevice = \"NPU\"",
                "device means nothing for qnn",
            ),
            (
                "name = \"openvino\"\nlibrary = \"x.so\"",
                "library means nothing for openvino",
            ),
            (
                "name = \"acl\"\noptions = { fast = \"1\" }",
                "option fast is unknown",
            ),
            (
                "name = \"rknpu\"\noptions = { fast = \"1\" }",
                "options means nothing for rknpu",
            ),
            ("name = \"plugin\"\nregistered_as = \"X\"", "needs library"),
            (
                "name = \"plugin\"\nlibrary = \"x.so\"",
                "needs registered_as",
            ),
            (
                "name = \"plugin\"\nlibrary = \"x.so\"\nregistered_as = \"X\"\ndevice = \"TPU\"",
                "use CPU, GPU or NPU",
            ),
            ("name = \"openvino\"\ngraph = \"gpu\"", "use cpu or npu"),
            ("name = \"cpu\"\ngraph = \"npu\"", "means nothing for cpu"),
            ("name = \"cpu\"\ncache = \"/tmp\"", "means nothing for cpu"),
            ("name = \"openvino\"\ndevice = \"N\\u0000\"", "zero byte"),
        ] {
            let said = complaint(&format!("[[execution_provider]]\n{toml}"));
            assert!(said.contains(expected), "{toml}: {said}");
        }
    }
}
