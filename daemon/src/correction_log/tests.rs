use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use codriver_catalog::{Command, Decision, Language};
use codriver_nlu::{Interpretation, Rule, Source};
use serde_json::Value;

use super::correction::How;
use super::*;
use crate::attention::Origin;
use crate::dialogue::{Answer, Step};
use crate::pipeline::{CommandReport, Sentence};

const CURRENT: &str = "corrections.jsonl";
const PREVIOUS: &str = "corrections.1.jsonl";
const ROOM: u64 = 65_536;

fn command(name: &str) -> Command {
    Command {
        name: name.parse().unwrap(),
        arguments: Default::default(),
    }
}

fn interpretation(text: &str, decision: Decision, names: &[&str]) -> Interpretation {
    Interpretation {
        text: text.into(),
        language: Language::English,
        commands: names.iter().map(|name| command(name)).collect(),
        confidence: 0.9,
        source: Source::Pattern,
        decision,
        reason: None,
        alternatives: Vec::new(),
        tiers: Vec::new(),
        rule: Rule::ExactPhrase,
        elapsed: Duration::ZERO,
    }
}

/// A request that was understood so and whose commands all ended so.
fn draft(text: &str, turn: Turn, decision: Decision, name: &str, outcome: &str) -> Draft {
    let sentence = Sentence {
        origin: Origin::Asked,
        ..Sentence::typed(text.into(), Some(Language::English))
    };
    let names: &[&str] = if name.is_empty() { &[] } else { &[name] };
    let report = |name: &&str| match outcome {
        "done" => CommandReport::done(command(name), None),
        reason => CommandReport::refused(command(name), reason, String::new()),
    };
    let outcomes: Vec<_> = match outcome {
        "" => Vec::new(),
        _ => names.iter().map(report).collect(),
    };
    let understood = interpretation(text, decision, names);
    Draft::of_sentence(&sentence, &understood, turn, &outcomes, "a reply")
}

fn done(text: &str, turn: Turn) -> Draft {
    draft(text, turn, Decision::Execute, "windows.open", "done")
}

fn not_understood(text: &str) -> Draft {
    draft(text, Turn::Plain, Decision::Reject, "", "")
}

fn entry(number: u64, text: &str, at: &str) -> Entry {
    Entry {
        entry: number,
        at: at.into(),
        corrects: None,
        content: not_understood(text).content,
    }
}

fn store(folder: &Path) -> Store {
    let mut store = Store::at(folder, ROOM);
    store.survey().unwrap();
    store
}

fn numbers(store: &Store) -> Vec<u64> {
    let lines = store.read(0, usize::MAX).unwrap();
    let entry = |line: &String| serde_json::from_str::<Value>(line).unwrap()["entry"].as_u64();
    lines.iter().filter_map(entry).collect()
}

/// Fills the log until its older file has been replaced once.
fn fill(store: &mut Store) -> u64 {
    let words = "open the window ".repeat(60);
    let mut written = 0;
    while store.known().bytes + 4096 < ROOM || written < 120 {
        let number = store.next();
        store
            .append(&entry(number, &words, "2026-03-01T00:00:00Z"))
            .unwrap();
        written += 1;
    }
    written
}

#[test]
fn a_log_that_is_off_makes_no_file_and_no_entry() {
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().join("log");
    let log = CorrectionLog::start(&settings::CorrectionLog {
        enabled: false,
        directory: directory.clone(),
        ..settings::CorrectionLog::default()
    })
    .unwrap();
    log.note(|| panic!("nothing is put together for a log that is off"));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let report = runtime.block_on(log.surveyed()).unwrap();
    assert_eq!((report.enabled, report.survey.entries), (false, 0));
    assert!(!directory.exists());
}

#[test]
fn an_entry_says_what_was_heard_understood_done_and_answered() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = store(folder.path());
    let written = Entry {
        entry: 1,
        at: "2026-03-01T00:00:00Z".into(),
        corrects: None,
        content: done("open the window", Turn::Plain).content,
    };
    store.append(&written).unwrap();
    let lines = store.read(0, usize::MAX).unwrap();
    let read: Value = serde_json::from_str(&lines[0]).unwrap();
    assert_eq!(read["by"], "voice");
    assert_eq!(read["language"], "en");
    assert_eq!(read["heard"]["text"], "open the window");
    assert_eq!(read["understood"]["decision"], "execute");
    assert_eq!(read["did"][0]["name"], "windows.open");
    assert_eq!(read["did"][0]["outcome"], "done");
    assert_eq!(read["replied"], "a reply");
}

#[test]
fn only_the_owner_may_read_the_files_even_if_they_were_open_before() {
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().join("log");
    let mut made = store(&directory);
    made.append(&entry(1, "a", "2026-03-01T00:00:00Z")).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
    assert_eq!(mode(&directory), 0o700);
    assert_eq!(mode(&directory.join(CURRENT)), 0o600);
    let opened = fs::Permissions::from_mode(0o644);
    fs::set_permissions(directory.join(CURRENT), opened).unwrap();
    made.append(&entry(2, "b", "2026-03-01T00:00:00Z")).unwrap();
    assert_eq!(mode(&directory.join(CURRENT)), 0o600);
}

#[test]
fn the_log_never_takes_more_than_its_bound_and_the_oldest_entries_give_way() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = store(folder.path());
    let written = fill(&mut store);
    let size = |name: &str| fs::metadata(folder.path().join(name)).map_or(0, |m| m.len());
    assert!(size(PREVIOUS) > 0);
    assert!(size(PREVIOUS) + size(CURRENT) <= ROOM);
    assert_eq!(size(PREVIOUS) + size(CURRENT), store.known().bytes);
    let left = numbers(&store);
    assert!(left[0] > 1, "{left:?}");
    assert_eq!(*left.last().unwrap(), written);
    assert!(left.windows(2).all(|pair| pair[0] + 1 == pair[1]));
    assert_eq!(left.len() as u64, store.known().entries);
}

#[test]
fn an_entry_that_is_longer_than_the_log_is_refused_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = store(folder.path());
    store
        .append(&entry(1, "a", "2026-03-01T00:00:00Z"))
        .unwrap();
    let endless = "a".repeat(ROOM as usize / 2);
    let refused = store.append(&entry(2, &endless, "2026-03-01T00:00:00Z"));
    assert!(refused.unwrap_err().to_string().contains("too long"));
    assert_eq!(numbers(&store), [1]);
    assert_eq!(store.next(), 2);
}

#[test]
fn a_page_is_bounded_and_the_next_one_goes_on_behind_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = store(folder.path());
    for number in 1..=9 {
        let at = "2026-03-01T00:00:00Z";
        store.append(&entry(number, "a", at)).unwrap();
    }
    let length = store.read(0, usize::MAX).unwrap()[0].len();
    assert_eq!(store.read(0, length * 3).unwrap().len(), 3);
    assert_eq!(store.read(3, usize::MAX).unwrap().len(), 6);
    assert_eq!(store.read(8, 1).unwrap().len(), 1);
    assert!(store.read(9, usize::MAX).unwrap().is_empty());
}

#[test]
fn a_line_that_was_torn_off_is_lost_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(CURRENT);
    let mut before = store(folder.path());
    for number in 1..=3 {
        let at = "2026-03-01T00:00:00Z";
        before.append(&entry(number, "a", at)).unwrap();
    }
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() - 20]).unwrap();
    let mut after = store(folder.path());
    assert_eq!((after.known().entries, after.known().damaged), (2, 1));
    after
        .append(&entry(3, "b", "2026-03-01T00:00:00Z"))
        .unwrap();
    assert_eq!(numbers(&after), [1, 2, 3]);
    after.survey().unwrap();
    assert_eq!((after.known().entries, after.known().damaged), (3, 0));
}

#[test]
fn lines_that_make_no_sense_are_passed_over_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(CURRENT);
    let mut written = store(folder.path());
    written
        .append(&entry(1, "a", "2026-03-01T00:00:00Z"))
        .unwrap();
    let good = fs::read_to_string(&path).unwrap();
    let mut bytes = b"\0\0\0\xff\xfe\n{\"entry\": \"x\"}\nnot json\n".to_vec();
    bytes.extend_from_slice(good.as_bytes());
    fs::write(&path, bytes).unwrap();
    let read = store(folder.path());
    assert_eq!((read.known().entries, read.known().damaged), (1, 3));
    assert_eq!(numbers(&read), [1]);
}

#[test]
fn what_is_from_before_a_moment_is_erased_and_the_rest_stays() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = store(folder.path());
    for (number, day) in [(1, 1), (2, 2), (3, 3)] {
        let at = format!("2026-03-0{day}T12:00:00Z");
        store.append(&entry(number, "a", &at)).unwrap();
    }
    let before = "2026-03-03T00:00:00Z".parse().unwrap();
    assert_eq!(store.erase(Some(before)).unwrap(), 2);
    assert_eq!(numbers(&store), [3]);
    assert_eq!(store.next(), 4);
    let mode = fs::metadata(folder.path().join(CURRENT)).unwrap().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn erasing_everything_leaves_no_file_behind_in_either_half() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = store(folder.path());
    fill(&mut store);
    let entries = store.known().entries;
    assert_eq!(store.erase(None).unwrap(), entries);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    assert_eq!(store.erase(None).unwrap(), 0);
    let number = store.next();
    store
        .append(&entry(number, "a", "2026-03-01T00:00:00Z"))
        .unwrap();
    assert_eq!(numbers(&store), [number]);
}

#[test]
fn a_folder_that_cannot_be_written_costs_the_entry_and_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a file");
    fs::write(&file, "").unwrap();
    let log = CorrectionLog::start(&settings::CorrectionLog {
        enabled: true,
        directory: file.join("log"),
        ..settings::CorrectionLog::default()
    })
    .unwrap();
    log.note(|| not_understood("a"));
    let deadline = Instant::now() + Duration::from_secs(30);
    while log.report().lost == 0 {
        assert!(Instant::now() < deadline, "{:?}", log.report());
        std::thread::sleep(Duration::from_millis(5));
    }
    let problem = log.report().problem.unwrap();
    assert!(problem.contains("a file/log"), "{problem}");
}

/// Which request each of these puts right, taken one second after the other.
fn corrections(drafts: &[Draft]) -> Vec<Option<(u64, How)>> {
    let mut corrections = Corrections::default();
    let mut now = Instant::now();
    let mut found = Vec::new();
    for (number, draft) in (1..).zip(drafts) {
        now += Duration::from_secs(1);
        let corrects = corrections.take(number, draft, now);
        found.push(corrects.map(|corrects| (corrects.entry, corrects.how)));
    }
    found
}

#[test]
fn an_undo_corrects_what_was_done_last_and_a_second_one_what_was_done_before() {
    let question = draft("how fast", Turn::Plain, Decision::Execute, "", "");
    let undo = || draft("undo", Turn::Undo, Decision::Execute, "", "");
    let talk = [
        done("open the window", Turn::Plain),
        done("open the sunroof", Turn::Plain),
        question,
        undo(),
        undo(),
        undo(),
    ];
    let undone = |entry| Some((entry, How::Undone));
    assert_eq!(
        corrections(&talk),
        [None, None, None, undone(2), undone(1), None]
    );
}

#[test]
fn the_button_that_takes_back_the_last_change_corrects_it_too() {
    let asked = Instant::now();
    let button = Draft::of_button("u-000002".into(), asked, Language::English, "Undone.");
    let talk = [done("open the window", Turn::Plain), button];
    assert_eq!(corrections(&talk), [None, Some((1, How::Undone))]);
}

#[test]
fn no_the_other_side_corrects_what_was_just_done() {
    let talk = [
        done("open my window", Turn::Plain),
        done("no, the other side", Turn::Objection),
    ];
    assert_eq!(corrections(&talk), [None, Some((1, How::Objected))]);
    // Where nothing was done there is nothing to object to.
    let nothing = [
        draft("help", Turn::Plain, Decision::Execute, "", ""),
        done("no, the other side", Turn::Objection),
    ];
    assert_eq!(corrections(&nothing), [None, None]);
}

#[test]
fn a_no_to_the_question_and_a_cancel_correct_what_was_asked_about() {
    let question = || {
        draft(
            "open the trunk",
            Turn::Plain,
            Decision::Confirm,
            "trunk.open",
            "",
        )
    };
    for (turn, how) in [(Turn::Denial, How::Denied), (Turn::Cancel, How::Cancelled)] {
        let talk = [question(), draft("", turn, Decision::Execute, "", "")];
        assert_eq!(corrections(&talk), [None, Some((1, how))]);
    }
}

#[test]
fn what_was_in_vain_and_is_said_again_was_misunderstood() {
    let again = Some((1, How::SaidAgain));
    for (first, second, expected) in [
        // Alike in letters.
        (
            not_understood("Open the wind oh"),
            done("open the window", Turn::Plain),
            again,
        ),
        // Nothing was heard at all.
        (not_understood(""), done("open it", Turn::Plain), again),
        // Other words for the command that the car refused.
        (
            draft(
                "let some air in",
                Turn::Plain,
                Decision::Execute,
                "windows.open",
                "speed_interlock",
            ),
            done("open the window", Turn::Plain),
            again,
        ),
        // Another request.
        (
            not_understood("who won the match yesterday"),
            done("open the window", Turn::Plain),
            None,
        ),
        // An answer to the question is no repetition.
        (
            draft("open the", Turn::Plain, Decision::Clarify, "", ""),
            done("open the window", Turn::Joined),
            None,
        ),
        // Doing the same twice is no correction.
        (
            done("warmer", Turn::Plain),
            done("warmer", Turn::Plain),
            None,
        ),
    ] {
        let texts = format!("{first:?} {second:?}");
        assert_eq!(corrections(&[first, second]), [None, expected], "{texts}");
    }
}

#[test]
fn much_later_an_undo_is_a_change_of_mind() {
    let mut corrections = Corrections::default();
    let now = Instant::now();
    let first = done("open the window", Turn::Plain);
    corrections.take(1, &first, now);
    let undo = draft("undo", Turn::Undo, Decision::Execute, "", "");
    let later = now + Duration::from_secs(31);
    assert_eq!(corrections.take(2, &undo, later), None);
}

#[test]
fn what_a_sentence_is_to_the_one_before_it_is_known_by_the_steps_it_leads_to() {
    let sentence = Sentence::typed("anything".into(), None);
    let turn = |steps: &[Step]| Turn::of(&sentence, steps, None);
    assert_eq!(turn(&[Step::Undo]), Turn::Undo);
    assert_eq!(turn(&[Step::Cancel]), Turn::Cancel);
    assert_eq!(turn(&[Step::Say(Answer::Denied)]), Turn::Denial);
    assert_eq!(turn(&[Step::Perform(Vec::new())]), Turn::Plain);
    let mut joined = sentence.clone();
    joined.joined = true;
    assert_eq!(Turn::of(&joined, &[Step::Undo], None), Turn::Undo);
    assert_eq!(Turn::of(&joined, &[], None), Turn::Joined);
}
