#pragma once
// Sees every traced call into the driver's API, on the thread that makes it, and notes which span
// it belongs to. The thread that matches calls with device ops takes them from here.
//
// Callbacks are those of the driver's API: calls of the runtime's API arrive there with the same
// correlation id, so one callback sees both, and work that libraries launch by themselves. What
// becomes of graphs is told apart from calls, and passed on to cupti_graph_tracer.

#include <cupti.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "../events.hpp"
#include "call_ring.hpp"
#include "cupti_graph_tracer.hpp"
#include "recorder.hpp"

#pragma GCC visibility push(default)  // one in the process, whatever shared library asks

namespace latency::detail {

inline thread_local call_ring* this_ring = nullptr;
inline thread_local bool ring_is_gone = false;  // the thread is ending

class cupti_call_tracer {
 public:
  [[nodiscard]] path_table& paths() noexcept { return paths_; }
  // Where nodes of graphs were captured.
  [[nodiscard]] graph_attribution& graphs() noexcept { return graphs_.attribution(); }

  // Calls belong to this session from here on. `with_paths`: notes paths of spans, for totals.
  // Throws when out of memory. No callback may come before it, or after end().
  void begin(const recorder& session, bool with_paths, const cupti_library& cupti) {
    clock_ = session.clock();
    with_paths_ = with_paths;
    // Threads remember the numbers of paths for as long as a session lasts.
    if (std::exchange(paths_generation_, session.generation()) != session.generation())
      paths_.clear();
    graphs_.begin(cupti);
    numbers_graphs_ = cupti.numbers_graphs();
    prepare_rings();
    generation_.store(session.generation(), std::memory_order_release);
  }
  void end() noexcept { generation_.store(no_session, std::memory_order_release); }

  // A callback of CUPTI's.
  void seen(CUpti_CallbackDomain domain, CUpti_CallbackId id, const void* data) noexcept {
    if (domain != CUPTI_CB_DOMAIN_DRIVER_API) return graph_seen(domain, id, data);
    const auto& call = *static_cast<const CUpti_CallbackData*>(data);
    call_ring* const ring = this_ring != nullptr ? this_ring : attach_ring();
    if (ring == nullptr) return;
    if (call.callbackSite == CUPTI_API_ENTER)
      enter(*ring, call.correlationId);
    else
      leave(*ring, static_cast<std::uint16_t>(id), call);
  }

  // Hands over the calls that have returned. Returns how many were lost since the last time.
  template <class Take>
  [[nodiscard]] std::uint64_t drain(const Take& take) {
    const std::lock_guard<std::mutex> lock(rings_mutex_);
    std::uint64_t lost = lost_calls_.exchange(0, std::memory_order_relaxed);
    for (const auto& ring : rings_) {
      ring->drain(take);
      lost += ring->take_dropped();
    }
    return lost;
  }

 private:
  static constexpr std::size_t first_rings = 4;

  // Not in the path of a launch, unless it is captured.
  __attribute__((noinline)) void graph_seen(CUpti_CallbackDomain domain, CUpti_CallbackId id,
                                            const void* data) noexcept {
    call_ring* const ring = this_ring != nullptr ? this_ring : attach_ring();
    if (ring == nullptr) return;
    const auto thread = reinterpret_cast<std::uint64_t>(ring);
    const auto where = [&] { return open_spans(*ring); };
    if (domain == CUPTI_CB_DOMAIN_RUNTIME_API) {
      if (static_cast<const CUpti_CallbackData*>(data)->callbackSite == CUPTI_API_ENTER)
        graphs_.capture_begins(thread, where);
      return;
    }
    if (id == CUPTI_CBID_RESOURCE_GRAPHNODE_CREATED) ring->current.captured = true;
    const void* const graph = static_cast<const CUpti_ResourceData*>(data)->resourceDescriptor;
    if (graph != nullptr && numbers_graphs_)
      graphs_.seen(id, *static_cast<const CUpti_GraphData*>(graph), thread, where);
  }
  [[nodiscard]] graph_attribution::place open_spans(call_ring& ring) {
    const std::uint64_t generation = generation_.load(std::memory_order_relaxed);
    thread_state* const t = this_thread;
    if (active_generation.load(std::memory_order_relaxed) != generation || t == nullptr ||
        t->generation.load(std::memory_order_relaxed) != generation)
      return {};
    return {innermost_span(*t), ring.paths.current(*t, paths_)};
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
    if (!with_paths_) return;
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
    {
      const std::lock_guard<std::mutex> lock(rings_mutex_);
      while (rings_.size() < first_rings) rings_.push_back(std::make_unique<call_ring>());
    }
    (void)drain([](const traced_call&) {});  // what an earlier collector left
  }

  clock_kind clock_ = clock_kind::monotonic_raw;
  bool with_paths_ = false;
  std::atomic<std::uint64_t> generation_{no_session};
  path_table paths_;
  std::uint64_t paths_generation_ = no_session;
  cupti_graph_tracer graphs_{paths_};
  bool numbers_graphs_ = false;

  std::mutex rings_mutex_;
  std::vector<std::unique_ptr<call_ring>> rings_;
  std::atomic<std::uint64_t> lost_calls_{0};  // of threads without a ring
};

}  // namespace latency::detail

#pragma GCC visibility pop
