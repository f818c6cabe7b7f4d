//! All attacks mixed against one server for as long as one likes, with checks every few seconds and a ledger at the end.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use super::attacks::{ATTACKS, Attack, Ground};
use super::load::Load;
use super::victim::{Look, RECEIVE, RECEIVES, Running};
use crate::lab::measure::Failure;
use crate::say;

/// All attacks mixed against one server, with checks every few seconds.
///
/// Which attacks run together is random; the seed gives the same choice again. The exit status is 1 if something does
/// not hold.
#[derive(clap::Args, Debug)]
pub struct Soak {
    /// How long
    #[arg(long, default_value_t = 600)]
    seconds: u64,
    /// Which attacks run together; another one each time if not said
    #[arg(long)]
    seed: Option<u64>,
}

const STRETCH: Duration = Duration::from_secs(3);
const BEHAVED: usize = 20;
/// Stacks of workers, and what the allocator holds back between one mixture and the next.
const SLACK: usize = 32 << 20;

/// Every attack on a server that differs from the others' only by what it obeys.
fn mixable() -> impl Iterator<Item = &'static Attack> {
    ATTACKS.iter().filter(|attack| attack.victim.contains(&"--obey"))
}

/// What is chosen by chance: Vigna's splitmix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}

pub fn soak(soak: &Soak) -> Result<ExitCode, String> {
    crate::descriptors::raise();
    let clock = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let seed = soak.seed.unwrap_or(u64::from(clock.subsec_nanos()));
    say::line(&format_args!("soak: {} s, seed {seed}", soak.seconds));
    match go_on(soak, seed) {
        Ok(ledger) => {
            say::line(&ledger);
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => Err(format!(
            "the soak failed; `proactor bench soak --seed {seed}` gives the same choice again: {error}"
        )),
    }
}

fn go_on(soak: &Soak, seed: u64) -> Result<String, Failure> {
    let (mut random, start) = (Random(seed), Instant::now());
    let end = start + Duration::from_secs(soak.seconds);
    let mut server = Running::victim(&["--impatient", "--obey"])?;
    let bare = server.sockets();
    let behaved = Load::start(server.address, BEHAVED)?;
    let (mut worst, mut answers) = (0, 0.0);
    while Instant::now() < end {
        // Each in one of two stretches on average, and one at least.
        let chosen: Vec<_> = mixable().filter(|_| random.next().is_multiple_of(2)).collect();
        let until = (Instant::now() + STRETCH).min(end);
        let begun = behaved.begin();
        std::thread::scope(|scope| {
            for attack in &chosen {
                let ground = Ground { address: server.address, until, seed: random.next() };
                scope.spawn(move || (attack.run)(ground));
            }
            while Instant::now() < until {
                worst = worst.max(server.resident());
                std::thread::sleep(Duration::from_millis(10));
            }
        });
        let window = behaved.since(begun);
        answers += window.per_second * begun.elapsed().as_secs_f64();
        let names: Vec<_> = chosen.iter().map(|attack| attack.id).collect();
        let look = check(&mut server, &behaved, &window, worst)
            .map_err(|why| format!("during {}: {why}", names.join(", ")))?;
        say::line(&format_args!(
            "{:>5.0} s  {:>6} open  {:>9} accepted  {:>5.1} MiB  {:>7.0} answers/s  99 % {:>7.2} ms  {}",
            start.elapsed().as_secs_f64(),
            look.open,
            look.accepted,
            server.resident() as f64 / 1048576.0,
            window.per_second,
            window.p99.as_secs_f64() * 1000.0,
            names.join(", ")
        ));
    }
    let lost = behaved.end();
    let look = server.settled(|look| look.open == 0 && look.connected == look.closed)?;
    if lost > 0 || look.open > 0 || look.connected != look.closed {
        return Err(format!("at the end {lost} behaved were lost: {look:?}").into());
    }
    let deadline = Instant::now() + Duration::from_secs(5);
    while server.sockets() != bare {
        if Instant::now() > deadline {
            return Err(format!("{} sockets are left, {bare} at first", server.sockets()).into());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(ledger(&look, worst, answers))
}

/// What has to hold at any moment.
fn check(server: &mut Running, behaved: &Load, window: &super::Window, worst: u64) -> Result<Look, Failure> {
    let look = server.look()?;
    let sessions: usize = mixable().map(|attack| attack.sessions * attack.each).sum();
    let most = (sessions + RECEIVES * RECEIVE + SLACK) as u64;
    if worst > most {
        return Err(format!("memory is {}, {} is allowed", say::bytes(worst), say::bytes(most)).into());
    }
    if behaved.lost() > 0 || window.per_second == 0.0 {
        return Err(format!(
            "{} behaved sessions are lost, {:.0} answers/s; {look:?}",
            behaved.lost(),
            window.per_second
        )
        .into());
    }
    if look.closed > look.connected {
        return Err(format!("{} ends of {} sessions were told", look.closed, look.connected).into());
    }
    Ok(look)
}

fn ledger(look: &Look, worst: u64, answers: f64) -> String {
    let mut out = format!(
        "held: {} sessions began and as many were told their end, {} were refused; {} messages came, {} went; {:.0} \
         answers to those who behaved, none lost; {} at the worst; all sockets given back\n",
        say::count(look.connected),
        say::count(look.refused),
        say::count(look.messages_in),
        say::count(look.messages_out),
        answers,
        say::bytes(worst),
    );
    for (reason, count) in &look.reasons {
        out.push_str(&format!("{:>12}  {reason}\n", say::count(*count)));
    }
    out.trim_end().to_owned()
}
