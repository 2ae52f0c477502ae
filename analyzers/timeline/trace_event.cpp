#include "analyzers/timeline/trace_event.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <limits>

#include "analyzers/timeline/decimal_time.hpp"
#include "analyzers/timeline/json_structure.hpp"

namespace latency::timeline {
namespace {

namespace ondemand = simdjson::ondemand;
using kind = trace_event_kind;

// Whether a key, as it is written, is this word. Reads no further than the padding.
template <std::size_t Size>
bool is(ondemand::raw_json_string key, const char (&word)[Size]) {
  static_assert(Size <= simdjson::SIMDJSON_PADDING);
  return std::memcmp(key.raw(), word, Size - 1) == 0 && key.raw()[Size - 1] == '"';
}

std::string_view token(ondemand::value value) {
  return value.raw_json_token();
}

// A number or text as it is written, without quotes and what follows.
std::string_view written(ondemand::value value) {
  std::string_view token = value.raw_json_token();
  if (!token.empty() && token[0] == '"') {
    token.remove_prefix(1);
    return token.substr(0, token.rfind('"'));
  }
  while (!token.empty() && is_space(token.back())) token.remove_suffix(1);
  return token;
}

template <class Integer>
std::optional<Integer> integer(ondemand::value value) {
  const std::string_view text = written(value);
  Integer result = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), result);
  return read.ec == std::errc{} ? std::optional(result) : std::nullopt;
}

std::uint64_t identifier(ondemand::value value) {  // -1 and the like: none
  return integer<std::uint64_t>(value).value_or(0);
}

std::uint32_t dimension(ondemand::value value) {
  return integer<std::uint32_t>(value).value_or(0);
}

// Without escapes, as nearly always, a text is what is written. One with an escape that stands for
// nothing, such as half a surrogate, is taken so, too.
std::string_view text(ondemand::value value) {
  const std::string_view raw = value.raw_json_token();
  if (raw.empty() || raw[0] != '"') return {};
  const std::string_view as_written = written(value);
  std::string_view unescaped;
  return as_written.find('\\') != as_written.npos &&
                 value.get_string().get(unescaped) == simdjson::SUCCESS
             ? unescaped
             : as_written;
}

void dimensions(ondemand::value value, std::uint32_t& x, std::uint32_t& y, std::uint32_t& z) {
  if (value.raw_json_token()[0] != '[') return;
  std::uint32_t* const to[] = {&x, &y, &z};
  std::size_t count = 0;
  for (ondemand::value item : value.get_array())
    if (count < 3) *to[count++] = dimension(item);
}

// PyTorch 1.8 and 1.9 wrote annotations among the operators. Those have a namespace, as in
// aten::mm, or end as nodes of the backward pass do; what is left was named by record_function.
bool is_operator_name(std::string_view name) {
  if (name.find("::") != name.npos || name == "detach" || name == "detach_") return true;
  name = name.substr(0, name.find_last_not_of("0123456789") + 1);
  for (const std::string_view end : {"Backward", "Backwards"})
    if (name.size() > end.size() && name.substr(name.size() - end.size()) == end) return true;
  return false;
}

kind kind_of(std::string_view category, std::string_view name) {
  struct known {
    std::string_view name;
    kind is;
  };
  static constexpr known all[] = {
      {"cpu_op", kind::other},
      {"ac2g", kind::other},
      {"kernel", kind::kernel},
      {"cuda_runtime", kind::call},
      {"python_function", kind::other},
      {"cuda_driver", kind::call},
      {"gpu_memcpy", kind::copy},
      {"gpu_memset", kind::set},
      {"user_annotation", kind::annotation},
      {"nvtx", kind::annotation},
      {"NVTX", kind::annotation},
      {"cuda_sync", kind::synchronization},
      {"gpu_user_annotation", kind::other},
      {"fwdbwd", kind::other},
      {"overhead", kind::other},
      {"Trace", kind::other},
      {"cpu_instant_event", kind::other},
      {"cuda_event", kind::other},
      {"collective_comm", kind::other},
      {"cuda_profiler_range", kind::other},
      {"async", kind::other},
      {"forward_backward", kind::other},
      {"Kernel", kind::kernel},
      {"xpu_runtime", kind::call},
      {"xpu_driver", kind::call},
      {"privateuse1_runtime", kind::call},
      {"privateuse1_driver", kind::call},
      {"Runtime", kind::call},
      {"Memcpy", kind::copy},
      {"Memset", kind::set},
      {"Operator", kind::other},
  };
  // Later versions went on to call the steps of a schedule operators.
  if (category == "cpu_op" && name.substr(0, 13) == "ProfilerStep#") return kind::annotation;
  if (category == "Operator" && !is_operator_name(name)) return kind::annotation;
  for (const known& one : all)
    if (one.name == category) return one.is;
  return kind::unknown;
}

void parse_arguments(ondemand::object arguments, trace_event& event) {
  for (auto field : arguments) {
    const ondemand::raw_json_string key = field.key();
    switch (key.raw()[0]) {
      case 'b':
        if (is(key, "bytes")) event.bytes = integer<std::int64_t>(field.value()).value_or(0);
        if (is(key, "block"))
          dimensions(field.value(), event.shape.block_x, event.shape.block_y, event.shape.block_z);
        break;
      case 'c':
        if (is(key, "correlation")) event.correlation = identifier(field.value());
        break;
      case 'd':
        if (is(key, "device")) event.device = integer<std::int64_t>(field.value());
        break;
      case 'g':
        if (is(key, "graph node id")) event.graph_node = identifier(field.value());
        if (is(key, "grid"))
          dimensions(field.value(), event.shape.grid_x, event.shape.grid_y, event.shape.grid_z);
        break;
      case 'n':
        if (is(key, "name")) event.label = text(field.value());
        break;
      case 'r':
        if (is(key, "registers per thread"))
          event.shape.registers_per_thread = dimension(field.value());
        break;
      case 's':
        if (is(key, "stream")) event.stream = integer<std::int64_t>(field.value());
        // Static and dynamic in one number.
        if (is(key, "shared memory")) event.shape.dynamic_shared_bytes = dimension(field.value());
        break;
      case 'w':
        if (is(key, "wait_on_cuda_event_record_corr_id"))
          event.waits_for = identifier(field.value());
        break;
      default:
        break;
    }
  }
}

}  // namespace

trace_event parse_trace_event(ondemand::object object) {
  trace_event event;
  char phase = 0;
  bool seen_category = false, seen_name = false, seen_duration = false;
  std::string_view category;
  const auto matters = [&] {
    return phase == 'M' || !seen_category ||
           (event.kind != kind::unknown && event.kind != kind::other);
  };
  // Of what is no row nothing matters, but for an interval.
  const auto done = [&] {
    if (phase != 0 && phase != 'X' && phase != 'M') return true;  // arrows, instants, counters
    return phase == 'X' && seen_category && seen_name && !matters() && event.start_ns &&
           seen_duration;
  };
  // Values are copied only where they are wanted: a copy right behind the writes stalls.
  for (auto field : object) {
    if (done()) break;
    const ondemand::raw_json_string key = field.key();
    switch (key.raw()[0]) {
      case 'a':
        if (is(key, "args") && matters() && token(field.value())[0] == '{')
          parse_arguments(field.value().get_object(), event);
        break;
      case 'c':
        if (!is(key, "cat")) break;
        category = written(field.value());
        seen_category = true;
        event.kind = kind_of(category, event.name);
        break;
      case 'd':
        if (!is(key, "dur")) break;
        event.duration_ns = nanoseconds_of_microseconds(token(field.value()));
        seen_duration = true;
        break;
      case 'n':
        if (!is(key, "name")) break;
        event.name = text(field.value());
        seen_name = true;
        if (seen_category) event.kind = kind_of(category, event.name);
        break;
      case 'p':
        if (is(key, "ph")) {
          const std::string_view given = written(field.value());
          phase = given.size() == 1 ? given[0] : '?';
        }
        if (is(key, "pid")) event.process = written(field.value());
        break;
      case 't':
        if (is(key, "tid")) event.thread = written(field.value());
        if (is(key, "ts")) event.start_ns = nanoseconds_of_microseconds(token(field.value()));
        break;
      default:
        break;
    }
  }
  event.complete = phase == 'X';
  if (phase == 'M') event.kind = kind::metadata;
  return event;
}

}  // namespace latency::timeline
