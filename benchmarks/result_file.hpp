#pragma once
// What a benchmark found, as rows that it prints and writes to benchmarks/results/ (schema:
// schemas/benchmark_result.schema.json). Samples of alternatives are taken in turn, round after
// round, so that drift of the machine meets all of them alike.

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace benchmarks {

// What was done in the time of a row.
struct done_work {
  enum class kind { flops, bytes };
  kind type = kind::bytes;
  double amount = 0;
};

struct row {
  std::string name;
  double value = 0;  // median of the samples
  std::string unit;
  std::size_t n = 0;
  std::optional<double> spread;  // interquartile range; none for a single sample
  std::string reference_name;    // empty: nothing to compare with
  double reference_value = 0;
  std::optional<done_work> work;                            // of a value in ms or us: gives a rate
  std::optional<std::pair<double, double>> ratio_interval;  // 95 %, of value / reference value
};

// "530.2 GFLOP" or "57.5 MB", and "661.2 TFLOP/s" or "2385 GB/s". Empty without work.
[[nodiscard]] std::string work_text(const row& r);
[[nodiscard]] std::string rate_text(const row& r);

// Median and interquartile range of samples.
[[nodiscard]] row summarize(std::string name, std::string unit, const std::vector<double>& samples);

// An alternative: called once a round, returns its figure in `unit`.
struct alternative {
  std::string name;
  std::function<double()> sample;
  std::string reference;  // name of another alternative to divide by, or empty
};

// Takes `rounds` samples of each, interleaved, after one round that does not count.
[[nodiscard]] std::vector<row> compare(const std::vector<alternative>& alternatives,
                                       const std::string& unit, int rounds);

// "1.03 x NAME" of a row's reference, or "1.028 (1.021 to 1.034) x NAME" where the interval is
// known; empty without a reference.
[[nodiscard]] std::string ratio_text(const row& r);

// Prints the rows as a table and writes the result file, unless `path` is empty. Throws
// latency::error.
void report(const std::vector<row>& rows, const std::string& machine, const std::string& command,
            const std::string& path);

// A result file, read back.
struct result_file {
  std::string machine, command, commit, date;
  std::vector<row> rows;
};

// `path` is the name in messages. Throws latency::error naming it and the place, for what is not
// JSON, lacks a key or has a value of the wrong type.
[[nodiscard]] result_file parse_result_file(const std::string& text, const std::string& path);

// Processor, cores and kernel of this machine, in words.
[[nodiscard]] std::string this_machine();

}  // namespace benchmarks
