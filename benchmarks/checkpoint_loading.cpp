// How fast weights are loaded from a disk, against reading the same file from its first byte to its
// last, and how much memory that takes against the model's size.
//
//   checkpoint_loading [--bytes N] [--rounds N] [--folder DIR]
//                      [-o benchmarks/results/<machine>/checkpoint_loading.json]
//
// The checkpoints are the transformer's, in bf16 with random values, with as many layers as make up
// the size; once as safetensors, once as torch.save writes it. A sample is a process of its own and
// finds nothing of the file in the page cache.

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <filesystem>
#include <latency/latency.hpp>
#include <latency/memory.hpp>
#include <thread>

#include "benchmarks/in_a_child.hpp"
#include "benchmarks/result_file.hpp"
#include "benchmarks/synthetic_checkpoint.hpp"
#include "pipeline_reference/longlive/dit_checkpoint.hpp"
#include "pipeline_reference/longlive/dit_weights.hpp"
#include "pipeline_reference/ops/cpu/cpu_memory.hpp"

namespace {

// Closed and removed at the end.
class checkpoint_on_disk {
 public:
  using writer = void (*)(const std::string& path, const longlive::dit_config& c);
  checkpoint_on_disk(std::string path, writer write, const longlive::dit_config& c)
      : path_(std::move(path)) {
    try {
      write(path_, c);
      size_bytes_ = std::filesystem::file_size(path_);
    } catch (...) {
      remove();
      throw;
    }
  }
  ~checkpoint_on_disk() { remove(); }
  checkpoint_on_disk(const checkpoint_on_disk&) = delete;
  checkpoint_on_disk& operator=(const checkpoint_on_disk&) = delete;

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::uint64_t size_bytes() const { return size_bytes_; }

  // Takes it out of the page cache, and lets the disk rest.
  void forget() const {
    const int fd = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0 || ::fsync(fd) != 0 || ::posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) != 0)
      throw latency::error(path_, "", "cannot be taken out of the page cache");
    ::close(fd);
    std::this_thread::sleep_for(std::chrono::milliseconds(250));
  }

 private:
  void remove() const noexcept {
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
  }
  std::string path_;
  std::uint64_t size_bytes_ = 0;
};

// The disk's own rate: large reads in order, into one buffer.
void read_all(const std::string& path) {
  std::vector<char> buffer(std::size_t{8} << 20);
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) throw latency::error(path, "", "cannot open");
  ::posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
  while (::read(fd, buffer.data(), buffer.size()) > 0) continue;
  ::close(fd);
}

// As many layers as make up this size, at least one.
longlive::dit_config config_of_size(std::uint64_t bytes) {
  const auto size_with = [](std::int64_t layers) {
    longlive::dit_config c;
    c.layers = layers;
    return static_cast<double>(2 * checkpoint::element_count(longlive::dit_tensors(c)));
  };
  const double layer = size_with(2) - size_with(1);
  longlive::dit_config c;
  c.layers = std::max(1L, std::lround((static_cast<double>(bytes) - size_with(0)) / layer));
  c.validate();
  return c;
}

}  // namespace

int main(int argc, char** argv) try {
  CLI::App app{"Measures how fast weights are loaded."};
  double bytes = 5.7e9;
  int rounds = 5;
  std::string output, machine = benchmarks::this_machine(), folder = ".";
  app.add_option("--bytes", bytes, "of each checkpoint, to a layer")
      ->check(CLI::Range(1.0, 2e10))
      ->capture_default_str();
  app.add_option("--rounds", rounds, "samples of each figure")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  app.add_option("--folder", folder, "where the checkpoints go, on the disk to measure")
      ->check(CLI::ExistingDirectory);
  app.add_option("--machine", machine, "the machine, in words");
  app.add_option("-o", output, "result file to write");
  CLI11_PARSE(app, argc, argv);

  const longlive::dit_config config = config_of_size(static_cast<std::uint64_t>(bytes));
  const auto model_bytes =
      static_cast<double>(2 * checkpoint::element_count(longlive::dit_tensors(config)));
  const std::string stem = folder + fmt::format("/checkpoint_loading.{}", ::getpid());
  const checkpoint_on_disk safetensors(stem + ".safetensors", benchmarks::write_bf16_safetensors,
                                       config);
  const checkpoint_on_disk pytorch(stem + ".pt", benchmarks::write_bf16_pytorch, config);

  std::vector<benchmarks::alternative> alternatives;
  std::map<std::string, std::vector<double>> peaks;
  for (const auto& [format, file] :
       {std::pair("safetensors", &safetensors), {"PyTorch", &pytorch}}) {
    const auto rate = [file = file](const benchmarks::child_sample& s) {
      return static_cast<double>(file->size_bytes()) * 1e-9 / s.seconds;
    };
    const std::string raw = fmt::format("{}: read in order", format);
    alternatives.push_back({raw,
                            [file = file, rate] {
                              file->forget();
                              return rate(benchmarks::in_a_child([&] {
                                read_all(file->path());
                                return 0;
                              }));
                            },
                            ""});
    alternatives.push_back({fmt::format("{}: loaded", format),
                            [file = file, rate, &config, &peak = peaks[format]] {
                              file->forget();
                              ops::cpu::cpu_memory memory;
                              const benchmarks::child_sample s = benchmarks::in_a_child([&] {
                                return longlive::load_dit_weights(
                                    config, longlive::open_dit_weights(file->path(), false), memory,
                                    ops::dtype::bf16, nullptr);
                              });
                              peak.push_back(static_cast<double>(s.peak_rss_bytes));
                              return rate(s);
                            },
                            raw});
  }
  std::vector<benchmarks::row> rows = benchmarks::compare(alternatives, "GB/s", rounds);
  for (const auto& [format, samples] : peaks) {
    rows.push_back(
        benchmarks::summarize(fmt::format("{}: most memory resident", format), "bytes", samples));
    rows.back().reference_name = "the model in bf16";
    rows.back().reference_value = model_bytes;
  }
  benchmarks::report(rows, machine,
                     fmt::format("checkpoint_loading --bytes {:.0f} --rounds {}", bytes, rounds),
                     output);
} catch (const latency::error& e) {
  std::fprintf(stderr, "checkpoint_loading: %s\n", e.what());
  return 2;
}
