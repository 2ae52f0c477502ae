#pragma once
// The process's one subscription to CUPTI: callbacks that note which span a call into the driver
// belongs to, buffers of activity records, and the thread that reads them. collector (cupti.hpp)
// starts and stops it.
//
// Callbacks are those of the driver's API alone: calls of the runtime's API arrive there with the
// same correlation id, so one callback sees both, and work that libraries launch by themselves.

#include <pthread.h>
#include <signal.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "../events.hpp"
#include "activity_buffers.hpp"
#include "call_ring.hpp"
#include "cupti_library.hpp"
#include "cupti_records.hpp"
#include "recorder.hpp"

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

inline thread_local call_ring* this_ring = nullptr;
inline thread_local bool ring_is_gone = false;  // the thread is ending

class cupti_engine {
 public:
  // Never destroyed: the driver may call back while the process ends.
  [[nodiscard]] static cupti_engine& instance() {
    static cupti_engine* const made = new cupti_engine;
    return *made;
  }

  // The functions that are traced, known once `load` succeeded.
  [[nodiscard]] const traced_apis& apis() const noexcept { return apis_; }
  [[nodiscard]] path_table& paths() noexcept { return paths_; }

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

  // Begins to trace into `input`, for the session of `to`. False, and why, if that fails.
  [[nodiscard]] bool start(const std::shared_ptr<recorder>& to, std::unique_ptr<trace_input> input,
                           const cupti_settings& settings, std::string& why) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (input_ != nullptr) {
      why = "another latency::cupti::collector is collecting";
      return false;
    }
    if (!subscribe(why)) return false;
    settings_ = settings;
    clock_ = to->clock();
    ns_per_tick_ = to->measure_ns_per_tick();
    paths_.clear();
    // CUPTI may still hold buffers of an earlier collector: they are all of one size, for good.
    if (buffers_ == nullptr)
      buffers_ = std::make_unique<activity_buffers>(settings.buffer_bytes, settings.buffers);
    prepare_rings();
    generation_.store(to->generation(), std::memory_order_release);
    // Callbacks first: every op then has a call.
    if (!enable_callbacks(1, why) || !enable_activities(why)) {
      stop_tracing();
      return false;
    }
    input_ = std::move(input);
    reader_ = std::make_unique<cupti_reader>(cupti_);
    take_anchor();
    start_worker();
    return true;
  }

  // Ends tracing and hands over what is left. Waits for kernels that were launched before, for a
  // bounded time. Does nothing when it does not run.
  void stop() noexcept {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (input_ == nullptr) return;
    join_worker();
    std::string ignored;
    (void)enable_callbacks(0, ignored);
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
    input_->finish();
    input_ = nullptr;
  }

  // Has the worker look for what is new.
  void wake() noexcept { wake_.notify_one(); }

  // In a forked child: the worker does not exist there.
  void abandon_after_fork() noexcept { worker_ = nullptr; }

 private:
  static constexpr std::size_t first_rings = 4;
  static constexpr std::chrono::milliseconds period{5};  // far less than a ring takes to fill
  static constexpr std::chrono::seconds anchor_every{1};

  cupti_engine() = default;

  // -- subscription ----------------------------------------------------------------------------

  [[nodiscard]] bool subscribe(std::string& why) {
    std::uint8_t yes = 1;
    std::size_t size = sizeof yes;
    // We hand out zeroed buffers, so that a launch need not wait until one has been zeroed.
    (void)cupti_.cuptiActivitySetAttribute(CUPTI_ACTIVITY_ATTR_ZEROED_OUT_ACTIVITY_BUFFER, &size,
                                           &yes);
    char holder[CUPTI_OLD_SUBSCRIBER_NAME_MIN_LEN] = "";
    CUptiResult result = CUPTI_ERROR_UNKNOWN;
#if CUPTI_API_VERSION >= 130000
    if (cupti_.cuptiSubscribe_v2 != nullptr) {
      CUpti_SubscriberParams parameters{};
      parameters.structSize = CUpti_SubscriberParams_STRUCT_SIZE;
      parameters.subscriberName = "latency";
      parameters.oldSubscriberName = holder;
      parameters.oldSubscriberSize = sizeof holder;
      result = cupti_.cuptiSubscribe_v2(&subscriber_, &on_callback, this, &parameters);
    } else
#endif
      result = cupti_.cuptiSubscribe(&subscriber_, &on_callback, this);
    if (result == CUPTI_SUCCESS)
      result = cupti_.cuptiActivityRegisterCallbacks(&on_request, &on_complete);
    if (result == CUPTI_SUCCESS) return true;
    why = reason(result, holder);
    return false;
  }

  [[nodiscard]] std::string reason(CUptiResult result, const char* holder) const {
    if (result == CUPTI_ERROR_MULTIPLE_SUBSCRIBERS_NOT_SUPPORTED) {
      if (*holder != 0) return std::string("another profiler is attached: ") + holder;
      for (const char* const variable : {"CUDA_INJECTION64_PATH", "NVTX_INJECTION64_PATH"}) {
        const char* const injected = std::getenv(variable);
        if (injected != nullptr && *injected != 0)
          return std::string("another profiler is attached: ") + variable + "=" + injected;
      }
      return "another profiler is attached";
    }
    if (result == CUPTI_ERROR_INSUFFICIENT_PRIVILEGES ||
        result == CUPTI_ERROR_VIRTUALIZED_DEVICE_INSUFFICIENT_PRIVILEGES)
      return "no permission to profile on this machine: " + cupti_.text_of(result);
    return "CUPTI: " + cupti_.text_of(result);
  }

  [[nodiscard]] bool enable_callbacks(std::uint32_t on, std::string& why) {
    for (std::size_t number = 0; number < apis_.size(); ++number) {
      const traced_apis::function function = apis_[static_cast<std::uint16_t>(number)];
      if (function.name == nullptr) continue;
      const bool orders = function.kind == api_call_kind::event_record ||
                          function.kind == api_call_kind::stream_wait;
      if (orders && !settings_.syncs) continue;
      const CUptiResult result = cupti_.cuptiEnableCallback(
          on, subscriber_, CUPTI_CB_DOMAIN_DRIVER_API, static_cast<CUpti_CallbackId>(number));
      // Old functions of the driver need not be known to it any more.
      if (result != CUPTI_SUCCESS && function.launches == traced_apis::ops::kernel &&
          std::string_view(function.name) == "cuLaunchKernel") {
        why = "CUPTI: " + cupti_.text_of(result);
        return false;
      }
    }
    // Tells launches that become nodes of a graph from those that run.
    (void)cupti_.cuptiEnableCallback(on, subscriber_, CUPTI_CB_DOMAIN_RESOURCE,
                                     CUPTI_CBID_RESOURCE_GRAPHNODE_CREATED);
    return true;
  }

  [[nodiscard]] bool enable_activities(std::string& why) {
    for (const CUpti_ActivityKind kind :
         {CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL, CUPTI_ACTIVITY_KIND_MEMCPY,
          CUPTI_ACTIVITY_KIND_MEMCPY2, CUPTI_ACTIVITY_KIND_MEMSET}) {
      const CUptiResult result = cupti_.cuptiActivityEnable(kind);
      if (result == CUPTI_SUCCESS) continue;
      why = reason(result, "");
      return false;
    }
    if (!settings_.syncs) return true;
    (void)cupti_.cuptiActivityEnable(CUPTI_ACTIVITY_KIND_SYNCHRONIZATION);
    (void)cupti_.cuptiActivityEnable(CUPTI_ACTIVITY_KIND_CUDA_EVENT);
    return true;
  }

  // CUPTI itself stays: finalizing it has crashed programs.
  void stop_tracing() noexcept {
    generation_.store(no_session, std::memory_order_release);
    for (const CUpti_ActivityKind kind :
         {CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL, CUPTI_ACTIVITY_KIND_MEMCPY,
          CUPTI_ACTIVITY_KIND_MEMCPY2, CUPTI_ACTIVITY_KIND_MEMSET,
          CUPTI_ACTIVITY_KIND_SYNCHRONIZATION, CUPTI_ACTIVITY_KIND_CUDA_EVENT})
      (void)cupti_.cuptiActivityDisable(kind);
    (void)cupti_.cuptiUnsubscribe(subscriber_);
  }

  // -- on launching threads ----------------------------------------------------------------------

  static void CUPTIAPI on_callback(void* engine, CUpti_CallbackDomain domain, CUpti_CallbackId id,
                                   const void* data) noexcept {
    if (domain == CUPTI_CB_DOMAIN_RESOURCE) {
      if (this_ring != nullptr) this_ring->current.captured = true;
      return;
    }
    auto& self = *static_cast<cupti_engine*>(engine);
    const auto& call = *static_cast<const CUpti_CallbackData*>(data);
    call_ring* const ring = this_ring != nullptr ? this_ring : self.attach_ring();
    if (ring == nullptr) return;
    if (call.callbackSite == CUPTI_API_ENTER)
      self.enter(*ring, call.correlationId);
    else
      self.leave(*ring, static_cast<std::uint16_t>(id), call);
  }

  void enter(call_ring& ring, std::uint32_t correlation) const noexcept {
    call_ring::call_in_progress& current = ring.current;
    if (current.depth > 0 && current.correlation == correlation) {
      ++current.depth;
      return;
    }
    current = {read_ticks(clock_), correlation, 1, false};
  }

  void leave(call_ring& ring, std::uint16_t api, const CUpti_CallbackData& call) noexcept {
    call_ring::call_in_progress& current = ring.current;
    const bool entered = current.depth > 0 && current.correlation == call.correlationId;
    if (entered && --current.depth > 0) return;
    traced_call one;
    one.end_ticks = read_ticks(clock_);
    one.start_ticks = entered ? current.start_ticks : one.end_ticks;  // begun before tracing did
    one.correlation = call.correlationId;
    one.api = api;
    const auto* const result = static_cast<const CUresult*>(call.functionReturnValue);
    if (result != nullptr && *result != CUDA_SUCCESS) one.flags |= call_failed;
    if (entered && current.captured) one.flags |= call_captured;
    place(ring, one);
    ring.put(one);
  }

  // Which thread and span of the session a call belongs to.
  void place(call_ring& ring, traced_call& one) noexcept {
    const std::uint64_t generation = generation_.load(std::memory_order_relaxed);
    if (active_generation.load(std::memory_order_relaxed) != generation) {
      one.flags |= call_outside;
      return;
    }
    thread_state* t = this_thread;
    if (t == nullptr || t->generation.load(std::memory_order_relaxed) != generation)
      t = ring.placeless_generation == generation ? nullptr : attach_through_hook();
    if (t == nullptr) {
      ring.placeless_generation = generation;
      one.flags |= call_of_nobody;
      return;
    }
    one.thread = t->index;
    one.span = innermost_span(*t);
    if (!settings_.paths) return;
    try {
      one.path = ring.paths.current(*t, paths_);
    } catch (const std::bad_alloc&) {
      one.path = -1;
    }
  }

  // A ring for the calling thread, given back when it ends; nullptr when it is ending.
  [[nodiscard]] call_ring* attach_ring() noexcept {
    if (ring_is_gone) return nullptr;
    struct guard {
      ~guard() {
        ring_is_gone = true;
        if (this_ring != nullptr) this_ring->in_use.store(false, std::memory_order_release);
        this_ring = nullptr;
      }
    };
    static thread_local guard at_exit;
    (void)at_exit;
    try {
      const std::lock_guard<std::mutex> lock(rings_mutex_);
      for (const auto& ring : rings_)
        if (!ring->in_use.exchange(true, std::memory_order_acquire)) return this_ring = ring.get();
      rings_.push_back(std::make_unique<call_ring>());
      rings_.back()->in_use.store(true, std::memory_order_relaxed);
      return this_ring = rings_.back().get();
    } catch (const std::exception&) {
      lost_calls_.fetch_add(1, std::memory_order_relaxed);
      return nullptr;
    }
  }
  void prepare_rings() {
    const std::lock_guard<std::mutex> lock(rings_mutex_);
    while (rings_.size() < first_rings) rings_.push_back(std::make_unique<call_ring>());
    for (const auto& ring : rings_) {  // what an earlier collector left
      ring->drain([](const traced_call&) {});
      (void)ring->take_dropped();
    }
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
    sigset_t every, before;  // it takes none of the program's signals
    sigfillset(&every);
    pthread_sigmask(SIG_SETMASK, &every, &before);
    worker_ = new std::thread([this] { work(); });
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
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
    drain_rings();
    for (const activity_buffers::filled& one : buffers_->take_filled()) {
      reader_->read(one.buffer, one.bytes, *input_);
      buffers_->recycle(one);
      drain_rings();
    }
    std::size_t dropped = 0;
    (void)cupti_.cuptiActivityGetNumDroppedRecords(nullptr, 0, &dropped);
    input_->dropped(dropped, lost_calls_.exchange(0, std::memory_order_relaxed));
    input_->flush();
  }

  void drain_rings() {
    const std::lock_guard<std::mutex> lock(rings_mutex_);
    for (const auto& ring : rings_) {
      ring->drain([this](const traced_call& one) { input_->call(one); });
      input_->dropped(0, ring->take_dropped());
    }
  }

  // CUPTI's clock and ours, read together: the tightest of a few brackets.
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
                   static_cast<std::int64_t>(half_ns) + 1);
  }

  std::mutex mutex_;  // starting and stopping
  cupti_library cupti_;
  traced_apis apis_;
  CUpti_SubscriberHandle subscriber_ = nullptr;
  cupti_settings settings_;
  clock_kind clock_ = clock_kind::monotonic_raw;
  double ns_per_tick_ = 1;
  std::atomic<std::uint64_t> generation_{no_session};
  std::unique_ptr<activity_buffers> buffers_;
  std::unique_ptr<cupti_reader> reader_;
  std::unique_ptr<trace_input> input_;  // while it runs
  path_table paths_;

  std::mutex rings_mutex_;
  std::vector<std::unique_ptr<call_ring>> rings_;
  std::atomic<std::uint64_t> lost_calls_{0};  // of threads without a ring

  std::thread* worker_ = nullptr;
  std::mutex wake_mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
};

}  // namespace latency::detail

#pragma GCC visibility pop
