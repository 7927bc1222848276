//! Many requests at once to a car and a bus that fail in every way: each request has exactly one
//! outcome, none acts after its time to live, what is done was taken by the car, and memory stays
//! flat. `make soak` runs the long version.

// Helpers of tests may panic like the tests themselves.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "soak/car.rs"]
mod car;
#[path = "soak/random.rs"]
mod random;

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use car::FaultyCar;
use codriver_catalog::Zone;
use codriver_vehicle_bus::{
    Outcome, Reason, Value,
    description::{Description, Entry, Kind},
    gateway::{BusState, Context, Gateway, Limits, Request},
};
use random::Random;
use tokio::time::{sleep, timeout};

const CALLERS: u64 = 48;
/// From the end of its time to live until its outcome: the longest confirmation, and some.
const OUTCOME_WITHIN: Duration = Duration::from_secs(20);
/// How late a frame may reach the car: between the gateway's last look at the clock and the system
/// call stands only a busy machine.
const SEEN_LATE: Duration = Duration::from_millis(500);
/// What one process may grow between the first tenth and the end.
const GROWTH_KIB: u64 = 16 * 1024;
/// Requests whose frames may still arrive.
const REMEMBERED: usize = 4096;

/// A request that was not refused, by path and value.
struct Open {
    submitted: Instant,
    until: Instant,
}

#[derive(Default)]
struct Books {
    open: HashMap<String, VecDeque<Open>>,
    outcomes: BTreeMap<String, u64>,
    done: u64,
}

impl Books {
    fn asked(&mut self, key: String, submitted: Instant, until: Instant) {
        let open = self.open.entry(key).or_default();
        open.push_back(Open { submitted, until });
        if open.len() > REMEMBERED {
            open.pop_front();
        }
    }
}

fn demo() -> Description {
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs/vehicles/demo");
    Description::load(&demo).unwrap()
}

/// A value that the path takes, and sometimes one that it does not.
fn value(entry: &Entry, random: &mut Random) -> Value {
    match &entry.kind {
        Kind::Boolean => Value::Flag(random.percent(50)),
        Kind::Number { min, max, step } => {
            if random.percent(2) {
                return Value::Number(max + step);
            }
            let steps = ((max - min) / step).round() as u64;
            Value::Number(min + step * random.below(steps + 1) as f64)
        }
        Kind::Choice(words) => {
            let words: Vec<&String> = words.keys().collect();
            Value::Text((*random.pick(&words)).clone())
        }
        Kind::Color => Value::Text(format!("#{:06X}", random.below(1 << 24))),
    }
}

fn key(path: &str, value: &Value) -> String {
    format!("{path}={value}")
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kib = line.unwrap().split_whitespace().nth(1).unwrap();
    kib.parse().unwrap()
}

struct Soak {
    requests: u64,
    next: AtomicU64,
    books: Mutex<Books>,
    gateway: Gateway,
    paths: Vec<Entry>,
}

impl Soak {
    /// One caller: asks, waits for the one outcome, and enters it in the books.
    async fn caller(&self, number: u64, car: &FaultyCar) {
        let mut random = Random::new(number);
        let mut last: Option<(Request, Context, Outcome)> = None;
        while self.next.fetch_add(1, Ordering::Relaxed) < self.requests {
            if let Some((request, context, outcome)) = last.take_if(|_| random.percent(3)) {
                // The same request once more is the same outcome, and no second action.
                let again = self.ask(request, context).await;
                assert_eq!(again, outcome);
                self.enter("asked again".into());
                continue;
            }
            let entry = random.pick(&self.paths).clone();
            let request = Request {
                path: entry.path.clone(),
                value: value(&entry, &mut random),
                time_to_live: Duration::from_millis(match random.below(10) {
                    0 => 0,
                    1..=4 => random.below(300),
                    _ => 5000,
                }),
                request_id: random.below(u64::MAX).to_string(),
                caller: format!("1000:{number}"),
            };
            let context = Context {
                speaker: random
                    .percent(50)
                    .then(|| *random.pick(&[Zone::Driver, Zone::Driver, Zone::RearLeft])),
                confirmed: random.percent(40),
                language: None,
            };
            let asked = Instant::now();
            let outcome = self.ask(request.clone(), context).await;
            if outcome == Outcome::Done {
                let physical = entry.physical(&request.value).unwrap();
                let showed = car.showed(&entry.path, physical, asked, Instant::now());
                assert!(showed, "done, but the car never showed {request:?}");
            }
            let reason = outcome.reason().map_or("", Reason::as_str);
            self.enter(format!("{} {reason}", outcome.as_str()));
            last = Some((request, context, outcome));
            sleep(Duration::from_millis(random.below(20))).await;
        }
    }

    async fn ask(&self, request: Request, context: Context) -> Outcome {
        let submitted = Instant::now();
        let until = submitted + request.time_to_live;
        let key = key(&request.path, &request.value);
        let path = request.path.clone();
        self.books.lock().unwrap().asked(key, submitted, until);
        let answer = self.gateway.submit(request, context, submitted.into());
        let patience = OUTCOME_WITHIN + (until - submitted);
        timeout(patience, answer)
            .await
            .unwrap_or_else(|_| panic!("no outcome for {path}"))
    }

    fn enter(&self, outcome: String) {
        let mut books = self.books.lock().unwrap();
        books.done += 1;
        *books.outcomes.entry(outcome).or_default() += 1;
    }

    /// Everything that arrived at the car was asked for, and still alive.
    fn audit(&self, car: &FaultyCar) {
        let arrivals = car.arrivals();
        let books = self.books.lock().unwrap();
        for arrival in &arrivals {
            let key = key(&arrival.path, &arrival.value);
            let alive = books.open.get(&key).is_some_and(|open| {
                open.iter().any(|open| {
                    open.submitted <= arrival.at && arrival.after <= open.until + SEEN_LATE
                })
            });
            let open = books.open.get(&key).into_iter().flatten();
            let late = open.map(|open| arrival.after.saturating_duration_since(open.until));
            let late = late.min();
            assert!(alive, "{key} arrived {late:?} after its last time to live");
        }
    }
}

async fn soak(requests: u64, stays_up_for: usize, rare: &[&str]) {
    let vehicle = demo();
    let car = Arc::new(FaultyCar::start(vehicle.clone(), stays_up_for).await);
    let limits = Limits {
        requests_per_second: 1e6,
        burst: 1_000_000,
        ..Limits::default()
    };
    let writable = |entry: &&Entry| entry.actuator.is_some();
    let paths = vehicle.entries().filter(writable).cloned().collect();
    let gateway = Gateway::start(vehicle, car.address(), limits);
    let mut bus = gateway.bus();
    let up = bus.wait_for(|bus| *bus == BusState::Up);
    timeout(OUTCOME_WITHIN, up).await.unwrap().unwrap();
    let soak = Arc::new(Soak {
        requests,
        next: AtomicU64::new(0),
        books: Mutex::default(),
        gateway,
        paths,
    });
    let started = Instant::now();
    let mut callers: Vec<_> = (0..CALLERS)
        .map(|number| {
            let (soak, car) = (Arc::clone(&soak), Arc::clone(&car));
            tokio::spawn(async move { soak.caller(number, &car).await })
        })
        .collect();
    let mut early_kib = None;
    while callers.iter().any(|caller| !caller.is_finished()) {
        sleep(Duration::from_millis(200)).await;
        soak.audit(&car);
        if soak.books.lock().unwrap().done > requests / 10 {
            early_kib.get_or_insert_with(resident_kib);
        }
    }
    for caller in callers.drain(..) {
        caller.await.unwrap();
    }
    soak.audit(&car);
    let (early, late) = (early_kib.unwrap(), resident_kib());
    let books = soak.books.lock().unwrap();
    let outcomes = &books.outcomes;
    println!(
        "{requests} requests in {:.1} s, resident {early} KiB -> {late} KiB, {outcomes:#?}",
        started.elapsed().as_secs_f64()
    );
    assert_eq!(outcomes.values().sum::<u64>(), requests, "one outcome each");
    let count = |outcome: &str| outcomes.get(outcome).copied().unwrap_or(0);
    let common = [
        "done ",
        "refused expired",
        "refused bus_down",
        "refused out_of_range",
        "refused rate_limited",
        "asked again",
    ];
    for expected in common.iter().chain(rare) {
        assert!(count(expected) > 0, "the soak never had: {expected}");
    }
    assert!(
        late <= early + GROWTH_KIB,
        "memory grew by {} KiB",
        late - early
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_thousand_requests_under_faults_have_one_outcome_each() {
    let soak = soak(2_000, 500, &[]);
    timeout(Duration::from_secs(120), soak).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes: make soak"]
async fn a_hundred_thousand_requests_under_faults_have_one_outcome_each() {
    let rare = [
        "refused confirmation_needed",
        "refused conflict",
        "refused child_lock",
        "failed ecu_refused",
        "unconfirmed not_confirmed",
    ];
    let soak = soak(100_000, 5_000, &rare);
    timeout(Duration::from_secs(3600), soak).await.unwrap();
}
