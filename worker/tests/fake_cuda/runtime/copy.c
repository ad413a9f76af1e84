// Copies and fills. They are really made, late and in the order of their stream.
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fake.h"

// Kernels compute nothing, so what they should have written is whatever was in that memory before. That must not decide a
// run. So what the host reads is what the host wrote, where it wrote exactly these bytes; a number or two that it did not
// write are 1.0 (in each four bytes, as a float), and more of them are 0. A loss is then 0 in every step, and the mean over
// an evaluation is not.
enum { NUMBERS = 16 };

// Where the host wrote last, and how much; by address, one entry for several.
static struct {
  const void *start;
  size_t bytes;
} written[1 << 14];
static pthread_mutex_t written_lock = PTHREAD_MUTEX_INITIALIZER;

static size_t place_of(const void *start) {
  return ((uintptr_t)start >> 4) % (sizeof written / sizeof *written);
}

static void set_written(const void *start, size_t bytes) {
  pthread_mutex_lock(&written_lock);
  written[place_of(start)].start = start;
  written[place_of(start)].bytes = bytes;
  pthread_mutex_unlock(&written_lock);
}

static bool is_written(const void *start, size_t bytes) {
  pthread_mutex_lock(&written_lock);
  const bool is = written[place_of(start)].start == start && written[place_of(start)].bytes == bytes;
  pthread_mutex_unlock(&written_lock);
  return is && bytes > NUMBERS;
}

static void put_placeholder(void *to, size_t bytes) {
  memset(to, 0, bytes);
  const float one = 1.0F;
  for (size_t at = 0; bytes <= NUMBERS && at + sizeof one <= bytes; at += sizeof one) {
    memcpy((char *)to + at, &one, sizeof one);
  }
}

static uint64_t checksum(const void *data, size_t bytes) {
  const unsigned char *at = data;
  uint64_t sum = 0xcbf29ce484222325;
  for (size_t i = 0; i < bytes; ++i) sum = (sum ^ at[i]) * 0x100000001b3;
  return sum;
}

static void lag(void) {
  const struct timespec delay = {.tv_nsec = (long)board()->copy_delay_us * 1000};
  if (delay.tv_nsec > 0) nanosleep(&delay, NULL);
}

// From pinned memory, which the host must not touch before this ran.
static void copy_from_pinned(struct work *work) {
  lag();
  if (checksum(work->from, work->bytes) != work->detail) count(&work->device->torn_copies);
  memcpy(work->to, work->from, work->bytes);
  set_written(work->to, work->bytes);
}

// From a copy of pageable memory, which the host has back since the call.
static void copy_from_staged(struct work *work) {
  lag();
  memcpy(work->to, work->from, work->bytes);
  set_written(work->to, work->bytes);
  free((void *)work->from);
}

static void copy_to_host(struct work *work) {
  lag();
  if (is_written(work->from, work->bytes)) {
    memcpy(work->to, work->from, work->bytes);
  } else {
    put_placeholder(work->to, work->bytes);
  }
}

static void copy_on_device(struct work *work) {
  memmove(work->to, work->from, work->bytes);
  set_written(work->to, is_written(work->from, work->bytes) ? work->bytes : 0);
}

static void fill(struct work *work) { memset(work->to, (int)work->detail, work->bytes); }

static void put_to_device(struct work work, enum place from, cudaStream_t stream) {
  count(&work.device->copies_to_device);
  if (from == PLACE_PINNED) {
    work.run = copy_from_pinned;
    work.detail = checksum(work.from, work.bytes);
  } else {
    void *staged = malloc(work.bytes);
    if (staged == NULL) abort();
    work.run = copy_from_staged;
    work.from = memcpy(staged, work.from, work.bytes);
  }
  enqueue(stream, work);
}

// To pageable memory the call returns when the bytes are there: the host waits.
static void put_to_host(struct work work, enum place to, cudaStream_t stream) {
  count(&work.device->copies_to_host);
  trace("copy", "to host");
  work.run = copy_to_host;
  enqueue(stream, work);
  if (to == PLACE_PINNED) return;
  wait_for_stream(stream, "cudaMemcpyAsync to pageable memory");
}

EXPORT cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, enum cudaMemcpyKind kind,
                                   cudaStream_t stream) {
  (void)kind;
  RETURN_IF_BROKEN();
  if (bytes == 0) return cudaSuccess;
  // The addresses say it better than the caller.
  const enum place there = find_range(to).place, here = find_range(from).place;
  struct work work = {.to = to, .from = from, .bytes = bytes, .device = current_device()};
  if (there == PLACE_DEVICE && here == PLACE_DEVICE) {
    work.run = copy_on_device;
    enqueue(stream, work);
  } else if (there == PLACE_DEVICE) {
    put_to_device(work, here, stream);
  } else if (here == PLACE_DEVICE) {
    put_to_host(work, there, stream);
  } else {
    memcpy(to, from, bytes);
  }
  return cudaSuccess;
}

EXPORT cudaError_t cudaMemcpy(void *to, const void *from, size_t bytes, enum cudaMemcpyKind kind) {
  const cudaError_t error = cudaMemcpyAsync(to, from, bytes, kind, NULL);
  if (error != cudaSuccess) return error;
  wait_for_stream(NULL, "cudaMemcpy");
  RETURN_IF_BROKEN();
  return cudaSuccess;
}

EXPORT cudaError_t cudaMemsetAsync(void *to, int value, size_t bytes, cudaStream_t stream) {
  RETURN_IF_BROKEN();
  enqueue(stream, (struct work){.run = fill, .to = to, .bytes = bytes, .detail = (uint64_t)value});
  return cudaSuccess;
}

EXPORT cudaError_t cudaMemset(void *to, int value, size_t bytes) {
  return cudaMemsetAsync(to, value, bytes, NULL);
}
