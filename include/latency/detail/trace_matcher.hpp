#pragma once
// Gives every device op the span that was open where its call was made: calls and ops meet by the
// correlation id that the driver gives both, never by their times. An op may come before its call
// (which is handed over when it returns), and long after it.
//
// Bounded memory: the newest 65536 calls by correlation id, 65536 older ones that still wait for
// something, 65536 ops whose call has not come. What falls out is counted. What calls need is taken
// at once and does not grow.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <unordered_map>
#include <utility>
#include <vector>

#include "traced_records.hpp"
#include "waiting_calls.hpp"

namespace latency::detail {

// Where a call took effect, as far as that is known.
struct call_place {
  std::int32_t device = -1;
  std::int64_t stream = -1;
  std::uint64_t waits_for = 0;
};

// Takes what has been matched.
class trace_sink {
 public:
  virtual ~trace_sink() = default;
  // `launch` is null for unattributed_reason::no_launch_record and conditional_body. `correlation`
  // goes on counting where the driver's 32 bits start again.
  virtual void op(const traced_op& one, const traced_call* launch, std::uint64_t correlation,
                  unattributed_reason reason) = 0;
  virtual void call(const traced_call& one, std::uint64_t correlation, const call_place& place) = 0;
};

class trace_matcher {
 public:
  // `syncs`: records of synchronizations come too, and calls that wait or order are held for them.
  trace_matcher(const traced_apis& apis, trace_sink& sink, bool syncs)
      : apis_(apis), sink_(sink), syncs_(syncs), recent_(table_size) {}

  void call(const traced_call& one) {
    entry taken;
    taken.call = one;
    taken.correlation = extend(one.correlation);
    taken.waits = waits(one);
    if (taken.waits == awaited::kernel) ++outstanding_;
    if (taken.waits == awaited::nothing) write(taken, {});
    entry& place = recent_[one.correlation % table_size];
    if (place.used()) retire(place);
    place = taken;
    if (!early_ops_.empty())
      match_early(early_ops_, one.correlation, [this](const traced_op& o) { op(o); });
    if (!early_syncs_.empty())
      match_early(early_syncs_, one.correlation, [this](const traced_sync& s) { sync(s); });
  }

  void op(const traced_op& one) {
    if (!one.timed()) ++invalid_ops_;
    devices_[one.context] = one.device;
    // What a conditional node runs has no correlation (CUDA 13.0): its node is all that is known.
    if (one.correlation == 0 && one.graph_node != 0)
      return sink_.op(one, nullptr, 0, unattributed_reason::conditional_body);
    entry* const launch = find(one.correlation);
    if (launch == nullptr) {
      if (!one.timed()) --invalid_ops_;  // counted when it is delivered
      return hold(early_ops_, one, [this](const traced_op& lost) { deliver_unmatched(lost); });
    }
    if (launch->waits == awaited::kernel) --outstanding_;
    if (launch->waits != awaited::many_ops) launch->waits = awaited::nothing;
    call_place place;
    place.device = static_cast<std::int32_t>(one.device);
    place.stream = one.stream;
    write(*launch, place);
    if ((launch->call.flags & call_outside) != 0) return;
    sink_.op(
        one, &launch->call, launch->correlation,
        launch->call.span == 0 ? unattributed_reason::no_open_span : unattributed_reason::none);
  }

  void sync(const traced_sync& one) {
    entry* const caller = find(one.correlation);
    if (caller == nullptr) return hold(early_syncs_, one, [](const traced_sync&) {});
    call_place place;
    const auto device = devices_.find(one.context);
    if (device != devices_.end()) place.device = static_cast<std::int32_t>(device->second);
    if (one.stream != traced_sync::nowhere) place.stream = one.stream;
    event_recording& last = recordings_[one.event % recordings_.size()];
    if (one.records_event) {
      last = {one.event, caller->correlation};
    } else if (one.event != 0 && last.event == one.event &&
               apis_[caller->call.api].kind == api_call_kind::stream_wait) {
      place.waits_for = last.correlation;
    }
    write(*caller, place);
    if (caller->waits == awaited::sync) caller->waits = awaited::nothing;
  }

  // Kernel launches whose op has not come.
  [[nodiscard]] std::size_t outstanding() const noexcept { return outstanding_; }

  // Counts up to now; each is given once.
  [[nodiscard]] std::uint64_t take_invalid_ops() { return std::exchange(invalid_ops_, 0); }
  [[nodiscard]] std::uint64_t take_unmatched_ops() { return std::exchange(unmatched_ops_, 0); }
  [[nodiscard]] std::uint64_t take_unmatched_launches() {
    return std::exchange(unmatched_launches_, 0);
  }
  [[nodiscard]] std::uint64_t take_untraced_copies() { return std::exchange(untraced_copies_, 0); }

  // After the last call and op. Ops of calls that were made after the last one that was handed over
  // belong to whatever comes next, and are left out.
  void finish() {
    for (entry& e : recent_)
      if (e.used()) give_up(e);
    waiting_.for_each([this](entry& e) { give_up(e); });
    early_ops_.for_each([this](const traced_op& o) {
      if (static_cast<std::int32_t>(o.correlation - last_correlation_) <= 0) deliver_unmatched(o);
    });
    recent_.assign(table_size, {});
    waiting_.clear();
    early_ops_.clear();
    early_syncs_.clear();
  }

 private:
  static constexpr std::size_t table_size = 1u << 16;

  enum class awaited : std::uint8_t {
    nothing,
    kernel,    // an op, certain to come
    copy,      // an op, if there is anything to copy
    peer,      // an op only where both devices are the same one
    many_ops,  // for as long as the entry is kept
    sync       // the record of a synchronization
  };
  struct entry {
    traced_call call;
    std::uint64_t correlation = 0;  // with the bits that the driver's number has lost
    awaited waits = awaited::nothing;
    bool written = false;
    [[nodiscard]] bool used() const noexcept { return correlation != 0; }
  };
  struct event_recording {
    std::uint64_t event = 0;
    std::uint64_t correlation = 0;
  };

  // Records whose call has not been handed over, by correlation, the oldest giving way.
  template <class Record>
  struct early {
    std::unordered_multimap<std::uint32_t, Record> records;
    std::deque<std::uint32_t> order;
    [[nodiscard]] bool empty() const noexcept { return records.empty(); }
    void clear() {
      records.clear();
      order.clear();
    }
    template <class Visit>
    void for_each(const Visit& visit) const {
      for (const auto& [correlation, record] : records) visit(record);
    }
  };
  template <class Record, class Lose>
  static void hold(early<Record>& to, const Record& one, const Lose& lose) {
    // `order` also names records that were matched since.
    while (to.records.size() >= table_size || to.order.size() >= 4 * table_size) {
      const auto oldest = to.records.find(to.order.front());
      to.order.pop_front();
      if (oldest == to.records.end()) continue;  // matched meanwhile
      lose(oldest->second);
      to.records.erase(oldest);
    }
    to.records.emplace(one.correlation, one);
    to.order.push_back(one.correlation);
  }
  template <class Record, class Take>
  static void match_early(early<Record>& from, std::uint32_t correlation, const Take& take) {
    const auto [first, last] = from.records.equal_range(correlation);
    std::vector<Record> found;
    for (auto at = first; at != last; ++at) found.push_back(at->second);
    from.records.erase(first, last);
    if (from.records.empty()) from.order.clear();
    for (const Record& one : found) take(one);
  }

  [[nodiscard]] awaited waits(const traced_call& one) const {
    if ((one.flags & (call_failed | call_captured)) != 0) return awaited::nothing;
    const traced_apis::function api = apis_[one.api];
    switch (api.kind) {
      case api_call_kind::launch:
        switch (api.launches) {
          case traced_apis::ops::kernel:
            return awaited::kernel;
          case traced_apis::ops::many:
            return awaited::many_ops;
          case traced_apis::ops::peer:
            return awaited::peer;
          case traced_apis::ops::copy:
          case traced_apis::ops::none:
            break;
        }
        return awaited::copy;
      case api_call_kind::synchronize:
      case api_call_kind::event_record:
      case api_call_kind::stream_wait:
        return syncs_ ? awaited::sync : awaited::nothing;
      case api_call_kind::allocate:
      case api_call_kind::other:
        break;
    }
    return awaited::nothing;
  }

  // The driver counts calls in 32 bits; those of threads arrive a little out of order.
  [[nodiscard]] std::uint64_t extend(std::uint32_t correlation) noexcept {
    const auto ahead = static_cast<std::int32_t>(correlation - last_correlation_);
    const std::uint64_t extended =
        last_extended_ == 0
            ? correlation
            : last_extended_ + static_cast<std::uint64_t>(static_cast<std::int64_t>(ahead));
    if (ahead > 0 || last_extended_ == 0) {
      last_correlation_ = correlation;
      last_extended_ = extended;
    }
    return extended;
  }

  [[nodiscard]] entry* find(std::uint32_t correlation) {
    entry& place = recent_[correlation % table_size];
    if (place.used() && place.call.correlation == correlation) return &place;
    return waiting_.find(correlation);
  }

  // Makes room in the table: an entry that still waits for something moves on.
  void retire(entry& e) {
    if (e.waits == awaited::nothing) return write(e, {});
    waiting_.put(e, [this](entry& oldest) { give_up(oldest); });
  }

  void give_up(entry& e) {
    if (e.waits == awaited::kernel) {
      --outstanding_;
      ++unmatched_launches_;
    }
    if (e.waits == awaited::peer && (e.call.flags & call_outside) == 0) ++untraced_copies_;
    write(e, {});
  }

  void write(entry& e, const call_place& place) {
    if (std::exchange(e.written, true)) return;
    if ((e.call.flags & (call_outside | call_of_nobody)) != 0) return;
    sink_.call(e.call, e.correlation, place);
  }

  void deliver_unmatched(const traced_op& one) {
    ++unmatched_ops_;
    if (!one.timed()) ++invalid_ops_;
    sink_.op(one, nullptr, one.correlation, unattributed_reason::no_launch_record);
  }

  const traced_apis& apis_;
  trace_sink& sink_;
  const bool syncs_;
  std::vector<entry> recent_;                 // by correlation
  waiting_calls<entry> waiting_{table_size};  // pushed out of it
  early<traced_op> early_ops_;
  early<traced_sync> early_syncs_;
  std::unordered_map<std::uint32_t, std::uint32_t> devices_;  // of contexts
  std::vector<event_recording> recordings_ = std::vector<event_recording>(4096);
  std::uint32_t last_correlation_ = 0;
  std::uint64_t last_extended_ = 0;
  std::size_t outstanding_ = 0;
  std::uint64_t invalid_ops_ = 0;
  std::uint64_t unmatched_ops_ = 0;
  std::uint64_t unmatched_launches_ = 0;
  std::uint64_t untraced_copies_ = 0;
};

}  // namespace latency::detail
