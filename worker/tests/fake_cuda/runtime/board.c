// Maps the board and keeps the account of memory over all processes that share it.
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fake.h"

static struct board *mapped;
static struct board_process *mine;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void give_up(const char *what, const char *path) {
  fprintf(stderr, "fake CUDA: %s %s: %s\n", what, path, strerror(errno));
  abort();
}

static bool is_alive(uint64_t pid) { return kill((pid_t)pid, 0) == 0 || errno == EPERM; }

static void lock(void) {
  const uint64_t me = (uint64_t)getpid();
  for (;;) {
    uint64_t owner = 0;
    if (__atomic_compare_exchange_n(&mapped->lock, &owner, me, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) return;
    // A process that was killed while it held the lock leaves it to the next one.
    if (owner != me && !is_alive(owner)) {
      __atomic_compare_exchange_n(&mapped->lock, &owner, 0, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
    }
    sched_yield();
  }
}

static void unlock(void) { __atomic_store_n(&mapped->lock, 0, __ATOMIC_RELEASE); }

static void claim_entry(void) {
  lock();
  for (int i = 0; i < BOARD_PROCESSES && mine == NULL; ++i) {
    struct board_process *entry = &mapped->processes[i];
    if (entry->pid != 0 && is_alive(entry->pid)) continue;
    memset(entry, 0, sizeof *entry);
    entry->pid = (uint64_t)getpid();
    mine = entry;
  }
  unlock();
  if (mine == NULL) {
    fprintf(stderr, "fake CUDA: more than %d processes share one board\n", BOARD_PROCESSES);
    abort();
  }
}

static void map_board(void) {
  const char *path = getenv("FAKE_CUDA_BOARD");
  if (path == NULL) {
    fputs("fake CUDA: FAKE_CUDA_BOARD names no file; only tests use this library\n", stderr);
    abort();
  }
  const int file = open(path, O_RDWR | O_CLOEXEC);
  if (file < 0) give_up("cannot open", path);
  mapped = mmap(NULL, sizeof *mapped, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (mapped == MAP_FAILED) give_up("cannot map", path);
  close(file);
  if (mapped->size != sizeof *mapped) {
    fprintf(stderr, "fake CUDA: the board %s has another layout: %lu bytes, not %zu\n", path, mapped->size,
            sizeof *mapped);
    abort();
  }
  claim_entry();
}

struct board *board(void) {
  pthread_once(&once, map_board);
  return mapped;
}

void count(uint64_t *counter) { __atomic_add_fetch(counter, 1, __ATOMIC_RELAXED); }

bool is_due(uint64_t *countdown) {
  uint64_t left = __atomic_load_n(countdown, __ATOMIC_RELAXED);
  while (left != 0) {
    if (__atomic_compare_exchange_n(countdown, &left, left - 1, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
      return left == 1;
    }
  }
  return false;
}

bool is_refused(struct board_device *device) {
  if (is_due(&device->fail_allocation)) return true;
  uint64_t left = __atomic_load_n(&device->fail_more, __ATOMIC_RELAXED);
  // Those that follow are counted from the first failure on.
  if (left == 0 || __atomic_load_n(&device->fail_allocation, __ATOMIC_RELAXED) != 0) return false;
  is_due(&device->fail_more);
  return true;
}

// Of all processes of the test; with the lock held.
static uint64_t used_now(int device) {
  uint64_t used = 0;
  for (int i = 0; i < BOARD_PROCESSES; ++i) {
    const struct board_process *process = &mapped->processes[i];
    if (process->used_bytes[device] != 0 && is_alive(process->pid)) used += process->used_bytes[device];
  }
  return used;
}

static size_t free_now(int device) {
  const struct board_device *entry = &mapped->devices[device];
  const uint64_t used = used_now(device) + __atomic_load_n(&entry->other_bytes, __ATOMIC_RELAXED);
  return used < entry->total_bytes ? entry->total_bytes - used : 0;
}

bool take_memory(int device, size_t bytes) {
  lock();
  const bool fits = bytes <= free_now(device);
  if (fits) {
    mine->used_bytes[device] += bytes;
    const uint64_t used = used_now(device);
    if (used > mapped->devices[device].peak_bytes) mapped->devices[device].peak_bytes = used;
  }
  unlock();
  return fits;
}

void give_back_memory(int device, size_t bytes) {
  lock();
  mine->used_bytes[device] -= bytes;
  unlock();
}

size_t free_memory(int device) {
  lock();
  const size_t bytes = free_now(device);
  unlock();
  return bytes;
}
