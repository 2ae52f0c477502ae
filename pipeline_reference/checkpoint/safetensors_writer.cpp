#include "pipeline_reference/checkpoint/safetensors_writer.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "latency/detail/output_file.hpp"
#include "latency/error.hpp"

namespace checkpoint {

void write_safetensors(const std::string& path, const std::vector<tensor_to_write>& tensors) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  std::uint64_t end_bytes = 0;
  for (const tensor_to_write& tensor : tensors) {
    std::uint64_t elements = 1;
    for (const std::int64_t extent : tensor.shape) elements *= static_cast<std::uint64_t>(extent);
    if (elements != tensor.values.size())
      throw latency::error(path, tensor.name,
                           fmt::format("shape {} holds {} values, found {}",
                                       shape_text(tensor.shape), elements, tensor.values.size()));
    if (header.contains(tensor.name))
      throw latency::error(path, tensor.name, "the name stands there twice");
    const std::uint64_t begin_bytes = end_bytes;
    end_bytes += tensor.values.size_bytes();
    header[tensor.name] = {
        {"dtype", "F32"}, {"shape", tensor.shape}, {"data_offsets", {begin_bytes, end_bytes}}};
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');  // so that the data are aligned
  const auto length = static_cast<std::uint64_t>(text.size());

  latency::detail::output_file file(path);
  const auto write = [&](std::span<const std::byte> bytes) {
    file.write(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  };
  write(std::as_bytes(std::span(&length, 1)));  // little-endian, as the reader asserts
  write(std::as_bytes(std::span(text)));
  for (const tensor_to_write& tensor : tensors) write(std::as_bytes(tensor.values));
  file.commit();
}

}  // namespace checkpoint
