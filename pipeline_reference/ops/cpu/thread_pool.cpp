#include "pipeline_reference/ops/cpu/thread_pool.hpp"

#include <sched.h>

#include <algorithm>

namespace ops::cpu {
namespace {

// The gap between two loops of a model is a few microseconds: look for the next one that long
// before sleeping, because waking up costs more than the loop itself.
constexpr int looks_before_sleep = 4000;

void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

int usable_cores() {
  cpu_set_t cores;
  if (::sched_getaffinity(0, sizeof(cores), &cores) == 0) return std::max(1, CPU_COUNT(&cores));
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

}  // namespace

thread_pool::thread_pool(int threads) {
  if (threads <= 0) threads = usable_cores();
  workers_.reserve(static_cast<std::size_t>(threads - 1));
  for (int worker = 1; worker < threads; ++worker)
    workers_.emplace_back([this, worker] { work(worker); });
}

thread_pool::~thread_pool() {
  stopping_.store(true);
  generation_.fetch_add(1);
  generation_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void thread_pool::run(const loop& l) {
  if (l.tasks <= 1 || workers_.empty() || taken_.test_and_set(std::memory_order_acquire)) {
    for (std::int64_t task = 0; task < l.tasks; ++task) l.call(l.body, task, 0);
    return;
  }
  loop_ = l;
  next_task_.store(0);
  open_.store(true);
  generation_.fetch_add(1);
  generation_.notify_all();
  take_tasks(0);
  open_.store(false);
  for (int look = 0; inside_.load() != 0; ++look) {
    if (look < looks_before_sleep)
      pause();
    else
      std::this_thread::yield();  // the other thread lost its core
  }
  taken_.clear(std::memory_order_release);
}

void thread_pool::take_tasks(int worker) {
  for (;;) {
    const std::int64_t task = next_task_.fetch_add(1);
    if (task >= loop_.tasks) return;
    loop_.call(loop_.body, task, worker);
  }
}

void thread_pool::work(int worker) {
  std::uint32_t seen = 0;
  while (!stopping_.load()) {
    for (int look = 0; look < looks_before_sleep && generation_.load() == seen; ++look) pause();
    generation_.wait(seen);
    seen = generation_.load();
    inside_.fetch_add(1);
    if (open_.load()) take_tasks(worker);
    inside_.fetch_sub(1);
  }
}

}  // namespace ops::cpu
