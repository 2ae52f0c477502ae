#pragma once
// A few threads that share the tasks of one loop at a time. The calling thread takes part, so a
// pool of one thread runs everything in place. Starting a loop allocates nothing.

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

namespace ops::cpu {

class thread_pool {
 public:
  // `threads` includes the caller; 0 means one per core that this process may use.
  explicit thread_pool(int threads = 0);
  ~thread_pool();
  thread_pool(const thread_pool&) = delete;
  thread_pool& operator=(const thread_pool&) = delete;

  [[nodiscard]] int threads() const noexcept { return static_cast<int>(workers_.size()) + 1; }

  // Runs body(task, worker) for every task in [0, tasks), worker in [0, threads()), each worker on
  // one thread; returns when all have finished. The body must not throw. May be called from several
  // threads: while a loop runs, another caller (or a body) runs its own loop alone, as worker 0.
  template <class Body>
  void parallel_for(std::int64_t tasks, const Body& body) {
    run({[](const void* context, std::int64_t task, int worker) {
           (*static_cast<const Body*>(context))(task, worker);
         },
         &body, tasks});
  }

 private:
  struct loop {
    void (*call)(const void*, std::int64_t, int) = nullptr;
    const void* body = nullptr;
    std::int64_t tasks = 0;
  };
  void run(const loop& l);
  void work(int worker);
  void take_tasks(int worker);

  // A worker announces itself in inside_, then looks at open_; the caller clears open_, then waits
  // for inside_ to reach zero. So a worker that wakes late never sees a loop that has gone.
  loop loop_;
  std::atomic<std::int64_t> next_task_{0};
  std::atomic<bool> open_{false};
  std::atomic<int> inside_{0};
  std::atomic<std::uint32_t> generation_{0};  // changes when there is a loop, or at the end
  std::atomic<bool> stopping_{false};
  std::atomic_flag taken_;  // a loop is running
  std::vector<std::thread> workers_;
};

}  // namespace ops::cpu
