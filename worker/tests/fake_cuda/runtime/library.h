// What the runtime offers to the stand-ins for the libraries above and below it.
#pragma once

#include "board.h"

struct board *fake_cuda_board(void);

// A library put work on a stream.
int fake_cuda_launch(const char *name, void *stream);

// Counts the call of a function that no stand-in has, and gives an error.
int fake_cuda_unsupported(const char *name);

// Counts a call of the run-time compiler, and gives an error.
int fake_cuda_compiler(const char *name);

// A function of the driver by its name, or NULL.
void *fake_cuda_driver(const char *name);
