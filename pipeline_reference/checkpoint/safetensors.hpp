#pragma once
// Reader of safetensors files: weights, golden tensors, saved latents. The file is mapped, not
// read, so opening a checkpoint costs its header only and each tensor is touched once, when it is
// converted to fp32.
//
// The file is untrusted. Everything in its header is checked before a value is used, and every
// failure is a latency::error whose one line names the file, the tensor, what was expected and what
// was found.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace checkpoint {

using tensor_shape = std::vector<std::int64_t>;

enum class tensor_dtype {
  boolean,
  u8,
  i8,
  f8_e5m2,
  f8_e4m3,
  i16,
  u16,
  f16,
  bf16,
  i32,
  u32,
  f32,
  f64,
  i64,
  u64
};

std::string_view dtype_name(tensor_dtype dtype);  // as files spell it: "BF16"
std::size_t dtype_bytes(tensor_dtype dtype);
std::string shape_text(std::span<const std::int64_t> shape);  // "[64,16,3,3,3]"

struct tensor_entry {
  std::string name;
  tensor_dtype dtype{};
  tensor_shape shape;              // row-major, last dimension fastest; empty for a scalar
  std::int64_t elements = 1;       // product of shape
  std::uint64_t offset_bytes = 0;  // from the first byte after the header
  std::uint64_t size_bytes = 0;
};

struct expected_tensor {
  std::string name;
  tensor_shape shape;
};

// Thread rules: const members may be called from several threads. Truncating the file while it is
// open is undefined (the mapping would fault), as with any mapped file.
class safetensors_file {
 public:
  // Maps `path` and checks its header. Throws latency::error when the file cannot be opened, is cut
  // short, or lies.
  static safetensors_file open(const std::string& path);
  // The same over bytes that the caller keeps alive; `label` stands for the file name in errors.
  static safetensors_file from_memory(std::string label, std::span<const std::byte> bytes);

  const std::string& path() const { return path_; }
  const std::vector<tensor_entry>& entries() const { return entries_; }  // in the order of the data
  std::vector<std::string> names() const;
  bool contains(const std::string& name) const { return index_.count(name) != 0; }
  const tensor_entry& entry(const std::string& name) const;  // throws when absent
  std::span<const std::byte> bytes(const std::string& name) const;

  // The tensor widened to fp32 (F32, F16 and BF16 are exact). Throws when it is absent, when its
  // shape is another one, or when its dtype is none of these three. Cost: one pass over the tensor.
  std::vector<float> read_f32(const std::string& name, std::span<const std::int64_t> shape) const;
  void read_f32(const std::string& name, std::span<const std::int64_t> shape,
                std::span<float> out) const;
  // Entries [first, first + n) of its first dimension, likewise, n as many as fill `out`. Throws
  // also when these do not lie in it, or when `out` ends inside one. Cost: these entries only.
  void read_rows_f32(const std::string& name, std::span<const std::int64_t> shape,
                     std::int64_t first, std::span<float> out) const;
  // The bytes of a tensor of this shape when its dtype is BF16; empty for any other dtype. Throws
  // when it is absent or shaped otherwise.
  std::span<const std::byte> bf16_bytes(const std::string& name,
                                        std::span<const std::int64_t> shape) const;

  // Throws one line with the first few missing and unexpected names and the first wrong shape,
  // unless the file holds exactly `expected`. Names that begin with one of `ignored_prefixes` may
  // be present besides.
  void expect(const std::vector<expected_tensor>& expected,
              const std::vector<std::string>& ignored_prefixes = {}) const;

 private:
  safetensors_file(std::string path, std::shared_ptr<const void> owner,
                   std::span<const std::byte> bytes);
  const tensor_entry& entry_of_shape(const std::string& name,
                                     std::span<const std::int64_t> shape) const;
  // Elements [first, first + out.size()), which exist.
  void widen(const tensor_entry& entry, std::size_t first, std::span<float> out) const;

  std::string path_;
  std::shared_ptr<const void> owner_;  // keeps the mapping; null when the caller owns the bytes
  std::span<const std::byte> data_;
  std::vector<tensor_entry> entries_;
  std::unordered_map<std::string, std::size_t> index_;
};

}  // namespace checkpoint
