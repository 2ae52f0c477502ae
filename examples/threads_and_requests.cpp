// Work that moves between threads: a request is an async span from its arrival to its answer; what
// a worker does for it belongs to the span that handed it over.
//
//   threads_and_requests [timing.json]
#include <condition_variable>
#include <cstdio>
#include <deque>
#include <latency/latency.hpp>
#include <mutex>
#include <thread>

struct request {
  int id;
  latency::async_span span;   // ends wherever the request is answered
  latency::context asked_by;  // the span that handed it over
};

class queue {
 public:
  void push(request r) {
    const std::lock_guard<std::mutex> lock(mutex_);
    waiting_.push_back(std::move(r));
    latency::counter("queue_depth", static_cast<double>(waiting_.size()));
    ready_.notify_one();
  }
  request pop() {
    LATENCY_SCOPE("wait_for_request");
    std::unique_lock<std::mutex> lock(mutex_);
    ready_.wait(lock, [&] { return !waiting_.empty(); });
    request first = std::move(waiting_.front());
    waiting_.pop_front();
    latency::counter("queue_depth", static_cast<double>(waiting_.size()));
    return first;
  }

 private:
  std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<request> waiting_;
};

int main(int argc, char** argv) try {
  latency::session run{argc > 1 ? argv[1] : "timing.json"};
  constexpr int requests = 20;
  queue work;
  std::thread worker([&] {
    latency::name_thread("worker");
    for (int i = 0; i < requests; ++i) {
      request r = work.pop();
      const latency::adopt belongs_to{r.asked_by};
      LATENCY_SCOPE("answer", {"request", r.id});
      std::this_thread::sleep_for(std::chrono::microseconds(500));
      r.span.end();
    }
  });
  for (int i = 0; i < requests; ++i) {
    LATENCY_SCOPE("submit", {"request", i});
    work.push({i, latency::async_span{"request", {"request", i}}, latency::current_context()});
    std::this_thread::sleep_for(std::chrono::microseconds(300));
  }
  worker.join();
  run.finish();
  std::printf("wrote %s\n", run.output().c_str());
} catch (const latency::error& e) {
  std::fprintf(stderr, "threads_and_requests: %s\n", e.what());
  return 2;
}
