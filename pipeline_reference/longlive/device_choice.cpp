#include "pipeline_reference/longlive/device_choice.hpp"

#include <fmt/format.h>

#include <exception>
#include <utility>

#include "latency/error.hpp"
#include "pipeline_reference/longlive/memory_need.hpp"

namespace longlive {
namespace {

std::unique_ptr<ops::backend> cuda_backend() {
  try {
    return ops::make_backend("cuda");
  } catch (const std::exception& e) {
    throw latency::error("", "--device cuda", e.what());
  }
}

chosen_device on_cuda(const config& settings, loop_kind kind) {
  std::unique_ptr<ops::backend> backend = cuda_backend();
  require_device_memory(settings, kind, *backend);
  std::string text = fmt::format("cuda ({})", backend->facts().name);
  return {std::move(backend), std::move(text)};
}

}  // namespace

chosen_device choose_device(const std::string& wanted, const config& settings, loop_kind kind) {
  std::string why_not;
  if (wanted != "cpu") {
    try {
      return on_cuda(settings, kind);
    } catch (const std::exception& e) {
      if (wanted == "cuda") throw;
      why_not = fmt::format(" ({})", e.what());
    }
  }
  require_memory(settings);
  return {ops::make_backend("cpu"), "cpu" + why_not};
}

}  // namespace longlive
