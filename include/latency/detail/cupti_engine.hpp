#pragma once
// The process's one use of CUPTI: the calls that cupti_call_tracer sees, the buffers of activity
// records, and the thread that reads both. collector (cupti.hpp) starts and stops it.

#include <pthread.h>

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

#include "activity_buffers.hpp"
#include "cupti_call_tracer.hpp"
#include "cupti_library.hpp"
#include "cupti_records.hpp"
#include "cupti_subscription.hpp"
#include "signal_free_thread.hpp"

#pragma GCC visibility push(default)  // one in the process, whatever shared library asks

namespace latency::detail {

struct cupti_settings {
  std::size_t buffer_bytes = 0;
  std::size_t buffers = 0;
  bool paths = false;  // note paths of spans, for totals
  bool syncs = false;  // records of synchronizations and events
  std::chrono::milliseconds flush_every{};
  std::chrono::milliseconds finish_within{};
};

class cupti_engine {
 public:
  // Never destroyed: the driver may call back while the process ends.
  [[nodiscard]] static cupti_engine& instance() {
    static cupti_engine* const made = new cupti_engine;
    return *made;
  }

  // The functions that are traced, known once `load` succeeded.
  [[nodiscard]] const traced_apis& apis() const noexcept { return apis_; }
  [[nodiscard]] path_table& paths() noexcept { return calls_.paths(); }
  // nullptr where the library does not number nodes.
  [[nodiscard]] graph_attribution* graphs() noexcept {
    return cupti_.numbers_graphs() ? &calls_.graphs() : nullptr;
  }

  // Finds the library. False, and why, if that fails.
  [[nodiscard]] bool load(std::string& why) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (cupti_.version != 0) return true;
    cupti_library found;
    if (!found.load(why)) return false;
    cupti_ = found;
    for (std::uint16_t number = 1; number < 4096; ++number) {
      const char* name = nullptr;
      if (cupti_.cuptiGetCallbackName(CUPTI_CB_DOMAIN_DRIVER_API, number, &name) != CUPTI_SUCCESS ||
          name == nullptr)
        continue;
      const traced_apis::function function = traced_apis::classify(name);
      if (function.name != nullptr) apis_.add(number, function);
    }
    return true;
  }

  // Begins to trace into `input`, for the session of `to`. False, and why, if that fails; then
  // nothing stays switched on. Throws when out of memory or threads, likewise.
  [[nodiscard]] bool start(const std::shared_ptr<recorder>& to, std::unique_ptr<trace_input> input,
                           const cupti_settings& settings, std::string& why) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (input_ != nullptr) {
      why = "another latency::cupti::collector is collecting";
      return false;
    }
    settings_ = settings;
    clock_ = to->clock();
    ns_per_tick_ = to->measure_ns_per_tick();
    // CUPTI may still hold buffers of an earlier collector: they are all of one size, for good.
    if (buffers_ == nullptr)
      buffers_ = std::make_unique<activity_buffers>(settings.buffer_bytes, settings.buffers);
    reader_ = std::make_unique<cupti_reader>(cupti_);
    calls_.begin(*to, settings.paths, cupti_);
    if (!subscription_.begin({&on_callback, &on_request, &on_complete}, &calls_, apis_,
                             settings.syncs, why)) {
      calls_.end();
      return false;
    }
    input_ = std::move(input);
    take_anchor();
    try {
      start_worker();
    } catch (...) {
      stop_tracing();
      input_ = nullptr;
      throw;
    }
    return true;
  }

  // Ends tracing and hands over what is left. Waits for kernels that were launched before, for a
  // bounded time. Does nothing when it does not run.
  void stop() noexcept {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (input_ == nullptr) return;
    join_worker();
    subscription_.end_callbacks(apis_, settings_.syncs);
    const auto deadline = std::chrono::steady_clock::now() + settings_.finish_within;
    for (;;) {
      step(true);
      if (input_->outstanding() == 0 || std::chrono::steady_clock::now() >= deadline) break;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    cupti_.cuptiActivityFlushAll(CUPTI_ACTIVITY_FLAG_FLUSH_FORCED);
    stop_tracing();
    take_anchor();
    step(false);
    count_dropped();
    input_->finish();
    input_ = nullptr;
    calls_.graphs().clear();
  }

  // Has the worker look for what is new.
  void wake() noexcept { wake_.notify_one(); }

  // In a forked child: the worker does not exist there.
  void abandon_after_fork() noexcept { worker_ = nullptr; }

 private:
  static constexpr std::chrono::milliseconds period{5};  // far less than a ring takes to fill
  // Often enough for a run of a second to tell how far its clocks stray.
  static constexpr std::chrono::milliseconds anchor_every{250};

  cupti_engine() = default;

  void stop_tracing() noexcept {
    calls_.end();
    subscription_.end();
  }

  // -- called by CUPTI ---------------------------------------------------------------------------

  static void CUPTIAPI on_callback(void* calls, CUpti_CallbackDomain domain, CUpti_CallbackId id,
                                   const void* data) noexcept {
    static_cast<cupti_call_tracer*>(calls)->seen(domain, id, data);
  }
  static void CUPTIAPI on_request(std::uint8_t** buffer, std::size_t* bytes,
                                  std::size_t* most_records) noexcept {
    activity_buffers& buffers = *instance().buffers_;
    *buffer = buffers.take();
    *bytes = *buffer == nullptr ? 0 : buffers.bytes();
    *most_records = 0;
  }
  static void CUPTIAPI on_complete(CUcontext, std::uint32_t, std::uint8_t* buffer, std::size_t,
                                   std::size_t bytes) noexcept {
    instance().buffers_->complete(buffer, bytes);
  }

  // -- the worker --------------------------------------------------------------------------------

  void start_worker() {
    stopping_ = false;
    worker_ = new std::thread(signal_free_thread([this] { work(); }));
  }
  void join_worker() {
    std::thread* const worker = std::exchange(worker_, nullptr);
    if (worker == nullptr) return;
    {
      const std::lock_guard<std::mutex> lock(wake_mutex_);
      stopping_ = true;
    }
    wake_.notify_one();
    worker->join();
    delete worker;
  }

  void work() {
    pthread_setname_np(pthread_self(), "latency_cupti");
    auto last_flush = std::chrono::steady_clock::now(), last_anchor = last_flush;
    std::unique_lock<std::mutex> lock(wake_mutex_);
    while (!stopping_) {
      wake_.wait_for(lock, period);
      lock.unlock();
      const auto now = std::chrono::steady_clock::now();
      const bool flush = now - last_flush >= settings_.flush_every;
      if (flush) last_flush = now;
      if (now - last_anchor >= anchor_every) {
        last_anchor = now;
        take_anchor();
      }
      step(flush);
      lock.lock();
    }
  }

  // Reads what has come, and passes it on. `flush`: asks for buffers that are not full, too.
  void step(bool flush) {
    if (flush) cupti_.cuptiActivityFlushAll(0);
    drain_calls();
    for (const activity_buffers::filled& one : buffers_->take_filled()) {
      reader_->read(one.buffer, one.bytes, *input_);
      buffers_->recycle(one);
      drain_calls();
      input_->flush();  // what is gathered is of one buffer, however many came at once
    }
    if (flush) count_dropped();
    input_->flush();
  }
  void count_dropped() {
    std::size_t dropped = 0;
    (void)cupti_.cuptiActivityGetNumDroppedRecords(nullptr, 0, &dropped);
    input_->dropped(dropped, 0);
  }

  void drain_calls() {
    input_->dropped(0, calls_.drain([this](const traced_call& one) { input_->call(one); }));
  }

  // The clock to which CUPTI maps those of devices, and ours, read together: the tightest of a few
  // brackets.
  void take_anchor() {
    std::uint64_t best_width = UINT64_MAX, ticks = 0, device_ns = 0;
    for (int i = 0; i < 8; ++i) {
      std::uint64_t now_ns = 0;
      const std::uint64_t before = read_ticks(clock_);
      if (cupti_.cuptiGetTimestamp(&now_ns) != CUPTI_SUCCESS) return;
      const std::uint64_t width = read_ticks(clock_) - before;
      if (width >= best_width) continue;
      best_width = width;
      ticks = before + width / 2;
      device_ns = now_ns;
    }
    const double half_ns = static_cast<double>(best_width) * ns_per_tick_ / 2;
    input_->anchor(static_cast<std::int64_t>(device_ns), ticks,
                   static_cast<std::int64_t>(half_ns) + 1 + cupti_subscription::rate_error_ns);
  }

  std::mutex mutex_;  // starting and stopping
  cupti_library cupti_;
  traced_apis apis_;
  cupti_subscription subscription_{cupti_};
  cupti_settings settings_;
  clock_kind clock_ = clock_kind::monotonic_raw;
  double ns_per_tick_ = 1;
  cupti_call_tracer calls_;
  std::unique_ptr<activity_buffers> buffers_;
  std::unique_ptr<cupti_reader> reader_;
  std::unique_ptr<trace_input> input_;  // while it runs

  std::thread* worker_ = nullptr;
  std::mutex wake_mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
};

}  // namespace latency::detail

#pragma GCC visibility pop
