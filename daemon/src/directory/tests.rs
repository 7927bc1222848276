use std::path::Path;

use super::*;
use codriver_vehicle_bus::route::Destination;

const ANNA: &str = "BEGIN:VCARD\r\nVERSION:3.0\r\nN:Berg;Anna;;Dr.;\r\nFN:Anna Berg\r\n\
    NICKNAME:Annie,my sister\r\nTEL;TYPE=HOME,VOICE:+49 30 5550100\r\n\
    item1.TEL;TYPE=CELL:+49 (171) 555-\r\n 0101\r\nTEL;TYPE=FAX,PREF:+49 30 5550199\r\nEND:VCARD\r\n";
const WANG: &str = "BEGIN:VCARD\nVERSION:4.0\nFN:王小明\nN:王;小明;;;\nNICKNAME:老王\n\
    TEL;TYPE=\"voice,cell\":tel:+8613800138000\n\
    TEL;VALUE=uri;PREF=1;TYPE=work:tel:+86-10-5550123;ext=7\nEND:VCARD\n";

struct Folder {
    folder: tempfile::TempDir,
    directory: LocalDirectory,
}

impl Folder {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let directory = LocalDirectory::new(path.join("contacts"), path.join("places.sqlite"));
        Self { folder, directory }
    }

    fn with(cards: &[(&str, &str)]) -> Self {
        let new = Self::new();
        std::fs::create_dir(new.folder.path().join("contacts")).unwrap();
        for (name, text) in cards {
            new.write(name, text);
        }
        new
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.folder.path().join("contacts").join(name), text).unwrap();
    }

    fn sql(&self, statements: &str) {
        let file = rusqlite::Connection::open(self.folder.path().join("places.sqlite")).unwrap();
        file.execute_batch(statements).unwrap();
    }

    /// The number, or the names of several, or nothing.
    fn number(&self, spoken: &str) -> Result<String, Vec<String>> {
        match self.directory.contact(spoken) {
            Finding::One(contact) => Ok(contact.number.unwrap_or_default()),
            Finding::Several(names) => Err(names),
            Finding::Nothing => Err(Vec::new()),
        }
    }
}

fn card(name: &str, number: &str) -> String {
    let (given, family) = name.split_once(' ').unwrap_or((name, ""));
    format!("BEGIN:VCARD\nVERSION:3.0\nFN:{name}\nN:{family};{given};;;\nTEL:{number}\nEND:VCARD\n")
}

/// What is wrong with a file of this text, one a line.
fn mistakes(text: &[u8]) -> (usize, String) {
    let (cards, errors) = card::read(Path::new("book.vcf"), text);
    let errors: Vec<_> = errors.iter().map(ToString::to_string).collect();
    (cards.len(), errors.join("\n"))
}

#[test]
fn somebody_is_found_by_every_name_that_is_said_of_them() {
    let known = Folder::with(&[
        ("anna.vcf", ANNA),
        ("wang.VCF", WANG),
        ("notes.txt", "no card"),
    ]);
    for said in [
        "Anna Berg",
        "anna berg",
        "ANNABERG",
        "berg anna",
        "Anna",
        "annie",
        "my sister",
        "doctor berg",
        "dr Berg",
    ] {
        assert_eq!(known.number(said), Ok("+491715550101".into()), "{said}");
    }
    for said in [
        "王小明",
        "王 小明",
        "汪晓明",
        "小明",
        "老王",
        "Wang Xiaoming",
        "xiaoming wang",
    ] {
        assert_eq!(known.number(said), Ok("+86105550123".into()), "{said}");
    }
    for said in ["berg", "Ann", "anna bergmann", "王", "王大明", "", "?!"] {
        assert_eq!(known.number(said), Err(Vec::new()), "{said}");
    }
}

#[test]
fn a_whole_name_goes_before_a_given_one_and_writing_before_sound() {
    let known = Folder::with(&[
        ("1.vcf", &card("Tom", "111")),
        ("2.vcf", &card("Tom Baker", "112")),
        ("3.vcf", &card("王小明", "113")),
        ("4.vcf", &card("王晓明", "114")),
    ]);
    assert_eq!(known.number("tom"), Ok("111".into()));
    assert_eq!(known.number("王晓明"), Ok("114".into()));
    let both = vec!["王小明".to_owned(), "王晓明".to_owned()];
    assert_eq!(known.number("王晓鸣"), Err(both));
}

#[test]
fn several_of_one_name_are_all_named_but_one_written_down_twice_is_one() {
    let known = Folder::with(&[
        ("1.vcf", &card("Tom Baker", "111")),
        ("2.vcf", &card("Tom Hill", "112")),
        ("3.vcf", &card("Eve Hill", "113")),
        ("4.vcf", &card("Eve Hill", "113")),
    ]);
    let toms = vec!["Tom Baker".to_owned(), "Tom Hill".to_owned()];
    assert_eq!(known.number("tom"), Err(toms));
    assert_eq!(known.number("eve"), Ok("113".into()));
}

#[test]
fn somebody_without_a_number_is_known_without_one() {
    let known = Folder::with(&[("lee.vcf", "BEGIN:VCARD\nVERSION:4.0\nFN:Lee\nEND:VCARD\n")]);
    let Finding::One(lee) = known.directory.contact("lee") else {
        panic!("Lee is not known");
    };
    assert_eq!((lee.name.as_str(), lee.number), ("Lee", None));
}

#[test]
fn a_bad_card_is_named_with_its_line_and_the_others_load() {
    let good = card("Tom", "111");
    for (bad, line, part) in [
        (
            "BEGIN:VCARD\nVERSION:2.1\nFN:Old\nEND:VCARD\n",
            8,
            "3.0 or 4.0",
        ),
        ("BEGIN:VCARD\nFN:Old\nEND:VCARD\n", 7, "VERSION"),
        (
            "BEGIN:VCARD\nVERSION:3.0\nTEL:111\nEND:VCARD\n",
            7,
            "no name",
        ),
        ("BEGIN:VCARD\nVERSION:3.0\nFN:Eve\n", 7, "END:VCARD"),
        (
            "BEGIN:VCARD\nVERSION:3.0\nFN Eve\nFN:Eve\nEND:VCARD\n",
            9,
            "",
        ),
        ("FN:Eve\n", 7, "outside"),
    ] {
        let (cards, said) = mistakes(format!("{good}{bad}{good}").as_bytes());
        assert!(cards >= 2, "{bad}: {said}");
        assert!(
            said.starts_with(&format!("book.vcf:{line}: ")),
            "{bad}: {said}"
        );
        assert!(
            said.contains(part) && said.lines().count() == 1,
            "{bad}: {said}"
        );
    }
}

#[test]
fn a_number_that_is_none_is_named_and_the_next_one_taken() {
    let text = "BEGIN:VCARD\nVERSION:3.0\nFN:Eve\nTEL:call me\nTEL:112\nEND:VCARD\n";
    let (cards, errors) = card::read(Path::new("book.vcf"), text.as_bytes());
    assert_eq!(cards[0].number.as_deref(), Some("112"));
    let said = errors[0].to_string();
    assert!(said.starts_with("book.vcf:4: TEL is no"), "{said}");
    assert!(!said.contains("call me"), "{said}");
}

#[test]
fn bytes_that_are_no_text_are_named_with_their_line() {
    assert_eq!(
        mistakes(b"BEGIN:VCARD\nFN:\xff\nEND:VCARD\n"),
        (
            0,
            "book.vcf:2: is no UTF-8; export the contacts as UTF-8".into()
        )
    );
    assert_eq!(mistakes(b""), (0, String::new()));
}

#[test]
fn what_changes_on_disk_is_known_at_the_next_question() {
    let known = Folder::with(&[]);
    assert_eq!(known.number("tom"), Err(Vec::new()));
    known.write("tom.vcf", &card("Tom", "111"));
    assert_eq!(known.number("tom"), Ok("111".into()));
    known.write("tom.vcf", &card("Tom", "11222"));
    assert_eq!(known.number("tom"), Ok("11222".into()));
    std::fs::remove_file(known.folder.path().join("contacts/tom.vcf")).unwrap();
    assert_eq!(known.number("tom"), Err(Vec::new()));
}

#[test]
fn without_any_file_nobody_and_no_place_is_known() {
    let known = Folder::new();
    assert_eq!(known.number("tom"), Err(Vec::new()));
    assert_eq!(known.directory.place("home"), Finding::Nothing);
}

const TABLE: &str =
    "CREATE TABLE places(name TEXT, kind TEXT, address TEXT, latitude REAL, longitude REAL);";

#[test]
fn a_place_is_found_by_name_kind_or_sound() {
    let known = Folder::new();
    known.sql(&format!(
        "{TABLE} INSERT INTO places VALUES
         ('Our house', 'home', NULL, 48.1375, -11.5),
         ('公司', 'work', '长安街1号', NULL, NULL),
         ('Café Lux', 'favourite', 'Hauptstraße 1', 52, 13)"
    ));
    let where_is = |spoken: &str| match known.directory.place(spoken) {
        Finding::One(place) => place.destination.as_text(),
        other => format!("{other:?}"),
    };
    assert_eq!(where_is("home"), "geo:48.1375,-11.5");
    assert_eq!(where_is("our house"), "geo:48.1375,-11.5");
    assert_eq!(where_is("work"), "长安街1号");
    assert_eq!(where_is("工司"), "长安街1号");
    assert_eq!(where_is("cafe lux"), "geo:52,13");
    assert_eq!(where_is("the station"), "Nothing");
    known.sql("INSERT INTO places VALUES ('Cottage', 'home', 'Lake 1', NULL, NULL)");
    let both = vec!["Our house".to_owned(), "Cottage".to_owned()];
    assert_eq!(known.directory.place("home"), Finding::Several(both));
}

#[test]
fn a_bad_row_is_named_and_the_others_load() {
    let known = Folder::new();
    known.sql(&format!(
        "{TABLE} INSERT INTO places VALUES
         ('Nowhere', NULL, NULL, 91, 0), ('Half', NULL, NULL, 1, NULL), ('Empty', NULL, ' ', NULL, NULL),
         (NULL, NULL, 'A', NULL, NULL), ('Text', NULL, NULL, 'x', 1), ('Good', NULL, 'A', NULL, NULL)"
    ));
    let path = known.folder.path().join("places.sqlite");
    let (places, errors) = Places::load(&cached::stamp(&path), &path);
    assert_eq!(places.len(), 1);
    assert_eq!(errors.len(), 5, "{errors:?}");
    for (row, error) in (1..).zip(&errors) {
        let said = error.to_string();
        assert!(
            said.contains(&format!("places.sqlite: row {row} of places: ")),
            "{said}"
        );
    }
    let Finding::One(good) = places.find("good") else {
        panic!("the good place is not known");
    };
    assert_eq!(good.destination, Destination::Address("A".into()));
}

#[test]
fn a_file_that_is_no_places_file_is_named_with_what_it_needs() {
    let known = Folder::new();
    let path = known.folder.path().join("places.sqlite");
    for text in ["this is no database, however long it may be", ""] {
        std::fs::write(&path, text).unwrap();
        let (places, errors) = Places::load(&cached::stamp(&path), &path);
        assert_eq!(places.len(), 0);
        let said = errors[0].to_string();
        assert!(
            said.contains("places.sqlite") && said.contains("table places("),
            "{said}"
        );
    }
}
