#include "benchmarks/result_file.hpp"

#include <fmt/format.h>
#include <sys/utsname.h>

#include <algorithm>
#include <fstream>
#include <latency/detail/output_file.hpp>
#include <latency/session.hpp>
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

}  // namespace

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
    const std::string ratio =
        compared ? fmt::format("{:.3f} x {}", r.value / r.reference_value, r.reference_name) : "";
    fmt::print("{:<58} {:>10.4g} {:<10} {:>4} {:>9}  {}\n", r.name, r.value, r.unit, r.n,
               r.spread ? fmt::format("{:.3g}", *r.spread) : "", ratio);
    nlohmann::ordered_json entry{
        {"name", r.name}, {"value", r.value}, {"unit", r.unit}, {"n", r.n}};
    entry["spread"] = r.spread ? nlohmann::ordered_json(*r.spread) : nullptr;
    entry["reference"] =
        compared ? nlohmann::ordered_json{{"name", r.reference_name}, {"value", r.reference_value}}
                 : nlohmann::ordered_json(nullptr);
    entry["ratio"] =
        compared ? nlohmann::ordered_json(rounded(r.value / r.reference_value)) : nullptr;
    file["rows"].push_back(std::move(entry));
  }
  if (path.empty()) return;
  latency::detail::output_file out(path);
  const std::string text = file.dump(1) + "\n";
  out.write(text.data(), text.size());
  out.commit();
  fmt::print("wrote {}\n", path);
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
