// The board: one file that every process of a test maps. The test writes on it what machine this is and which faults happen;
// the runtime writes what it was asked to do. `board.rs` declares the same layout: whoever changes one changes both.
#pragma once

#include <stdint.h>

enum { BOARD_DEVICES = 8, BOARD_PROCESSES = 64, BOARD_TEXT = 64 };

// A GPU or a MIG instance. Counters count over all processes.
struct board_device {
  // Written by the test before the first process starts.
  char name[BOARD_TEXT];
  char uuid[BOARD_TEXT];  // "GPU-..." or "MIG-..."
  uint64_t total_bytes;
  uint64_t context_bytes;  // what a process takes by using the device at all
  uint64_t gpu;            // which card it is, or is a part of
  uint64_t speed;          // CUDA lists the fastest first, unless told to go by bus address

  // Written by the test at any time.
  uint64_t other_bytes;      // what other programs hold of the memory
  uint64_t fail_allocation;  // the k-th allocation from now fails; 0 for none
  uint64_t fail_more;        // and so many of those that follow it: libtorch tries again before it gives up
  uint64_t break_at_launch;  // the k-th launch from now reads an illegal address; 0 for none

  // Written by the runtime.
  uint64_t allocations;
  uint64_t refused_allocations;
  uint64_t launches;
  uint64_t waits;            // calls in which the host waited for work that it had put on the device
  uint64_t copies_to_device;
  uint64_t copies_to_host;
  uint64_t torn_copies;      // host memory that changed between the call and its copy
  uint64_t peak_bytes;       // the most that processes of the test held at once; the test may set it back
};

// What one process holds. The entry of a process that has ended counts no more.
struct board_process {
  uint64_t pid;
  uint64_t used_bytes[BOARD_DEVICES];
};

struct board {
  uint64_t size;            // of this struct: a test of another layout is refused
  uint64_t driver_version;  // 13000 for CUDA 13.0; 0 where no driver is installed
  uint64_t device_count;
  uint64_t copy_delay_us;      // how far copies between host and device lag behind
  uint64_t unsupported_calls;  // calls of functions that this runtime does not have
  uint64_t compiler_calls;     // calls of NVRTC, which compiles kernels at run time
  uint64_t nvml_refuses;       // 1: NVML answers that it does not support what it is asked for
  uint64_t lock;               // the process that changes `processes`
  struct board_device devices[BOARD_DEVICES];
  struct board_process processes[BOARD_PROCESSES];
};
