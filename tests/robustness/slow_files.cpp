#include "tests/robustness/slow_files.hpp"

#include <fmt/format.h>

#include <functional>
#include <utility>

#include "latency/detail/record_format.hpp"
#include "latency/journal.hpp"
#include "tests/pipeline_reference/checkpoint/safetensors_bytes.hpp"

namespace robustness {
namespace {

using element = std::function<std::string(int)>;  // of a column, by its index

std::string list(int count, const element& at) {
  std::string text = "[";
  for (int i = 0; i < count; ++i) text += (i > 0 ? "," : "") + at(i);
  return text + "]";
}

element constant(const std::string& text) {
  return [text](int) { return text; };
}
element counting(std::int64_t first, std::int64_t step) {
  return [=](int i) { return std::to_string(first + step * i); };
}

std::string table(const std::string& name, int rows,
                  const std::vector<std::pair<std::string, element>>& columns) {
  std::string text;
  for (const auto& [column, at] : columns)
    text += (text.empty() ? "" : ",") + ("\"" + column + "\":") + list(rows, at);
  return ",\"" + name + "\":{" + text + "}";
}

std::string spans(int count, const element& id, const element& parent, const element& start,
                  const element& duration, const element& attributes = constant("null")) {
  return table("spans", count,
               {{"id", id},
                {"parent", parent},
                {"start_ns", start},
                {"duration_ns", duration},
                {"name", constant("0")},
                {"thread", constant("0")},
                {"flags", constant("0")},
                {"attributes", attributes}});
}

std::string no_spans() {
  const element none = constant("");
  return spans(0, none, none, none, none);
}

// A timing file with these tables; `names` is what stands in `strings`.
std::string timing_file(const std::string& tables, const std::string& names = "[\"a\"]") {
  return "{\"schema\":{\"name\":\"latency.timing\",\"version\":\"1.0\"},\"hygiene\":{},"
         "\"wall_ns\":1000000000,\"strings\":" +
         names + ",\"threads\":{\"name\":[\"main\"],\"os_id\":[1]}" + tables + "}";
}

std::string keys(int count) {
  std::string text;
  for (int i = 0; i < count; ++i) text += fmt::format(",\"k{}\":0", i);
  return text;
}

std::string device_ops(int count, const element& stream) {
  return table("device_ops", count,
               {{"start_ns", counting(0, 1)},
                {"duration_ns", constant("1000000")},
                {"span", constant("0")},
                {"correlation", counting(1, 1)},
                {"graph_node", constant("0")},
                {"replay", constant("0")},
                {"bytes", constant("0")},
                {"name", constant("0")},
                {"device", constant("0")},
                {"stream", stream},
                {"kind", constant("\"kernel\"")},
                {"direction", constant("\"none\"")},
                {"reason", constant("\"no_open_span\"")}});
}

std::string blocks_switches_and_frames(int count) {
  const element index = counting(0, 1), id = counting(1, 1), zero = constant("0");
  return spans(count, id, zero, counting(0, 10), constant("10")) +
         table("blocks", count,
               {{"span", id},
                {"index", index},
                {"segment", index},
                {"first_latent_frame", counting(0, 3)},
                {"latent_frames", constant("3")},
                {"cached_latent_frames", constant("9")},
                {"window_latent_frames", constant("12")},
                {"switched", constant("1")}}) +
         table("switches", count,
               {{"span", id},
                {"segment", index},
                {"block", index},
                {"requested_latent_frame", counting(0, 3)},
                {"latent_frame", counting(0, 3)},
                {"recached_latent_frames", constant("9")},
                {"request_ns", counting(0, 10)},
                {"first_pixel_frame", counting(0, 12)}}) +
         table("pixel_frames", count,
               {{"complete_ns", counting(5, 10)}, {"index", counting(0, 12)}, {"block", index}});
}

// Ids that meet in one bucket of a hash table whose hash is the number itself.
constexpr std::int64_t bucket_count = 20753;  // of libstdc++, for some 20000 entries

void append_block(std::string& to, latency::detail::block_type type,
                  const std::vector<std::uint64_t>& words) {
  latency::detail::block_header header{
      latency::detail::block_magic, type, 0, 0, static_cast<std::uint32_t>(words.size()), 0};
  header.checksum = latency::detail::checksum(header, words.data());
  to.append(reinterpret_cast<const char*>(&header), sizeof header);
  to.append(reinterpret_cast<const char*>(words.data()), words.size() * sizeof(std::uint64_t));
}

std::string journal_start() {
  const std::uint64_t version = latency::journal_version_major;
  return std::string(latency::journal_magic, sizeof latency::journal_magic) +
         std::string(reinterpret_cast<const char*>(&version), sizeof version);
}

}  // namespace

std::vector<std::string> slow_timing_files() {
  constexpr int many = 20000;
  const element id = counting(1, 1), zero = constant("0"), one = constant("1");
  const std::string long_name = "[\"" + std::string(1 << 20, 'n') + "\"]";
  const std::string many_attributes = "{\"a\":0" + keys(many) + "}";
  return {
      timing_file(no_spans() + keys(5 * many)),
      timing_file(no_spans() + ",\"run\":{\"a\":0" + keys(5 * many) + "}"),
      timing_file(no_spans(), list(5 * many, [](int i) { return fmt::format("\"name {}\"", i); })),
      timing_file(no_spans(), list(5 * many, constant("\"same\""))),
      // every span inside the one before it; beside it; at the same instant; in a circle of parents
      timing_file(spans(many, id, counting(0, 1), counting(0, 1),
                        [](int i) { return std::to_string(2 * (many - i)); })),
      timing_file(spans(many, id, one, counting(0, 10), constant("20"))),
      timing_file(spans(many, id, zero, zero, zero)),
      timing_file(spans(
          many, id, [](int i) { return std::to_string((i + 1) % many + 1); }, zero, one)),
      timing_file(spans(many, one, one, zero, one)),
      timing_file(spans(many, counting(bucket_count, bucket_count), counting(0, bucket_count),
                        counting(0, 1), one)),
      timing_file(spans(2, id, zero, zero, one, constant(many_attributes))),
      timing_file(spans(many / 20, id, zero, zero, one), long_name),
      timing_file(no_spans() + device_ops(many / 2, zero)),
      timing_file(no_spans() + device_ops(many / 2, counting(0, 1))),
      timing_file(blocks_switches_and_frames(many / 2)),
  };
}

std::vector<std::string> slow_traces() {
  constexpr int many = 10000;
  const auto trace = [](const element& event) {
    return "{\"traceEvents\":" + list(many, event) + "}";
  };
  // Times and ids are given by the index.
  const auto event = [](const std::string& category, const element& start, const element& duration,
                        const element& process, const element& correlation) -> element {
    return [=](int i) {
      return fmt::format(
          "{{\"ph\":\"X\",\"cat\":\"{}\",\"name\":\"cudaGraphLaunch\",\"pid\":{},\"tid\":1,"
          "\"ts\":{},\"dur\":{},\"args\":{{\"correlation\":{}}}}}",
          category, process(i), start(i), duration(i), correlation(i));
    };
  };
  const auto either = [](const element& even, const element& odd) -> element {
    return [=](int i) { return i % 2 == 0 ? even(i) : odd(i); };
  };
  const element one = constant("1"), rising = counting(1, 1), falling = counting(many, -1);
  const element same_call = event("cuda_runtime", one, one, one, one);
  const std::string deep = std::string(60, '[') + std::string(60, ']');
  return {
      // annotations inside each other, overlapping, at one instant, on a thread each
      trace(event("user_annotation", rising, falling, one, one)),
      trace(event("user_annotation", rising, constant("5000"), one, one)),
      trace(event("user_annotation", one, one, one, one)),
      trace(event("user_annotation", one, one, rising, one)),
      // calls and ops with one number, in the worst order; each op on a device of its own
      trace(either(same_call, event("kernel", falling, one, one, one))),
      trace(either(event("cuda_runtime", falling, one, rising, one),
                   event("kernel", rising, one, one, one))),
      trace(event("kernel", rising, one, rising, rising)),
      trace(constant("{\"ph\":\"X\",\"args\":{\"a\":" + deep + "}}")),
      list(30 * many, constant("{\"ph\":1}")),
      trace(constant("\"" + std::string(100, '\\') + "\"")),
      "{\"a\":0" + keys(10 * many) + ",\"traceEvents\":[]}",
      "{\"a\":\"" + std::string(1 << 20, 'x') + "\",\"traceEvents\":[{\"cat\":\"kernel\"}]}",
  };
}

std::vector<std::string> slow_tracker_files() {
  constexpr int many = 10000;
  const auto events = [](const element& duration_ms, const element& end_s) {
    return "{\"component_timings\":{\"kv_operations\":" +
           list(many,
                [=](int i) {
                  return fmt::format("{{\"gpu_time_ms\":{},\"timestamp\":{},\"operation\":\"{}\"}}",
                                     duration_ms(i), end_s(i), i % 2);
                }) +
           "}}";
  };
  const auto statistics = [](const std::string& component, const std::string& blocks) {
    return "{\"component_breakdown\":{\"" + component +
           "\":{\"count\":100000,\"gpu_timing\":{\"total_ms\":1e6},\"per_block_variance\":{\"x\":"
           "0" +
           blocks + "}}},\"block_analysis\":" +
           list(5 * many, [](int i) { return fmt::format("{{\"block_idx\":{}}}", i); }) + "}";
  };
  std::string every_block;
  for (int i = 0; i < 5 * many; ++i) every_block += fmt::format(",\"block_{}\":{{\"count\":1}}", i);
  return {
      // inside each other, one after the other, at one instant
      events(counting(2000, 2000), counting(1, 1)),
      events(constant("1000"), counting(many, -1)),
      events(constant("1"), constant("1")),
      statistics("prompt_switch_recache", every_block),
      // numbers that only Python knows, in one event
      "{\"component_timings\":{\"x\":[{\"y\":" +
          list(20 * many, [](int i) { return std::string(i % 2 == 0 ? "NaN" : "-Infinity"); }) +
          "}]}}",
      statistics("vae_decode", ""),
      "{\"block_analysis\":" + list(3 * many, constant("{\"block_idx\":0}")) + "}",
      "{\"frame_times\":" +
          list(2 * many, constant("{\"timestamp\":1e9,\"elapsed_since_start\":1}")) +
          ",\"analysis_config\":{\"num_frame_per_block\":1}}",
  };
}

std::vector<std::string> slow_stage_logs() {
  constexpr int many = 10000;
  std::string opened, completed, one_line = "[A] Starting execution ", names;
  for (int i = 0; i < many; ++i) {
    opened += fmt::format("[S{}] Starting execution\n", i);
    completed += fmt::format("[T{}] Execution completed in 1 ms\n", i);
    one_line += ">>>> K time: 1 ms] ";
    names += fmt::format(">>>> K{} time: 1 ms\n", i);
  }
  const std::string times = [] {
    std::string result = ">>>> ";
    for (int i = 0; i < 5 * many; ++i) result += " time: x";
    return result;
  }();
  return {opened + completed,
          one_line,
          opened + names,
          times,
          ">>>> K time: " + std::string(1 << 20, ' '),
          "[A] Starting execution" + std::string(1 << 20, ']') + std::string(1 << 20, '\r'),
          "Stage names," + std::string(1 << 20, ',') + "\n[A] Execution completed in 1 ms"};
}

std::vector<std::string> slow_journals() {
  using namespace latency::detail;
  constexpr std::uint64_t many = 20000;
  // Headers of which each claims all that follows.
  std::string claims = journal_start();
  for (std::uint64_t left = 3 * many; left > 3; left -= 3) {
    const block_header header{
        block_magic, block_type::records, 0, 0, static_cast<std::uint32_t>(left - 3), 0};
    claims.append(reinterpret_cast<const char*>(&header), sizeof header);
  }
  std::vector<std::uint64_t> open, async;
  for (std::uint64_t i = 1; i <= many; ++i) {
    const std::uint64_t id = i * bucket_count;
    open.insert(open.end(), {id, id - bucket_count, i, 0});
    async.insert(async.end(), {pack_head(0, record_kind::async_begin, 0, 0), i, id, 0,
                               pack_head(0, record_kind::async_end, 0, 0), i + 1, id});
  }
  std::string with_open = journal_start(), with_async = journal_start();
  append_block(with_open, block_type::open_spans, open);
  append_block(with_async, block_type::records, async);
  return {claims, with_open, with_async};
}

std::vector<std::string> slow_configurations() {
  std::string many_keys, long_list = "switch_frame_indices: [0";
  for (int i = 0; i < 50000; ++i) many_keys += fmt::format("key{}: 1\n", i);
  for (int i = 1; i < 100000; ++i) long_list += ", 1";
  return {many_keys,
          long_list + "]\n",
          std::string(1 << 20, 'k') + ": 1\n",
          "a: \"" + std::string(1 << 20, '\\') + "\"\n",
          "a: " + std::string(1 << 20, '&'),
          std::string(1 << 19, '?') + "\n",
          "a: |\n" + std::string(1 << 20, ' ')};
}

std::vector<std::string> slow_prompts() {
  std::string many_lines, one_line = "{\"prompts\": [\"a\"";
  for (int i = 0; i < 60000; ++i) many_lines += "{\"prompts\": [\"a\"]}\n";
  for (int i = 0; i < 200000; ++i) one_line += ",\"a\"";
  return {many_lines, one_line + "]}\n",
          "{\"prompts\": [\"" + std::string(900000, 'a') + "\", \"b\"]}\n"};
}

std::vector<std::string> slow_safetensors() {
  std::string many = "{\"t\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}";
  for (int i = 0; i < 15000; ++i)
    many += fmt::format(",\"{}\":{{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}}", i);
  std::string metadata = "{\"__metadata__\":{\"a\":\"b\"";
  for (int i = 0; i < 60000; ++i) metadata += ",\"a\":\"b\"";
  using checkpoint::testing::safetensors_bytes;
  return {safetensors_bytes(many + "}", ""), safetensors_bytes(metadata + "}}", "")};
}

}  // namespace robustness
