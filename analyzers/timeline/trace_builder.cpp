#include "analyzers/timeline/trace_builder.hpp"

#include <algorithm>
#include <charconv>
#include <functional>
#include <limits>

#include "latency/saturating.hpp"

namespace latency::timeline {
namespace {

using kind = trace_event_kind;

std::string key_of(std::string_view process, std::string_view thread) {
  return std::string(process) + '\0' + std::string(thread);
}

std::int64_t number_in(std::string_view text) {
  std::int64_t result = 0;
  std::from_chars(text.data(), text.data() + text.size(), result);
  return result;
}

std::uint32_t narrowed(std::int64_t number) {
  return static_cast<std::uint32_t>(
      std::clamp<std::int64_t>(number, 0, std::numeric_limits<std::uint32_t>::max()));
}

// What the profiler lost the times of, or wrote none that can be read.
bool never_taken(const interval& times) {
  return times.start_ns == 0 && times.end_ns == 0;
}

void widen(std::optional<interval>& wall, const interval& times) {
  const std::int64_t end_ns = std::max(times.start_ns, times.end_ns);
  if (!wall) wall = interval{times.start_ns, end_ns};
  wall->start_ns = std::min(wall->start_ns, times.start_ns);
  wall->end_ns = std::max(wall->end_ns, end_ns);
}

// "Memcpy HtoD (Pageable -> Device)"
copy_direction direction_of(std::string_view name) {
  const auto has = [name](std::string_view part) { return name.find(part) != name.npos; };
  if (has("HtoD")) return copy_direction::host_to_device;
  if (has("DtoH")) return copy_direction::device_to_host;
  if (has("PtoP")) return copy_direction::peer;
  if (has("DtoD")) return copy_direction::device_to_device;
  return copy_direction::none;
}

}  // namespace

void trace_builder::add(const trace_event& event) {
  if (event.kind == kind::metadata) return add_name(event);
  recognised_ = recognised_ || event.kind != kind::unknown;
  if (!event.complete || event.kind == kind::unknown) return;
  const interval times = times_of(event);
  switch (event.kind) {
    case kind::annotation: {
      span row;
      row.start_ns = times.start_ns;
      row.end_ns = times.end_ns;
      row.name = string(event.name);
      row.thread = thread_of(event);
      result_.spans.push_back(row);
      break;
    }
    case kind::call: {
      if (never_taken(times)) break;  // launched in nobody knows which annotation
      api_call row;
      row.start_ns = times.start_ns;
      row.end_ns = times.end_ns;
      row.correlation = event.correlation;
      row.name = string(event.name);
      row.thread = thread_of(event);
      result_.api_calls.push_back(row);
      break;
    }
    case kind::kernel:
    case kind::copy:
    case kind::set:
      add_device_op(event, times);
      break;
    case kind::synchronization:
      if (event.correlation != 0)
        synchronizations_.push_back(
            {event.correlation, times.start_ns,
             event.device.value_or(-1) < 0 ? -1 : static_cast<std::int32_t>(device_of(event)),
             event.stream.value_or(-1), event.waits_for});
      break;
    case kind::unknown:
    case kind::other:
    case kind::metadata:
      break;
  }
}

// Zeros: none that can be used.
interval trace_builder::times_of(const trace_event& event) {
  if (!event.start_ns || !event.duration_ns) return {};
  const interval times{*event.start_ns, clamp_time(*event.start_ns + *event.duration_ns)};
  if (never_taken(times)) return {};
  whole_microseconds_ =
      whole_microseconds_ && *event.start_ns % 1000 == 0 && *event.duration_ns % 1000 == 0;
  widen(times.start_ns == 0 ? at_zero_ : wall_, times);
  return times;
}

void trace_builder::add_device_op(const trace_event& event, const interval& times) {
  device_op row;
  row.start_ns = times.start_ns;
  row.end_ns = times.end_ns;
  row.correlation = event.correlation;
  row.graph_node = event.graph_node;
  row.name = string(event.name);
  row.device = device_of(event);
  row.stream = narrowed(event.stream ? *event.stream : number_in(event.thread));
  if (event.kind == kind::kernel) {
    row.shape = shape_of(event.shape);
  } else {
    row.kind = event.kind == kind::copy ? device_op_kind::memcpy : device_op_kind::memset;
    row.bytes = event.bytes;
    if (event.kind == kind::copy) row.direction = direction_of(event.name);
  }
  result_.device_ops.push_back(row);
}

// Names of kernels are long, and few: the one that hashes alike is nearly always the same.
string_id trace_builder::string(std::string_view text) {
  const std::size_t sampled = std::hash<std::string_view>()(text.substr(0, 64)) ^
                              std::hash<std::string_view>()(text.substr(text.size() / 2, 64)) * 31 ^
                              text.size();
  string_id& recent = recent_strings_[sampled % recent_strings_.size()];
  if (recent >= result_.strings.size() || result_.strings[recent] != text)
    recent = result_.strings.add(text);
  return recent;
}

std::uint32_t trace_builder::thread_of(const trace_event& event) {
  const std::size_t split = event.process.size();
  if (thread_key_.size() == split + 1 + event.thread.size() &&
      std::string_view(thread_key_).substr(0, split) == event.process &&
      thread_key_[split] == '\0' && std::string_view(thread_key_).substr(split + 1) == event.thread)
    return last_thread_;
  thread_key_ = key_of(event.process, event.thread);
  const auto [entry, added] =
      threads_.try_emplace(thread_key_, static_cast<std::uint32_t>(result_.threads.size()));
  if (added) {
    result_.threads.push_back({std::string(event.thread), number_in(event.thread)});
    process_of_thread_.emplace_back(event.process);
  }
  return last_thread_ = entry->second;
}

// Traces of several processes that were put together may number their devices alike, on tracks of
// their own: the first keeps the number.
std::uint32_t trace_builder::device_of(const trace_event& event) {
  const std::int64_t number = event.device ? *event.device : number_in(event.process);
  if (last_device_ != devices_.end() && last_device_->first.first == event.process &&
      last_device_->first.second == number)
    return last_device_->second;
  last_device_ = devices_.find({std::string(event.process), number});
  if (last_device_ != devices_.end()) return last_device_->second;
  std::uint32_t device = narrowed(number);
  if (!device_numbers_taken_.insert(device).second) {
    while (!device_numbers_taken_.insert(free_device_).second) ++free_device_;
    device = free_device_;
  }
  last_device_ = devices_.emplace(std::pair(std::string(event.process), number), device).first;
  return device;
}

void trace_builder::name_device(std::uint32_t device, std::string_view name) {
  device_names_[device] = name;
}

std::int32_t trace_builder::shape_of(const launch_shape& s) {
  const auto [entry, added] =
      shapes_.try_emplace(shape_key{s.grid_x, s.grid_y, s.grid_z, s.block_x, s.block_y, s.block_z,
                                    s.registers_per_thread, s.dynamic_shared_bytes},
                          static_cast<std::int32_t>(result_.launch_shapes.size()));
  if (added) result_.launch_shapes.push_back(s);
  return entry->second;
}

void trace_builder::add_name(const trace_event& event) {
  if (event.label.empty()) return;
  if (event.name == "process_name") process_names_[std::string(event.process)] = event.label;
  if (event.name == "thread_name") thread_names_[key_of(event.process, event.thread)] = event.label;
}

void trace_builder::name_threads() {
  const bool several = std::any_of(
      process_of_thread_.begin(), process_of_thread_.end(),
      [this](const std::string& process) { return process != process_of_thread_.front(); });
  for (const auto& [key, index] : threads_) {
    thread_info& thread = result_.threads[index];
    const std::string& process = process_of_thread_[index];
    const auto name = thread_names_.find(key);
    if (name != thread_names_.end()) thread.name = name->second;
    if (!several) continue;
    const auto process_name = process_names_.find(process);
    thread.name = (process_name == process_names_.end() ? "" : process_name->second + " ") +
                  process + ": " + thread.name;
  }
}

void trace_builder::describe_devices() {
  std::map<std::uint32_t, std::int64_t> number_of;
  for (const auto& [track, device] : devices_) number_of[device] = track.second;
  for (const auto& [device, number] : number_of) {
    device_clock clock;
    clock.device = device;
    const auto name = device_names_.find(narrowed(number));
    if (name != device_names_.end()) clock.name = name->second;
    clock.resolution_ns = static_cast<std::int64_t>(result_.clock.resolution_ns);
    result_.device_clocks.push_back(clock);
  }
}

std::vector<std::uint32_t> trace_builder::processes_of_threads() const {
  std::map<std::string_view, std::uint32_t> numbers;
  std::vector<std::uint32_t> result;
  for (const std::string& process : process_of_thread_)
    result.push_back(
        numbers.try_emplace(process, static_cast<std::uint32_t>(numbers.size())).first->second);
  return result;
}

// Makes the first event the start of the recording. What has no times keeps having none: also what
// starts at zero where the trace's clock counts from long before all else, as PyTorch's do.
void trace_builder::start_at_first() {
  constexpr std::int64_t day_ns = 86'400'000'000'000;
  const bool zero_is_none = wall_ && wall_->start_ns > day_ns;
  if (at_zero_ && !zero_is_none) widen(wall_, *at_zero_);
  const interval wall = wall_.value_or(interval{});
  const auto shift = [&](auto& row) {
    const bool none =
        never_taken({row.start_ns, row.end_ns}) || (row.start_ns == 0 && zero_is_none);
    row.end_ns = none ? 0 : clamp_time(row.end_ns - wall.start_ns);
    row.start_ns = none ? 0 : clamp_time(row.start_ns - wall.start_ns);
    return !none;
  };
  for (span& s : result_.spans) (void)shift(s);
  for (device_op& op : result_.device_ops)
    if (!shift(op)) ++result_.hygiene.invalid_device_ops;
  for (api_call& call : result_.api_calls) (void)shift(call);
  for (traced_synchronization& one : synchronizations_)
    one.start_ns = clamp_time(one.start_ns - wall.start_ns);
  result_.wall_ns = clamp_time(wall.length_ns());
  first_ns_ = wall.start_ns;
}

recording trace_builder::finish(std::int64_t base_unix_ns) {
  start_at_first();
  // Whole microseconds lose up to one of each time.
  result_.clock.resolution_ns = whole_microseconds_ ? 1000 : 1;
  result_.clock.uncertainty_ns = whole_microseconds_ ? 1000 : 0;
  result_.clock.origin_unix_ns = saturating_add(base_unix_ns, first_ns_);
  name_threads();
  describe_devices();
  attribute_trace(result_, processes_of_threads(), synchronizations_);
  return std::move(result_);
}

}  // namespace latency::timeline
