// What the runtime's files share. NVIDIA's own headers declare the functions that each of them defines, so that the
// compiler checks every signature and struct against the version that libtorch was built with.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <cuda_runtime_api.h>

#include "board.h"

#define EXPORT __attribute__((visibility("default")))

// --- board.c: the shared file -----------------------------------------------------------------------------------------

struct board *board(void);

// Adds to a counter of the board.
void count(uint64_t *counter);

// Counts down to an injected fault; whether this call is the one.
bool is_due(uint64_t *countdown);

// Whether the test wants an allocation to fail.
bool is_refused(struct board_device *device);

// Takes bytes of a device for this process; false where they are not free.
bool take_memory(int device, size_t bytes);
void give_back_memory(int device, size_t bytes);
size_t free_memory(int device);

// --- error.c: errors that stay ----------------------------------------------------------------------------------------

// Remembers an error for cudaGetLastError, and returns it.
cudaError_t fail(cudaError_t error);

// From now on every call fails, as after an illegal address on the device.
void break_device(void);

// The error that a broken device gives, or success.
cudaError_t device_state(void);

#define RETURN_IF_BROKEN()                                 \
  do {                                                     \
    if (device_state() != cudaSuccess) return fail(device_state()); \
  } while (0)

// --- device.c: which devices there are --------------------------------------------------------------------------------

// The board's entry for the device that this thread uses, and its index there.
struct board_device *current_device(void);
int current_index(void);

// A device as this process counts them, as an index on the board, and the way back.
int board_index(int device);
int process_index(int device);

// How many devices this process sees; an error where there is no driver or an old one.
cudaError_t visible_devices(int *count);

// Takes what a process pays for its first use of the device.
cudaError_t open_context(int device);
bool is_context_open(int device);

// --- range.c: who owns an address -------------------------------------------------------------------------------------

enum place { PLACE_PAGEABLE, PLACE_PINNED, PLACE_DEVICE };

struct range {
  char *start;
  size_t bytes;
  enum place place;
  int device;  // on the board
};

void add_range(struct range range);
// False where no range starts there.
bool remove_range(const void *start, struct range *removed);
// The range that holds an address; its place is PLACE_PAGEABLE where none does.
struct range find_range(const void *address);

// --- stream.c: work that runs behind the host -------------------------------------------------------------------------

struct work {
  void (*run)(struct work *);
  void *to;
  const void *from;
  size_t bytes;
  uint64_t detail;
  struct board_device *device;
};

// Puts work at the end of a stream; waits where 1024 pieces wait already, as CUDA does.
void enqueue(cudaStream_t stream, struct work work);

// Lets the host wait until all that was put there is done. That counts as a wait by the name of `what`, unless the host
// knew already that it is.
void wait_for_stream(cudaStream_t stream, const char *what);
void wait_for_all_streams(const char *what);

// --- driver.c: functions of the driver that are looked up by name ------------------------------------------------------

// NULL for a name that is not known.
void *virtual_memory_function(const char *name);
void *device_function(const char *name);

// --- trace.c: a record for tests and for people ------------------------------------------------------------------------

// Writes one line to the file named by FAKE_CUDA_TRACE, if there is one.
void trace(const char *what, const char *name);

// --- launch.c ---------------------------------------------------------------------------------------------------------

// Counts a launch and puts it on a stream.
cudaError_t launch(const char *name, cudaStream_t stream);

// --- no_cudnn.c -------------------------------------------------------------------------------------------------------

void switch_cudnn_off(void);
