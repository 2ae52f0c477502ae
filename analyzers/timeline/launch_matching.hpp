#pragma once
// Which call of a trace launched which device op.
//
// A device op has the correlation number of its call. A process gives each of its calls another
// number, but a file may hold several processes, and numbers wrap around. Of several calls with one
// number:
//   - a call inside another one of its thread is how that one was carried out, and launches
//     nothing;
//   - copies come of calls that copy, memsets of calls that set, kernels of calls that launch;
//   - a device whose ops nearly all come of one process takes that one's calls first;
//   - a call makes one op run (the launch of a graph: one of each node): from the last op on, each
//     takes the last call before it that none has taken.

#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include "analyzers/timeline/call_names.hpp"
#include "latency/recording.hpp"

namespace latency::timeline {

class launch_matching {
 public:
  static constexpr std::size_t no_call = SIZE_MAX;

  // The calls of `run` must be in the order of their starts, thread by thread; `processes` has an
  // entry for each thread. Gives calls that share a number different ones, and calls inside others
  // the kind `other`. All three arguments must outlive the object. O(n log n).
  launch_matching(recording& run, call_names& names, const std::vector<std::uint32_t>& processes);

  // For each device op the position of the call that launched it, or no_call.
  [[nodiscard]] const std::vector<std::size_t>& call_of_op() const noexcept { return call_of_op_; }

  // Of the calls of this kind that the trace gave this number, the last one that started by
  // `time_ns`, else the first; no_call: none. Looks at no more than 64.
  [[nodiscard]] std::size_t find(std::uint64_t correlation, api_call_kind kind,
                                 std::int64_t time_ns) const;

 private:
  struct entry {
    std::uint64_t correlation;  // as in the trace
    std::int64_t start_ns;
    std::size_t call;
  };
  struct group {  // entries with one number
    std::size_t first = 0, last = 0;
    [[nodiscard]] std::size_t size() const noexcept { return last - first; }
  };
  struct candidate {
    std::uint32_t process;
    std::int64_t start_ns;
    std::size_t call;
  };
  struct shared_op {
    std::uint64_t correlation, graph_node;
    std::int64_t start_ns;
    std::size_t op;
    std::uint32_t process;
    device_op_kind kind;
  };
  using positions = std::vector<std::size_t>;
  using process_by_device = std::map<std::uint32_t, std::uint32_t>;

  void list_calls();
  void leave_out_inner_calls();
  void match_ops();
  void match_shared(const positions& ops, const process_by_device* preferred);
  void take_in_time(const shared_op* first, const shared_op* last, const candidate* calls,
                    std::ptrdiff_t count);
  void number_apart();

  [[nodiscard]] group group_of(std::uint64_t correlation, std::size_t hint) const;
  [[nodiscard]] std::vector<candidate> candidates(const group& calls, device_op_kind kind,
                                                  bool by_process) const;
  [[nodiscard]] bool may_launch(const api_call& call, device_op_kind kind) const;
  [[nodiscard]] process_by_device processes_of_devices() const;

  recording& run_;
  call_names& names_;
  const std::vector<std::uint32_t>& processes_;
  std::vector<entry> entries_;  // by number, then by start
  std::vector<std::size_t> call_of_op_;
};

}  // namespace latency::timeline
