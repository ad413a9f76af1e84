//! What holds on a real GPU and on the fake one alike: these tests run on either. `scripts/check-gpu` runs them on this
//! machine's own GPU, and a bundle that it packed runs them where nothing can be built.

mod memory;

mod training;

mod values;
