#include "benchmarks/result_file.hpp"

#include <fmt/format.h>
#include <sys/utsname.h>

#include <algorithm>
#include <fstream>
#include <latency/detail/output_file.hpp>
#include <latency/detail/utc_now.hpp>
#include <latency/error.hpp>
#include <latency/statistics.hpp>
#include <nlohmann/json.hpp>
#include <thread>

#include "cmake/build_info.hpp"

namespace benchmarks {

namespace {

// Four significant digits: more than the spread of any measurement here supports.
double rounded(double value) {
  return std::stod(fmt::format("{:.4g}", value));
}

// One object of a result file and its JSON path.
class result_object {
 public:
  result_object(const nlohmann::json& object, const std::string& file, std::string path)
      : object_(object), file_(file), path_(std::move(path)) {
    if (!object_.is_object()) throw latency::error(file_, path_, "expected an object");
  }
  [[nodiscard]] const nlohmann::json& member(const char* key) const {
    const auto found = object_.find(key);
    if (found == object_.end()) fail(key, "missing");
    return *found;
  }
  [[nodiscard]] std::string text(const char* key) const {
    if (!member(key).is_string()) fail(key, "expected a text");
    return member(key).get<std::string>();
  }
  [[nodiscard]] double number(const char* key) const {
    if (!member(key).is_number()) fail(key, "expected a number");
    return member(key).get<double>();
  }
  [[nodiscard]] std::size_t count(const char* key) const {
    if (!member(key).is_number_unsigned()) fail(key, "expected a count");
    return member(key).get<std::size_t>();
  }
  [[noreturn]] void fail(const char* key, const char* what) const {
    throw latency::error(file_, path_ + "/" + key, what);
  }

 private:
  const nlohmann::json& object_;
  const std::string& file_;
  std::string path_;
};

row parse_row(const nlohmann::json& json, const std::string& file, const std::string& path) {
  const result_object object(json, file, path);
  row result;
  result.name = object.text("name");
  result.value = object.number("value");
  result.unit = object.text("unit");
  result.n = object.count("n");
  if (!object.member("spread").is_null()) result.spread = object.number("spread");
  if (const auto work = json.find("work"); work != json.end()) {
    const result_object done(*work, file, path + "/work");
    const std::string unit = done.text("unit");
    if (unit != "FLOP" && unit != "byte") done.fail("unit", "expected FLOP or byte");
    result.work = {unit == "FLOP" ? done_work::kind::flops : done_work::kind::bytes,
                   done.number("amount")};
    if (result.unit != "ms" && result.unit != "us") object.fail("work", "of a value without time");
  }
  if (!object.member("reference").is_null()) {
    const result_object reference(object.member("reference"), file, path + "/reference");
    result.reference_name = reference.text("name");
    result.reference_value = reference.number("value");
  }
  if (json.contains("ratio_interval")) {
    const result_object interval(object.member("ratio_interval"), file, path + "/ratio_interval");
    result.ratio_interval = {interval.number("low"), interval.number("high")};
  }
  return result;
}

}  // namespace

std::string work_text(const row& r) {
  if (!r.work) return "";
  const bool flops = r.work->type == done_work::kind::flops;
  return flops ? fmt::format("{:.4g} GFLOP", r.work->amount / 1e9)
               : fmt::format("{:.4g} MB", r.work->amount / 1e6);
}

std::string rate_text(const row& r) {
  if (!r.work) return "";
  const double per_second = r.work->amount / r.value * (r.unit == "ms" ? 1e3 : 1e6);
  return r.work->type == done_work::kind::flops ? fmt::format("{:.4g} TFLOP/s", per_second / 1e12)
                                                : fmt::format("{:.4g} GB/s", per_second / 1e9);
}

row summarize(std::string name, std::string unit, const std::vector<double>& samples) {
  row result;
  result.name = std::move(name);
  result.unit = std::move(unit);
  result.n = samples.size();
  result.value = rounded(latency::percentile(samples, 50));
  if (samples.size() > 1)
    result.spread = rounded(latency::percentile(samples, 75) - latency::percentile(samples, 25));
  return result;
}

std::vector<row> compare(const std::vector<alternative>& alternatives, const std::string& unit,
                         int rounds) {
  std::vector<std::vector<double>> samples(alternatives.size());
  for (int round = -1; round < rounds; ++round)
    for (std::size_t i = 0; i < alternatives.size(); ++i) {
      const double sample = alternatives[i].sample();
      if (round >= 0) samples[i].push_back(sample);
    }
  std::vector<row> rows;
  for (std::size_t i = 0; i < alternatives.size(); ++i)
    rows.push_back(summarize(alternatives[i].name, unit, samples[i]));
  for (std::size_t i = 0; i < alternatives.size(); ++i)
    for (const row& other : rows)
      if (other.name == alternatives[i].reference) {
        rows[i].reference_name = other.name;
        rows[i].reference_value = other.value;
      }
  return rows;
}

std::string ratio_text(const row& r) {
  if (r.reference_name.empty()) return "";
  const double ratio = r.value / r.reference_value;
  if (!r.ratio_interval) return fmt::format("{:.3g} x {}", ratio, r.reference_name);
  return fmt::format("{:.3f} ({:.3f} to {:.3f}) x {}", ratio, r.ratio_interval->first,
                     r.ratio_interval->second, r.reference_name);
}

void report(const std::vector<row>& rows, const std::string& machine, const std::string& command,
            const std::string& path) {
  fmt::print("{:<58} {:>10} {:<10} {:>4} {:>9}  {}\n", "", "median", "", "n", "IQR", "ratio");
  nlohmann::ordered_json file;
  file["machine"] = machine;
  file["command"] = command;
  file["commit"] = build_info::git_commit();
  file["date"] = latency::detail::utc_now();
  for (const row& r : rows) {
    const bool compared = !r.reference_name.empty();
    fmt::print("{:<58} {:>10.4g} {:<10} {:>4} {:>9}  {}{}{}\n", r.name, r.value, r.unit, r.n,
               r.spread ? fmt::format("{:.3g}", *r.spread) : "", ratio_text(r), r.work ? "  " : "",
               rate_text(r));
    nlohmann::ordered_json entry{
        {"name", r.name}, {"value", r.value}, {"unit", r.unit}, {"n", r.n}};
    entry["spread"] = r.spread ? nlohmann::ordered_json(*r.spread) : nullptr;
    entry["reference"] =
        compared ? nlohmann::ordered_json{{"name", r.reference_name}, {"value", r.reference_value}}
                 : nlohmann::ordered_json(nullptr);
    entry["ratio"] =
        compared ? nlohmann::ordered_json(rounded(r.value / r.reference_value)) : nullptr;
    if (r.work)
      entry["work"] = {{"amount", r.work->amount},
                       {"unit", r.work->type == done_work::kind::flops ? "FLOP" : "byte"}};
    if (r.ratio_interval)
      entry["ratio_interval"] = {{"low", rounded(r.ratio_interval->first)},
                                 {"high", rounded(r.ratio_interval->second)}};
    file["rows"].push_back(std::move(entry));
  }
  if (path.empty()) return;
  latency::detail::output_file out(path);
  const std::string text = file.dump(1) + "\n";
  out.write(text.data(), text.size());
  out.commit();
  fmt::print("wrote {}\n", path);
}

result_file parse_result_file(const std::string& text, const std::string& path) {
  nlohmann::json json;
  try {
    json = nlohmann::json::parse(text);
  } catch (const nlohmann::json::parse_error& e) {
    throw latency::error(path, fmt::format("byte {}", e.byte), "not JSON");
  } catch (const nlohmann::json::out_of_range&) {
    throw latency::error(path, "", "a number that no computer holds");
  }
  const result_object file(json, path, "");
  result_file result{
      file.text("machine"), file.text("command"), file.text("commit"), file.text("date"), {}};
  if (!file.member("rows").is_array()) file.fail("rows", "expected an array");
  for (const nlohmann::json& entry : file.member("rows"))
    result.rows.push_back(parse_row(entry, path, fmt::format("/rows/{}", result.rows.size())));
  return result;
}

std::string this_machine() {
  std::string processor = "unknown processor", line;
  for (std::ifstream info("/proc/cpuinfo"); std::getline(info, line);)
    if (line.rfind("model name", 0) == 0) {
      processor = line.substr(line.find(':') + 2);
      break;
    }
  utsname system{};
  uname(&system);
  return fmt::format("{}, {} cores, {} {}, {}", processor, std::thread::hardware_concurrency(),
                     system.sysname, system.machine,
#if defined(__clang__)
                     "clang " __clang_version__
#else
                     "g++ " __VERSION__
#endif
  );
}

}  // namespace benchmarks
