//! A server that deadlocks, to be explained by `proactor wait-chain` from another terminal.
//!
//! A transfer between two accounts locks the one and then the other. Two transfers in opposite directions at the same
//! time lock one each and want the other's: both workers hang, and nobody is left to take the packets that follow.
//! Run it, and do what it says.

use std::cell::Cell;
use std::sync::{Arc, Barrier};

use proactor::sync::CriticalSection;
use proactor::{Op, Port, Status, Workers, diagnose};

type Account = CriticalSection<Cell<i64>>;

struct Bank {
    accounts: [Account; 2],
    /// The two transfers meet here with one account locked each: what happens now and then happens at once.
    halfway: Barrier,
}

impl Bank {
    fn transfer(&self, from: usize, to: usize, amount: i64) {
        let source = self.accounts[from].enter();
        self.halfway.wait();
        // The cure: lock the account with the lower number first, whichever way the money goes.
        let target = self.accounts[to].enter();
        source.set(source.get() - amount);
        target.set(target.get() + amount);
    }
}

fn main() -> Result<(), Status> {
    let _diagnosis = diagnose::serve()?;
    let accounts = [CriticalSection::new(Cell::new(100)), CriticalSection::new(Cell::new(100))];
    let bank = Arc::new(Bank { accounts, halfway: Barrier::new(2) });
    let port: Port = Port::new(2)?;
    let teller = bank.clone();
    let workers = Workers::start(&port, 2, move |packet| {
        // The key is the account the money comes from.
        if let Op::Posted(amount) = packet.op {
            teller.transfer(packet.key, 1 - packet.key, amount as i64);
        }
    })?;
    for (number, account) in bank.accounts.iter().enumerate() {
        println!("account {number} is the critical section at {:#x}", address(account));
    }
    for number in 0..10 {
        port.post(number % 2, 5)?;
    }
    println!("now stuck; ask why: proactor wait-chain {}", std::process::id());
    workers.join();
    Ok(())
}

fn address(account: &Account) -> usize {
    std::ptr::from_ref(account).addr()
}
