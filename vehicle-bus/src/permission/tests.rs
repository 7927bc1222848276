use std::{fs, path::Path};

use super::*;

#[path = "../../tests/private_bus/mod.rs"]
mod private_bus;

fn own() -> u32 {
    // SAFETY: a plain system call.
    unsafe { libc::geteuid() }
}

#[test]
fn users_are_found_by_name_and_number_and_strangers_are_left_out() {
    let names = ["root", "4711", "nobody-of-this-name"].map(str::to_owned);
    let Judge::Users(users) = users(&names) else {
        panic!("users judge");
    };
    assert_eq!(users, BTreeSet::from([0, 4711, own()]));
}

#[tokio::test]
async fn a_user_who_is_not_in_the_list_may_nothing_and_one_who_is_may_everything() {
    let bus = private_bus::PrivateBus::start();
    let (gateway, caller) = (bus.connect().await, bus.connect().await);
    let name = caller.unique_name().unwrap().clone();
    for (listed, may) in [(own() + 1, false), (own(), true)] {
        let permissions = Permissions {
            bus: DBusProxy::new(&gateway).await.unwrap(),
            judge: Judge::Users(BTreeSet::from([listed])),
            known: Mutex::default(),
        };
        for class in Class::ALL {
            let answer = permissions.check(Some(&name), class).await;
            assert_eq!(answer.is_ok(), may, "{answer:?}");
        }
        assert!(permissions.check(None, Class::Comfort).await.is_err());
    }
}

/// The shipped polkit file declares the actions that are asked about, and gives them to nobody.
#[test]
fn polkit_knows_every_class_by_its_action_and_gives_it_to_nobody_by_itself() {
    let file =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../systemd/polkit/org.codriver.vehicle.policy");
    let text = fs::read_to_string(file).unwrap();
    let declared: Vec<&str> = text.split("<action id=\"").skip(1).collect();
    assert_eq!(declared.len(), Class::ALL.len());
    for (action, class) in declared.iter().zip(Class::ALL) {
        assert!(
            action.starts_with(&format!("{}\"", class.action())),
            "{class:?}"
        );
        assert_eq!(action.matches(">no</allow_").count(), 3, "{class:?}");
        assert!(
            action.contains("unix-user:codriver-gateway</annotate>"),
            "{class:?}"
        );
    }
}
