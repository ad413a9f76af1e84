//! The trainer's numbers beside PyTorch's own.

mod trainer;

mod built_in;

mod architectures;

mod data_sets;
