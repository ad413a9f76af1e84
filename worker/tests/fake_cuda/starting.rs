//! From the program's start to a device that is ready, or a sentence that says why there is none.

use crate::board::{CONTEXT_BYTES, Card, Global};
use crate::machine::Machine;
use crate::trainer::Trainer;

/// Why the device cannot be opened.
fn refusal(machine: &Machine, device: &str) -> String {
    Trainer::spawn(machine.worker()).start(device).expect_err("the device is refused").message
}

#[test]
fn a_device_is_opened_and_its_memory_is_known() {
    let machine = Machine::new();
    let device = Trainer::spawn(machine.worker()).start("cuda:0").unwrap();
    assert_eq!((device.name.as_str(), device.memory_bytes), ("cuda:0", 1 << 30));
    assert_eq!(machine.board().get(Global::UnsupportedCalls), 0, "{}", machine.log());
}

#[test]
fn each_trainer_uses_the_device_that_it_was_given_and_no_other() {
    let machine = Machine::with(&[Card::new(0), Card::new(1)]);
    let _trainer = machine.trainer("cuda:1");
    assert!(machine.board().used_bytes(1) >= CONTEXT_BYTES);
    assert_eq!(machine.board().used_bytes(0), 0);
}

#[test]
fn a_device_that_is_not_there_is_refused_with_the_number_of_those_that_are() {
    let text = refusal(&Machine::new(), "cuda:1");
    assert!(text.contains("there is no device cuda:1") && text.contains("finds 1 CUDA device"), "{text}");
}

#[test]
fn an_old_driver_and_no_driver_are_refused_with_what_to_do() {
    for (version, why) in [
        (12_040, "the NVIDIA driver here is for CUDA 12.4, and libtorch needs 13.0"),
        (0, "no NVIDIA driver is installed"),
    ] {
        let text = refusal(&Machine::new().with_driver(version), "cuda:0");
        assert!(
            text.contains("no device cuda:0") && text.contains(why) && text.contains("nvidia-smi"),
            "{text}"
        );
    }
}

#[test]
fn visible_devices_are_counted_from_zero() {
    let machine = Machine::with(&[Card::new(0), Card::new(1)]).setting("CUDA_VISIBLE_DEVICES", "1");
    let _trainer = machine.trainer("cuda:0");
    assert_eq!(machine.board().used_bytes(0), 0);
    assert!(machine.board().used_bytes(1) > 0);
    assert!(refusal(&machine, "cuda:1").contains("finds 1 CUDA device"));
}

#[test]
fn an_instance_of_a_split_card_is_found_by_its_uuid() {
    let cards = [Card::instance(0, 0), Card::instance(0, 1)];
    let machine = Machine::with(&cards).setting("CUDA_VISIBLE_DEVICES", &cards[1].uuid);
    let device = Trainer::spawn(machine.worker()).start("cuda:0").unwrap();
    assert_eq!(device.memory_bytes, 1 << 29);
    assert!(machine.board().used_bytes(1) > 0);
}

#[test]
fn devices_are_counted_by_their_place_in_the_machine_and_not_by_speed() {
    let machine = Machine::with(&[Card::new(0), Card { speed: 1, ..Card::new(1) }]);
    let device = Trainer::spawn(machine.worker()).start("cuda:0").unwrap();
    assert_eq!((device.name.as_str(), device.description.as_str()), ("cuda:0", "NVIDIA Fake 0"));
}

#[test]
fn a_device_is_known_by_its_number_and_its_model() {
    let machine = Machine::with(&[Card::new(0), Card::new(1)]);
    let device = Trainer::spawn(machine.worker()).start("cuda:1").unwrap();
    assert_eq!((device.name.as_str(), device.description.as_str()), ("cuda:1", "NVIDIA Fake 1"));
    let machine = machine.setting("CUDA_VISIBLE_DEVICES", "1");
    let device = Trainer::spawn(machine.worker()).start("cuda:0").unwrap();
    assert_eq!((device.name.as_str(), device.description.as_str()), ("cuda:0", "NVIDIA Fake 1"));
}

#[test]
fn each_instance_of_a_split_card_is_a_device() {
    let machine = Machine::with(&[Card::instance(0, 0), Card::instance(0, 1), Card::new(1)]);
    for (index, memory) in [(0, 1 << 29), (1, 1 << 29), (2, 1 << 30)] {
        let mut trainer = Trainer::spawn(machine.worker());
        let device = trainer.start(&format!("cuda:{index}")).unwrap();
        assert_eq!(device.memory_bytes, memory);
        assert!(machine.board().used_bytes(index) >= CONTEXT_BYTES);
    }
}

/// What a worker that was given no device would train on.
fn devices(machine: &Machine) -> Vec<String> {
    let listed = machine.worker().arg("devices").output().unwrap();
    assert!(listed.status.success(), "{}", machine.log());
    String::from_utf8(listed.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn a_worker_has_a_slot_for_each_device_that_it_may_use() {
    let two = Machine::with(&[Card::new(0), Card::new(1)]);
    assert_eq!(devices(&two), ["cuda:0", "cuda:1"]);
    assert_eq!(devices(&two.setting("CUDA_VISIBLE_DEVICES", "1")), ["cuda:0"]);
    let split = Machine::with(&[Card::instance(0, 0), Card::instance(0, 1), Card::new(1)]);
    assert_eq!(devices(&split), ["cuda:0", "cuda:1", "cuda:2"]);
    let hidden = Machine::new().setting("CUDA_VISIBLE_DEVICES", "");
    assert_eq!(devices(&hidden), ["cpu"]);
}
