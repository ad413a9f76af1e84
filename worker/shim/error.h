// How C++ exceptions become statuses.
#pragma once

#include <exception>

#include <c10/util/Exception.h>

#include "shim.h"

namespace batchsweep {

void remember_error(const char* text);

// Runs `body`; every function of the C surface is one call of this.
template <typename Body>
bs_status guarded(Body&& body) noexcept {
  try {
    body();
    return BS_OK;
  } catch (const c10::OutOfMemoryError& error) {
    remember_error(error.what_without_backtrace());
    return BS_OUT_OF_MEMORY;
  } catch (const c10::Error& error) {
    remember_error(error.what_without_backtrace());
    return BS_ERROR;
  } catch (const std::exception& error) {
    remember_error(error.what());
    return BS_ERROR;
  } catch (...) {
    remember_error("an unknown C++ exception");
    return BS_ERROR;
  }
}

}  // namespace batchsweep
