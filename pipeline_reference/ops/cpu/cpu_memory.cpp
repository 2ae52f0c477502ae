#include "pipeline_reference/ops/cpu/cpu_memory.hpp"

#include <unistd.h>

#include <cstring>
#include <new>

namespace ops::cpu {
namespace {

constexpr std::align_val_t alignment{64};

void copy_bytes(void* to, const void* from, std::int64_t bytes) {
  if (bytes > 0) std::memcpy(to, from, static_cast<std::size_t>(bytes));
}

}  // namespace

std::int64_t cpu_memory::machine_bytes() {
  return std::int64_t{sysconf(_SC_PHYS_PAGES)} * sysconf(_SC_PAGESIZE);
}

void* cpu_memory::allocate(std::int64_t bytes) {
  void* data = ::operator new(static_cast<std::size_t>(bytes), alignment, std::nothrow);
  if (data == nullptr)
    throw latency::error("out of memory: " + std::to_string(bytes) + " bytes of host memory");
  return data;
}

void cpu_memory::release(void* data) noexcept {
  ::operator delete(data, alignment);
}

void cpu_memory::upload(void* to, const void* from_host, std::int64_t bytes, stream) {
  copy_bytes(to, from_host, bytes);
}

void cpu_memory::download(void* to_host, const void* from, std::int64_t bytes, stream) {
  copy_bytes(to_host, from, bytes);
}

void cpu_memory::copy(void* to, const void* from, std::int64_t bytes, stream) {
  copy_bytes(to, from, bytes);
}

void cpu_memory::zero(void* to, std::int64_t bytes, stream) {
  if (bytes > 0) std::memset(to, 0, static_cast<std::size_t>(bytes));
}

}  // namespace ops::cpu
