#include "benchmarks/synthetic_checkpoint.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <random>
#include <string_view>
#include <vector>

#include "latency/error.hpp"
#include "tests/pipeline_reference/checkpoint/pytorch_bytes.hpp"

namespace benchmarks {
namespace {

std::uint64_t bf16_bytes(const checkpoint::expected_tensor& tensor) {
  return static_cast<std::uint64_t>(checkpoint::element_count(tensor.shape)) * 2;
}

class random_bytes {
 public:
  // Calls `sink` with `count` bytes in all.
  template <class Sink>
  void feed(std::uint64_t count, const Sink& sink) {
    while (count > 0) {
      const std::uint64_t piece = std::min<std::uint64_t>(count, words_.size() * sizeof(words_[0]));
      for (std::uint64_t& word : words_) word = next_();
      sink(std::string_view(reinterpret_cast<const char*>(words_.data()), piece));
      count -= piece;
    }
  }

 private:
  std::mt19937_64 next_{1};
  std::vector<std::uint64_t> words_ = std::vector<std::uint64_t>(1 << 14);
};

class output {
 public:
  explicit output(const std::string& path) : path_(path), file_(path, std::ios::binary) {}
  void write(std::string_view bytes) {
    file_.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  }
  void close() {
    file_.close();
    if (!file_) throw latency::error(path_, "", "cannot be written");
  }

 private:
  std::string path_;
  std::ofstream file_;
};

}  // namespace

void write_bf16_safetensors(const std::string& path, const longlive::dit_config& config) {
  const std::vector<checkpoint::expected_tensor> tensors = longlive::dit_tensors(config);
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  std::uint64_t end = 0;
  for (const checkpoint::expected_tensor& tensor : tensors) {
    const std::uint64_t begin = end;
    end += bf16_bytes(tensor);
    header[tensor.name] = {
        {"dtype", "BF16"}, {"shape", tensor.shape}, {"data_offsets", {begin, end}}};
  }
  const std::string text = header.dump();
  output file(path);
  file.write(checkpoint::testing::little_endian_bytes<std::uint64_t>(text.size()) + text);
  random_bytes().feed(end, [&](std::string_view bytes) { file.write(bytes); });
  file.close();
}

void write_bf16_pytorch(const std::string& path, const longlive::dit_config& config) {
  namespace pickle = checkpoint::testing::pickle;
  const std::vector<checkpoint::expected_tensor> tensors = longlive::dit_tensors(config);
  std::vector<std::pair<std::string, std::string>> items;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const checkpoint::tensor_shape& shape = tensors[i].shape;
    items.emplace_back(
        fmt::format("model.{}", tensors[i].name),
        pickle::tensor({"BFloat16Storage", std::to_string(i), checkpoint::element_count(shape), 0,
                        shape, checkpoint::testing::row_major(shape)}));
  }
  output file(path);
  checkpoint::testing::zip_writer zip([&](std::string_view bytes) { file.write(bytes); });
  zip.add("archive/data.pkl", pickle::begin +
                                  pickle::dictionary({{"generator", pickle::dictionary(items)}}) +
                                  pickle::stop);
  zip.add("archive/byteorder", "little");
  random_bytes random;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    zip.begin(fmt::format("archive/data/{}", i));
    random.feed(bf16_bytes(tensors[i]), [&](std::string_view bytes) { zip.data(bytes); });
    zip.end();
  }
  zip.add("archive/version", "3\n");
  zip.finish();
  file.close();
}

}  // namespace benchmarks
