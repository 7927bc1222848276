use codriver_asr::Verdict;

use super::*;

const WINDOW: Duration = Duration::from_secs(8);

fn attention(activation: Activation) -> Attention {
    let mut settings = Settings::default();
    settings.listening.activation = activation;
    Attention::new(&settings)
}

/// What was said for a second from now on.
fn heard(attention: &Attention, text: &'static str) -> Judged<'static> {
    let began = Instant::now();
    attention.judge(text, None, began, began + Duration::from_secs(1))
}

#[test]
fn waiting_for_the_wake_phrase_it_takes_up_nothing_else() {
    let attention = attention(Activation::Wake);
    assert_eq!(heard(&attention, "Open the window."), Judged::Aside);
    assert_eq!(
        heard(&attention, "Hello car, open the window."),
        Judged::Request("open the window.", Origin::Asked)
    );
    assert_eq!(
        heard(&attention, "你好小车，打开车窗"),
        Judged::Request("打开车窗", Origin::Asked)
    );
}

fn score(woken: bool) -> WakeScore {
    WakeScore {
        phrase: "hello car".into(),
        probability: if woken { 0.9 } else { 0.01 },
        calls: woken.then(|| "hello car".into()).into_iter().collect(),
    }
}

#[test]
fn what_no_head_takes_for_its_phrase_is_only_recognised_after_an_invitation() {
    let attention = attention(Activation::Wake);
    let now = Instant::now();
    assert!(attention.may_be_meant(now, Some(&score(true))));
    assert!(!attention.may_be_meant(now, Some(&score(false))));
    assert!(attention.may_be_meant(now, None), "there is no head");
    attention.invite(Invited::FollowUp, now, WINDOW);
    assert!(attention.may_be_meant(now, Some(&score(false))));
}

#[test]
fn a_phrase_that_the_recogniser_made_sure_of_calls_whatever_the_words_are() {
    let attention = attention(Activation::Wake);
    let began = Instant::now();
    let ended = began + Duration::from_secs(2);
    let judge = |text, less_probable_by: Option<f32>| {
        let verdict = match less_probable_by {
            Some(less_probable_by) => Verdict::Believed { less_probable_by },
            None => Verdict::Refused {
                less_probable_by: None,
            },
        };
        let phrase = "hello car".into();
        attention.judge(text, Some(&Call { phrase, verdict }), began, ended)
    };
    for text in ["Hello car, open the window.", "open the window."] {
        assert_eq!(
            judge(text, Some(3.0)),
            Judged::Request("open the window.", Origin::Asked)
        );
    }
    assert_eq!(judge("Hello car.", Some(3.0)), Judged::Called);
    assert_eq!(judge("A low car, open the window.", None), Judged::Aside);
}

#[test]
fn a_wake_phrase_counts_for_nothing_where_only_a_button_asks() {
    let attention = attention(Activation::PushToTalk);
    assert!(!attention.may_be_meant(Instant::now(), Some(&score(true))));
}

#[test]
fn after_the_wake_phrase_alone_the_next_words_are_the_request_even_if_they_come_at_once() {
    let attention = attention(Activation::Wake);
    let began = Instant::now();
    let ended = began + Duration::from_millis(700);
    assert_eq!(
        attention.judge("Hello car.", None, began, ended),
        Judged::Called
    );
    let next = ended + Duration::from_millis(300);
    assert_eq!(
        attention.judge("Lights on", None, next, next + Duration::from_secs(1)),
        Judged::Request("Lights on", Origin::Asked)
    );
    assert_eq!(heard(&attention, "and then we left"), Judged::Aside);
}

#[test]
fn a_window_that_has_closed_invites_nobody() {
    let attention = attention(Activation::Wake);
    let now = Instant::now();
    attention.invite(Invited::Asked, now, WINDOW);
    let late = now + WINDOW + Duration::from_millis(1);
    assert_eq!(
        attention.judge("Lights on", None, late, late),
        Judged::Aside
    );
}

#[test]
fn a_button_counts_for_speech_that_began_just_before_it_and_not_for_older_talk() {
    let attention = attention(Activation::PushToTalk);
    let now = Instant::now() + Duration::from_secs(60);
    attention.invite(Invited::Asked, now, WINDOW);
    let talk = now - Duration::from_secs(3);
    assert!(!attention.may_be_meant(talk, None));
    assert_eq!(attention.judge("as I said", None, talk, now), Judged::Aside);
    let early = now - Duration::from_millis(200);
    assert!(attention.may_be_meant(early, None));
    assert_eq!(
        attention.judge("Lights on", None, early, now),
        Judged::Request("Lights on", Origin::Asked)
    );
}

#[test]
fn what_follows_an_answer_is_taken_up_unasked_and_what_follows_a_question_is_asked_for() {
    let attention = attention(Activation::Wake);
    for (question, origin) in [(false, Origin::Unasked), (true, Origin::Asked)] {
        let (invited, window) = attention.after_reply(question).unwrap();
        attention.invite(invited, Instant::now(), window);
        assert_eq!(heard(&attention, "yes"), Judged::Request("yes", origin));
    }
    let mut settings = Settings::default();
    settings.listening.follow_up_ms = 0;
    assert_eq!(Attention::new(&settings).after_reply(true), None);
}

#[test]
fn listening_always_every_word_is_taken_up_and_only_the_phrase_or_a_button_asks() {
    let attention = attention(Activation::Always);
    assert_eq!(
        heard(&attention, "Lights on"),
        Judged::Request("Lights on", Origin::Unasked)
    );
    assert_eq!(
        heard(&attention, "Hello car, lights on"),
        Judged::Request("lights on", Origin::Asked)
    );
    attention.invite(Invited::Asked, Instant::now(), WINDOW);
    assert!(attention.owes_answer(Instant::now()));
    assert!(!attention.owes_answer(Instant::now()), "used up");
}
